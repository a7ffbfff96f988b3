/* The HPET's comparators: the counter, when they match it, and their interrupts.
 *
 * If the main loop is late, a periodic comparator interrupts as often as periods have
 * passed: edges and messages by irq_tick, levels here, each when the guest has cleared
 * the status bit of the one before. Comparators may share a line, which is up while one of them
 * holds it up. */
#include <limits.h>

#include "aio/main_loop.h"
#include "hw/hpet_internal.h"

#define TICK_NS       (HPET_PERIOD / 1000000)
#define PERIOD_MIN_NS 50000 /* of a periodic timer: the main loop has other things to do */

uint64_t hpet_counter_at(const struct hpet *h, int64_t now)
{
    return h->config & HPET_CONFIG_RUN ? h->counter + (uint64_t)(now - h->base) / TICK_NS
                                       : h->counter;
}

uint64_t hpet_mask_of(const struct hpet_comparator *t)
{
    return t->config & HPET_TIMER_32 ? UINT32_MAX : UINT64_MAX;
}

unsigned hpet_route_of(const struct hpet *h, unsigned n)
{
    if (n < 2 && (h->config & HPET_CONFIG_LEGACY)) {
        return n == 0 ? 0 : 8;
    }
    return h->timer[n].config >> HPET_TIMER_ROUTE_SHIFT & 31;
}

void hpet_drive(struct hpet *h, unsigned gsi, bool level)
{
    if (gsi < HPET_GSIS) {
        irq_set(&h->lines.gsi[gsi], level);
    }
}

void hpet_tick(struct hpet *h, unsigned gsi, unsigned count)
{
    if (gsi < HPET_GSIS) {
        irq_tick(&h->lines.gsi[gsi], count);
    }
}

static bool holds_line(const struct hpet *h, unsigned n) REQUIRES(&h -> lock)
{
    uint64_t config = h->timer[n].config;

    return (h->status >> n & 1) && (config & HPET_TIMER_LEVEL) && (config & HPET_TIMER_INTERRUPT) &&
           !(config & HPET_TIMER_FSB) && (h->config & HPET_CONFIG_RUN);
}

void hpet_update_line(struct hpet *h, unsigned gsi)
{
    bool level = false;

    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        level = level || (hpet_route_of(h, n) == gsi && holds_line(h, n));
    }
    hpet_drive(h, gsi, level);
}

/* Comparator n has matched so often, at least once, since this was called last. */
static void interrupt(struct hpet *h, unsigned n, uint64_t times) REQUIRES(&h -> lock)
{
    struct hpet_comparator *t = &h->timer[n];
    unsigned ticks = (unsigned)(times < UINT_MAX ? times : UINT_MAX);

    if (t->config & HPET_TIMER_LEVEL) {
        uint64_t owed = t->owed + times - !(h->status >> n & 1);

        t->owed = (unsigned)(owed < IRQ_OWED_MAX ? owed : IRQ_OWED_MAX);
        h->status |= UINT64_C(1) << n;
    }
    if (!(t->config & HPET_TIMER_INTERRUPT) || !(h->config & HPET_CONFIG_RUN)) {
        return;
    }
    if (t->config & HPET_TIMER_FSB) {
        h->lines.send(h->lines.send_opaque, t->fsb >> 32, (uint32_t)t->fsb, ticks);
    } else if (t->config & HPET_TIMER_LEVEL) {
        hpet_update_line(h, hpet_route_of(h, n));
    } else {
        hpet_tick(h, hpet_route_of(h, n), ticks);
        hpet_update_line(h, hpet_route_of(h, n));
    }
}

void hpet_acknowledged(struct hpet *h, unsigned n)
{
    struct hpet_comparator *t = &h->timer[n];

    hpet_update_line(h, hpet_route_of(h, n));
    if (t->owed) {
        t->owed--;
        h->status |= UINT64_C(1) << n;
        hpet_update_line(h, hpet_route_of(h, n));
    }
}

void hpet_forget(struct hpet *h, unsigned n)
{
    struct hpet_comparator *t = &h->timer[n];

    t->owed = 0;
    if ((t->config & HPET_TIMER_PERIODIC) && !(t->config & (HPET_TIMER_LEVEL | HPET_TIMER_FSB))) {
        hpet_tick(h, hpet_route_of(h, n), 0);
    }
}

void hpet_arm(struct hpet *h, unsigned n, int64_t now)
{
    struct hpet_comparator *t = &h->timer[n];
    uint64_t ticks = (t->compare - hpet_counter_at(h, now)) & hpet_mask_of(t);
    int64_t ns;

    if (!(h->config & HPET_CONFIG_RUN) || !(t->config & HPET_TIMER_INTERRUPT)) {
        aio_timer_del(&t->timer);
        return;
    }
    /* Just missed, or further than any guest waits: a wrap of 64 bits is no event. */
    ns = ticks > INT64_MAX / TICK_NS / 2 ? INT64_MAX / 2 : (int64_t)ticks * TICK_NS;
    aio_timer_mod(&t->timer, aio_ns_after(now, ns));
}

static void match(struct hpet *h, unsigned n, int64_t now) REQUIRES(&h -> lock)
{
    struct hpet_comparator *t = &h->timer[n];
    uint64_t behind = (hpet_counter_at(h, now) - t->compare) & hpet_mask_of(t);

    if (!(h->config & HPET_CONFIG_RUN) || behind > hpet_mask_of(t) / 2) {
        hpet_arm(h, n, now); /* its time has been changed meanwhile */
        return;
    }
    if ((t->config & HPET_TIMER_PERIODIC) && t->period) {
        uint64_t period = t->period;

        if (period < PERIOD_MIN_NS / TICK_NS) {
            period = PERIOD_MIN_NS / TICK_NS;
        }
        interrupt(h, n, behind / period + 1);
        t->compare = (t->compare + (behind / period + 1) * period) & hpet_mask_of(t);
        hpet_arm(h, n, now);
        return;
    }
    interrupt(h, n, 1);
    if (t->config & HPET_TIMER_32) {
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

void hpet_comparators_init(struct hpet *h)
{
    static aio_timer_fn *const expire[HPET_TIMERS] = {on_timer_0, on_timer_1, on_timer_2};

    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        aio_timer_init(&h->timer[n].timer, main_loop_context(), AIO_CLOCK_VIRTUAL, expire[n], h);
    }
}
