/* The HPET on the virtual clock. Its state is under a mutex of its own, as guests read
 * the counter often and from all CPUs; interrupts are driven under it, that those of
 * the timer and of the guest's acknowledgement keep their order.
 *
 * If the main loop is late, a periodic comparator interrupts as often as periods have
 * passed: edges and messages by irq_tick, levels here, each when the guest has cleared
 * the status bit of the one before. */
#include "hw/hpet.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "aio/main_loop.h"
#include "aio/timer.h"
#include "locks/mutex.h"

LOCK_CLASS_DEFINE(hpet_class, RANK_LEAF);

#define TIMERS        3
#define TICK_NS       (HPET_PERIOD / 1000000)
#define SIZE          0x400
#define PERIOD_MIN_NS 50000 /* of a periodic timer: the main loop has other things to do */
#define ROUTES        UINT32_C(0x00ff0800) /* what timers may use: 11 and 16 to 23 */

enum reg {
    REG_ID = 0,
    REG_CONFIG = 0x10,
    REG_STATUS = 0x20,
    REG_COUNTER = 0xf0,
    REG_TIMERS = 0x100
};

#define CONFIG_RUN    1u
#define CONFIG_LEGACY 2u

#define TIMER_LEVEL       (1u << 1)
#define TIMER_INTERRUPT   (1u << 2)
#define TIMER_PERIODIC    (1u << 3)
#define TIMER_CAN_PERIOD  (1u << 4)
#define TIMER_IS_64       (1u << 5)
#define TIMER_SET         (1u << 6)
#define TIMER_32          (1u << 8)
#define TIMER_ROUTE_SHIFT 9
#define TIMER_FSB         (1u << 14)
#define TIMER_CAN_FSB     (1u << 15)
#define TIMER_WRITABLE    0x7f4eu

struct OWNED_BY(holder of the lock of its hpet) comparator {
    struct aio_timer timer;
    uint64_t config; /* with the routes in the upper half */
    uint64_t compare, period;
    unsigned owed; /* level-triggered interrupts to come when the status bit is cleared */
    uint64_t fsb;  /* data, and address in the upper half */
};

struct hpet {
    struct memory_region region;
    struct hpet_lines lines IMMUTABLE_AFTER_INIT;
    struct mutex lock;
    struct comparator timer[TIMERS] GUARDED_BY(&lock);
    uint64_t config GUARDED_BY(&lock), status GUARDED_BY(&lock);
    uint64_t counter GUARDED_BY(&lock); /* while it stands, and what it was at `base` */
    int64_t base GUARDED_BY(&lock);     /* virtual ns */
};

static uint64_t counter_at(const struct hpet *h, int64_t now) REQUIRES(&h -> lock)
{
    return h->config & CONFIG_RUN ? h->counter + (uint64_t)(now - h->base) / TICK_NS : h->counter;
}

static uint64_t mask_of(const struct comparator *t)
{
    return t->config & TIMER_32 ? UINT32_MAX : UINT64_MAX;
}

static unsigned route_of(const struct hpet *h, unsigned n) REQUIRES(&h -> lock)
{
    if (n < 2 && (h->config & CONFIG_LEGACY)) {
        return n == 0 ? 0 : 8;
    }
    return h->timer[n].config >> TIMER_ROUTE_SHIFT & 31;
}

static void drive(struct hpet *h, unsigned gsi, bool level) REQUIRES(&h -> lock)
{
    if (gsi < HPET_GSIS) {
        irq_set(&h->lines.gsi[gsi], level);
    }
}

static void tick(struct hpet *h, unsigned gsi, unsigned count) REQUIRES(&h -> lock)
{
    if (gsi < HPET_GSIS) {
        irq_tick(&h->lines.gsi[gsi], count);
    }
}

/* What timer n's status bit means for its line. */
static void update_level(struct hpet *h, unsigned n) REQUIRES(&h -> lock)
{
    const struct comparator *t = &h->timer[n];

    drive(h, route_of(h, n),
          (h->status >> n & 1) && (t->config & TIMER_INTERRUPT) && (h->config & CONFIG_RUN));
}

