/* The HPET on the virtual clock. Its state is under a mutex of its own, as guests read
 * the counter often and from all CPUs; interrupts are driven under it, that those of
 * the timer and of the guest's acknowledgement keep their order. */
#include "hw/hpet.h"

#include <errno.h>
#include <stdlib.h>

#include "hw/hpet_internal.h"

LOCK_CLASS_DEFINE(hpet_class, RANK_LEAF);

#define SIZE   0x400
#define ROUTES UINT32_C(0x00ff0800) /* what timers may use: 11 and 16 to 23 */

enum reg {
    REG_ID = 0,
    REG_CONFIG = 0x10,
    REG_STATUS = 0x20,
    REG_COUNTER = 0xf0,
    REG_TIMERS = 0x100
};

static uint64_t read_timer(const struct hpet *h, uint64_t offset) REQUIRES(&h -> lock)
{
    const struct hpet_comparator *t = &h->timer[(offset - REG_TIMERS) / 32 % HPET_TIMERS];

    switch (offset % 32) {
    case 0:
        return t->config;
    case 8:
        return t->compare;
    case 16:
        return t->fsb;
    default:
        return 0;
    }
}

static uint64_t read_register(const struct hpet *h, uint64_t offset) REQUIRES(&h -> lock)
{
    switch (offset) {
    case REG_ID: /* period, vendor, legacy capable, 64 bits, timers, revision */
        return (uint64_t)HPET_PERIOD << 32 | 0x8086u << 16 | 1u << 15 | 1u << 13 |
               (HPET_TIMERS - 1) << 8 | 1;
    case REG_CONFIG:
        return h->config;
    case REG_STATUS:
        return h->status;
    case REG_COUNTER:
        return hpet_counter_at(h, aio_clock_get_ns(AIO_CLOCK_VIRTUAL));
    default:
        return offset >= REG_TIMERS && offset < REG_TIMERS + HPET_TIMERS * 32
                   ? read_timer(h, offset)
                   : 0;
    }
}

static enum memory_result hpet_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct hpet *h = opaque;
    uint64_t reg;

    mutex_lock(&h->lock);
    reg = read_register(h, offset & ~UINT64_C(7));
    mutex_unlock(&h->lock);
    *value = size == 8 ? reg : (uint32_t)(reg >> (offset & 4) * 8);
    return MEMORY_OK;
}

static void write_config(struct hpet *h, uint64_t v, int64_t now) REQUIRES(&h -> lock)
{
    uint64_t count = hpet_counter_at(h, now);
    unsigned before[HPET_TIMERS];

    h->counter = count;
    h->base = now;
    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        hpet_forget(h, n);
        before[n] = hpet_route_of(h, n);
    }
    h->config = v & (HPET_CONFIG_RUN | HPET_CONFIG_LEGACY);
    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        hpet_update_line(h, before[n]);
        hpet_update_line(h, hpet_route_of(h, n));
        hpet_arm(h, n, now);
    }
}

static void configure_timer(struct hpet *h, unsigned n, uint64_t v) REQUIRES(&h -> lock)
{
    struct hpet_comparator *t = &h->timer[n];
    bool level_before = t->config & HPET_TIMER_LEVEL;
    unsigned before = hpet_route_of(h, n);

    hpet_forget(h, n);
    t->config = (t->config & ~(uint64_t)HPET_TIMER_WRITABLE) | (v & HPET_TIMER_WRITABLE);
    if (t->config & HPET_TIMER_32) {
        t->compare &= UINT32_MAX;
        t->period &= UINT32_MAX;
    }
    if (!(t->config & HPET_TIMER_LEVEL)) {
        h->status &= ~(UINT64_C(1) << n);
    }
    if (level_before) {
        hpet_update_line(h, before);
    }
    if (t->config & HPET_TIMER_LEVEL) {
        hpet_update_line(h, hpet_route_of(h, n));
    }
}

static void write_timer(struct hpet *h, uint64_t offset, uint64_t v, int64_t now)
    REQUIRES(&h -> lock)
{
    unsigned n = (unsigned)((offset - REG_TIMERS) / 32 % HPET_TIMERS);
    struct hpet_comparator *t = &h->timer[n];

    switch (offset % 32) {
    case 0:
        configure_timer(h, n, v);
        break;
    case 8:
        hpet_forget(h, n);
        v &= hpet_mask_of(t);
        if (!(t->config & HPET_TIMER_PERIODIC) || (t->config & HPET_TIMER_SET)) {
            t->compare = v;
        }
        if (t->config & HPET_TIMER_PERIODIC) {
            t->period = v;
        }
        t->config &= ~(uint64_t)HPET_TIMER_SET;
        break;
    case 16:
        t->fsb = v;
        break;
    default:
        break;
    }
    hpet_arm(h, n, now);
}

static void write_register(struct hpet *h, uint64_t offset, uint64_t v) REQUIRES(&h -> lock)
{
    int64_t now = aio_clock_get_ns(AIO_CLOCK_VIRTUAL);

    switch (offset) {
    case REG_CONFIG:
        write_config(h, v, now);
        break;
    case REG_STATUS:
        v &= h->status;
        h->status &= ~v;
        for (unsigned n = 0; n < HPET_TIMERS; n++) {
            if ((v >> n & 1) && (h->timer[n].config & HPET_TIMER_LEVEL)) {
                hpet_acknowledged(h, n);
            }
        }
        break;
    case REG_COUNTER:
        h->counter = v;
        h->base = now;
        for (unsigned n = 0; n < HPET_TIMERS; n++) {
            hpet_arm(h, n, now);
        }
        break;
    default:
        if (offset >= REG_TIMERS && offset < REG_TIMERS + HPET_TIMERS * 32) {
            write_timer(h, offset, v, now);
        }
        break;
    }
}

static enum memory_result hpet_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct hpet *h = opaque;
    uint64_t at = offset & ~UINT64_C(7);

    mutex_lock(&h->lock);
    if (size == 4) { /* the other half stays, except that a status bit there is not cleared */
        uint64_t reg = at == REG_STATUS ? 0 : read_register(h, at);

        value =
            offset & 4 ? (reg & UINT32_MAX) | value << 32 : (reg & ~(uint64_t)UINT32_MAX) | value;
    }
    write_register(h, at, value);
    mutex_unlock(&h->lock);
    return MEMORY_OK;
}

static const struct memory_ops hpet_ops = {
    .read = hpet_read, .write = hpet_write, .min_size = 4, .max_size = 8};

static void tick_pit(void *opaque, unsigned n, unsigned count)
{
    struct hpet *h = opaque;
    (void)n;

    mutex_lock(&h->lock);
    if (!(h->config & HPET_CONFIG_LEGACY)) {
        hpet_tick(h, 0, count);
    }
    mutex_unlock(&h->lock);
}

static void set_legacy(struct hpet *h, unsigned gsi, bool level)
{
    mutex_lock(&h->lock);
    if (!(h->config & HPET_CONFIG_LEGACY)) {
        hpet_drive(h, gsi, level);
    }
    mutex_unlock(&h->lock);
}

static void set_pit(void *opaque, unsigned n, bool level)
{
    (void)n;
    set_legacy(opaque, 0, level);
}

static void set_rtc(void *opaque, unsigned n, bool level)
{
    (void)n;
    set_legacy(opaque, 8, level);
}

struct irq hpet_pit_line(struct hpet *h)
{
    return (struct irq){.set = set_pit, .tick = tick_pit, .opaque = h};
}

struct irq hpet_rtc_line(struct hpet *h)
{
    return (struct irq){.set = set_rtc, .opaque = h};
}

void hpet_reset(void *opaque)
{
    struct hpet *h = opaque;

    mutex_lock(&h->lock);
    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        struct hpet_comparator *t = &h->timer[n];

        if (t->config & HPET_TIMER_LEVEL) {
            hpet_drive(h, hpet_route_of(h, n), false);
        }
        aio_timer_del(&t->timer);
        t->config =
            (uint64_t)ROUTES << 32 | HPET_TIMER_CAN_PERIOD | HPET_TIMER_IS_64 | HPET_TIMER_CAN_FSB;
        t->compare = UINT64_MAX;
        t->period = t->fsb = 0;
        t->owed = 0;
    }
    h->config = h->status = h->counter = 0;
    mutex_unlock(&h->lock);
}

int hpet_new(struct memory_region *memory, const struct hpet_lines *lines, struct hpet **out,
             struct error *err)
{
    struct hpet *h = calloc(1, sizeof(*h));

    if (!h) {
        return error_set(err, ENOMEM, "hpet: out of memory");
    }
    h->lines = *lines;
    mutex_init(&h->lock, &hpet_class);
    mutex_lock(&h->lock);
    hpet_comparators_init(h);
    mutex_unlock(&h->lock);
    hpet_reset(h);
    memory_region_init_io(&h->region, &hpet_ops, h, "hpet", SIZE);
    memory_region_set_lockless(&h->region);
    memory_region_add(memory, HPET_BASE, &h->region, 1);
    *out = h;
    return 0;
}

void hpet_free(struct hpet *h)
{
    memory_region_destroy(&h->region);
    mutex_lock(&h->lock);
    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        aio_timer_del(&h->timer[n].timer);
    }
    mutex_unlock(&h->lock);
    mutex_destroy(&h->lock);
    free(h);
}