/* Comparator n has matched so often, at least once, since this was called last. */
static void interrupt(struct hpet *h, unsigned n, uint64_t times) REQUIRES(&h -> lock)
{
    struct comparator *t = &h->timer[n];
    unsigned ticks = (unsigned)(times < UINT_MAX ? times : UINT_MAX);

    if (t->config & TIMER_LEVEL) {
        uint64_t owed = t->owed + times - !(h->status >> n & 1);

        t->owed = (unsigned)(owed < IRQ_OWED_MAX ? owed : IRQ_OWED_MAX);
        h->status |= UINT64_C(1) << n;
    }
    if (!(t->config & TIMER_INTERRUPT) || !(h->config & CONFIG_RUN)) {
        return;
    }
    if (t->config & TIMER_FSB) {
        h->lines.send(h->lines.send_opaque, t->fsb >> 32, (uint32_t)t->fsb, ticks);
    } else if (t->config & TIMER_LEVEL) {
        update_level(h, n);
    } else {
        tick(h, route_of(h, n), ticks);
        drive(h, route_of(h, n), false);
    }
}

/* The guest has taken the level-triggered interrupt of comparator n. */
static void acknowledged(struct hpet *h, unsigned n) REQUIRES(&h -> lock)
{
    struct comparator *t = &h->timer[n];

    update_level(h, n);
    if (t->owed) {
        t->owed--;
        h->status |= UINT64_C(1) << n;
        update_level(h, n);
    }
}

/* What a periodic comparator owes is forgotten: the guest sets it anew. */
static void forget(struct hpet *h, unsigned n) REQUIRES(&h -> lock)
{
    struct comparator *t = &h->timer[n];

    t->owed = 0;
    if ((t->config & TIMER_PERIODIC) && !(t->config & (TIMER_LEVEL | TIMER_FSB))) {
        tick(h, route_of(h, n), 0);
    }
}

/* Sets the host timer of comparator n to when it matches next. */
static void arm(struct hpet *h, unsigned n, int64_t now) REQUIRES(&h -> lock)
{
    struct comparator *t = &h->timer[n];
    uint64_t ticks = (t->compare - counter_at(h, now)) & mask_of(t);
    int64_t ns;

    if (!(h->config & CONFIG_RUN) || !(t->config & TIMER_INTERRUPT)) {
        aio_timer_del(&t->timer);
        return;
    }
    /* Just missed, or further than any guest waits: a wrap of 64 bits is no event. */
    ns = ticks > INT64_MAX / TICK_NS / 2 ? INT64_MAX / 2 : (int64_t)ticks * TICK_NS;
    aio_timer_mod(&t->timer, aio_ns_after(now, ns));
}

static void match(struct hpet *h, unsigned n, int64_t now) REQUIRES(&h -> lock)
{
    struct comparator *t = &h->timer[n];
    uint64_t behind = (counter_at(h, now) - t->compare) & mask_of(t);

    if (!(h->config & CONFIG_RUN) || behind > mask_of(t) / 2) {
        arm(h, n, now); /* its time has been changed meanwhile */
        return;
    }
    if ((t->config & TIMER_PERIODIC) && t->period) {
        uint64_t period = t->period;

        if (period < PERIOD_MIN_NS / TICK_NS) {
            period = PERIOD_MIN_NS / TICK_NS;
        }
        interrupt(h, n, behind / period + 1);
        t->compare = (t->compare + (behind / period + 1) * period) & mask_of(t);
        arm(h, n, now);
        return;
    }
    interrupt(h, n, 1);
    if (t->config & TIMER_32) {
        /* It matches again when the low half has gone round. */
        aio_timer_mod(&t->timer, aio_ns_after(now, (INT64_C(1) << 32) * TICK_NS));
    }
}

static void expired(struct hpet *h, unsigned n)
{
    int64_t now = aio_clock_get_ns(AIO_CLOCK_VIRTUAL);

    mutex_lock(&h->lock);
    match(h, n, now);
    mutex_unlock(&h->lock);
}

static void on_timer_0(void *opaque)
{
    expired(opaque, 0);
}

static void on_timer_1(void *opaque)
{
    expired(opaque, 1);
}

static void on_timer_2(void *opaque)
{
    expired(opaque, 2);
}

static uint64_t read_timer(const struct hpet *h, uint64_t offset) REQUIRES(&h -> lock)
{
    const struct comparator *t = &h->timer[(offset - REG_TIMERS) / 32 % TIMERS];

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
               (TIMERS - 1) << 8 | 1;
    case REG_CONFIG:
        return h->config;
    case REG_STATUS:
        return h->status;
    case REG_COUNTER:
        return counter_at(h, aio_clock_get_ns(AIO_CLOCK_VIRTUAL));
    default:
        return offset >= REG_TIMERS && offset < REG_TIMERS + TIMERS * 32 ? read_timer(h, offset)
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
    uint64_t count = counter_at(h, now);

    h->counter = count;
    h->base = now;
    for (unsigned n = 0; n < TIMERS; n++) {
        forget(h, n);
        drive(h, route_of(h, n), false); /* routes may change */
    }
    h->config = v & (CONFIG_RUN | CONFIG_LEGACY);
    for (unsigned n = 0; n < TIMERS; n++) {
        if (h->timer[n].config & TIMER_LEVEL) {
            update_level(h, n);
        }
        arm(h, n, now);
    }
}

static void write_timer(struct hpet *h, uint64_t offset, uint64_t v, int64_t now)
    REQUIRES(&h -> lock)
{
    unsigned n = (unsigned)((offset - REG_TIMERS) / 32 % TIMERS);
    struct comparator *t = &h->timer[n];

    switch (offset % 32) {
    case 0:
        forget(h, n);
        if (t->config & TIMER_LEVEL) {
            drive(h, route_of(h, n), false);
        }
        t->config = (t->config & ~(uint64_t)TIMER_WRITABLE) | (v & TIMER_WRITABLE);
        if (t->config & TIMER_32) {
            t->compare &= UINT32_MAX;
            t->period &= UINT32_MAX;
        }
        if (t->config & TIMER_LEVEL) {
            update_level(h, n);
        } else {
            h->status &= ~(UINT64_C(1) << n);
        }
        break;
    case 8:
        forget(h, n);
        v &= mask_of(t);
        if (!(t->config & TIMER_PERIODIC) || (t->config & TIMER_SET)) {
            t->compare = v;
        }
        if (t->config & TIMER_PERIODIC) {
            t->period = v;
        }
        t->config &= ~(uint64_t)TIMER_SET;
        break;
    case 16:
        t->fsb = v;
        break;
    default:
        break;
    }
    arm(h, n, now);
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
        for (unsigned n = 0; n < TIMERS; n++) {
            if ((v >> n & 1) && (h->timer[n].config & TIMER_LEVEL)) {
                acknowledged(h, n);
            }
        }
        break;
    case REG_COUNTER:
        h->counter = v;
        h->base = now;
        for (unsigned n = 0; n < TIMERS; n++) {
            arm(h, n, now);
        }
        break;
    default:
        if (offset >= REG_TIMERS && offset < REG_TIMERS + TIMERS * 32) {
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
    if (!(h->config & CONFIG_LEGACY)) {
        tick(h, 0, count);
    }
    mutex_unlock(&h->lock);
}

static void set_legacy(struct hpet *h, unsigned gsi, bool level)
{
    mutex_lock(&h->lock);
    if (!(h->config & CONFIG_LEGACY)) {
        drive(h, gsi, level);
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
    for (unsigned n = 0; n < TIMERS; n++) {
        struct comparator *t = &h->timer[n];

        if (t->config & TIMER_LEVEL) {
            drive(h, route_of(h, n), false);
        }
        aio_timer_del(&t->timer);
        t->config = (uint64_t)ROUTES << 32 | TIMER_CAN_PERIOD | TIMER_IS_64 | TIMER_CAN_FSB;
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
    static aio_timer_fn *const expire[TIMERS] = {on_timer_0, on_timer_1, on_timer_2};
    struct hpet *h = calloc(1, sizeof(*h));

    if (!h) {
        return error_set(err, ENOMEM, "hpet: out of memory");
    }
    h->lines = *lines;
    mutex_init(&h->lock, &hpet_class);
    mutex_lock(&h->lock);
    for (unsigned n = 0; n < TIMERS; n++) {
        aio_timer_init(&h->timer[n].timer, main_loop_context(), AIO_CLOCK_VIRTUAL, expire[n], h);
    }
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
    for (unsigned n = 0; n < TIMERS; n++) {
        aio_timer_del(&h->timer[n].timer);
    }
    mutex_unlock(&h->lock);
    mutex_destroy(&h->lock);
    free(h);
}
