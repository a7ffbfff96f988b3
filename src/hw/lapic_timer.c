/* The local APIC's timer: a count on the virtual clock, once or periodically, or a
 * deadline in the guest's TSC. The vCPU's thread sets it, the main loop's thread runs
 * it. If that thread is late, so many interrupts are given as periods have passed (see
 * irq_tick); once or at a deadline there is one. A callback that another setting has overtaken
 * finds that its time has not come and does nothing. What is due when the guest changes the
 * count, the rate or the mode comes before the change, by the LVT entry that it was due with;
 * so that entry is written under the timer's lock. */
#include "aio/main_loop.h"
#include "exec/icount.h"
#include "hw/lapic_internal.h"
#include "hw/ticks.h"

#include <limits.h>

LOCK_CLASS_DEFINE(lapic_timer_class, RANK_LEAF);

/* A period shorter than this is stretched: the guest must not keep the main loop
 * from everything else. */
#define PERIOD_MIN_NS 50000

static uint32_t entry_of(const struct lapic *l)
{
    return lapic_get(&l->lvt[LVT_TIMER]);
}

static bool is_periodic(uint32_t entry)
{
    return (entry & LVT_TIMER_MODE) == TIMER_PERIODIC;
}

static bool is_deadline(uint32_t entry)
{
    return (entry & LVT_TIMER_MODE) == TIMER_DEADLINE;
}

/* Nanoseconds that a count takes: 2 to this power. */
static unsigned count_shift(const struct lapic_timer *t) REQUIRES(&t -> lock)
{
    return (((t->divider & 3) | (t->divider >> 1 & 4)) + 1) & 7;
}

/* Nanoseconds from the initial count to 0. */
static int64_t period_ns(const struct lapic_timer *t) REQUIRES(&t -> lock)
{
    return (int64_t)((uint64_t)t->initial << count_shift(t));
}

static int64_t interval_ns(const struct lapic_timer *t, uint32_t entry) REQUIRES(&t -> lock)
{
    int64_t period = period_ns(t);

    return is_periodic(entry) && period < PERIOD_MIN_NS ? PERIOD_MIN_NS : period;
}

/* Sets the timer going as its registers say, from now on. */
static void restart(struct lapic_timer *t, uint32_t entry, int64_t now) REQUIRES(&t -> lock)
{
    t->expires = t->initial && !is_deadline(entry) ? now + interval_ns(t, entry) : -1;
}

/* Whether an interrupt is due, in the mode of that LVT entry, and of how many periods (0:
 * once). The next one's time follows from it. */
static bool take_due(struct lapic_timer *t, uint32_t entry, int64_t now, unsigned *ticks)
    REQUIRES(&t -> lock)
{
    *ticks = 0;
    if (t->expires < 0 || now < t->expires) {
        return false;
    }
    if (is_periodic(entry)) {
        int64_t period = interval_ns(t, entry);
        int64_t passed = (now - t->expires) / period + 1;

        t->expires += passed * period;
        *ticks = (unsigned)(passed < UINT_MAX ? passed : UINT_MAX);
    } else {
        t->expires = -1;
    }
    return true;
}

static void arm(struct lapic_timer *t, int64_t expires)
{
    if (expires < 0) {
        aio_timer_del(&t->count_timer);
    } else {
        aio_timer_mod(&t->count_timer, expires);
    }
}

static void on_count(void *opaque)
{
    struct lapic *l = opaque;
    struct lapic_timer *t = &l->timer;
    int64_t now = aio_clock_get_ns(AIO_CLOCK_VIRTUAL);
    int64_t expires;
    uint32_t entry;
    unsigned ticks;
    bool due;

    spinlock_lock(&t->lock);
    entry = entry_of(l);
    due = take_due(t, entry, now, &ticks);
    expires = t->expires;
    spinlock_unlock(&t->lock);
    if (expires >= 0) {
        aio_timer_mod_anticipate(&t->count_timer, expires);
    }
    if (due) {
        lapic_raise_timer(l, entry, ticks);
    }
}

/* What sys_cpu_tsc_to_ns gives times of. */
static enum aio_clock deadline_clock(void)
{
    return icount_enabled() ? AIO_CLOCK_VIRTUAL : AIO_CLOCK_HOST;
}

static void on_deadline(void *opaque)
{
    struct lapic *l = opaque;
    struct lapic_timer *t = &l->timer;
    int64_t now = aio_clock_get_ns(deadline_clock());
    bool due;

    spinlock_lock(&t->lock);
    due = t->deadline != 0 && now >= t->deadline_ns;
    if (due) {
        t->deadline = 0;
    }
    spinlock_unlock(&t->lock);
    if (due) {
        lapic_raise_lvt(l, LVT_TIMER);
    }
}

void lapic_timer_init(struct lapic *l)
{
    struct lapic_timer *t = &l->timer;

    spinlock_init(&t->lock, &lapic_timer_class);
    aio_timer_init(&t->count_timer, main_loop_context(), AIO_CLOCK_VIRTUAL, on_count, l);
    aio_timer_init(&t->deadline_timer, main_loop_context(), deadline_clock(), on_deadline, l);
    lapic_timer_reset(l);
}

void lapic_timer_free(struct lapic *l)
{
    aio_timer_del(&l->timer.count_timer);
    aio_timer_del(&l->timer.deadline_timer);
}

void lapic_timer_reset(struct lapic *l)
{
    struct lapic_timer *t = &l->timer;

    spinlock_lock(&t->lock);
    t->initial = t->divider = 0;
    t->expires = -1;
    t->deadline = 0;
    spinlock_unlock(&t->lock);
    aio_timer_del(&t->count_timer);
    aio_timer_del(&t->deadline_timer);
}

/* Of periods that were due there is one interrupt: no more is owed of a count that is over. */
void lapic_timer_set_initial(struct lapic *l, uint32_t count)
{
    struct lapic_timer *t = &l->timer;
    int64_t now = aio_clock_get_ns(AIO_CLOCK_VIRTUAL);
    uint32_t entry = entry_of(l);
    int64_t expires;
    unsigned ticks;
    bool due;

    if (is_deadline(entry)) {
        return;
    }
    spinlock_lock(&t->lock);
    due = take_due(t, entry, now, &ticks);
    t->initial = count;
    restart(t, entry, now);
    expires = t->expires;
    spinlock_unlock(&t->lock);
    arm(t, expires);
    if (due) {
        lapic_raise_timer(l, entry, 0);
    }
}

/* A change begins the count anew, if it has not come to its end. */
void lapic_timer_set_divider(struct lapic *l, uint32_t divider)
{
    struct lapic_timer *t = &l->timer;
    int64_t now = aio_clock_get_ns(AIO_CLOCK_VIRTUAL);
    uint32_t entry = entry_of(l);
    int64_t expires;
    unsigned ticks;
    bool due;

    spinlock_lock(&t->lock);
    due = take_due(t, entry, now, &ticks);
    if (t->divider != divider) {
        t->divider = divider;
        if (t->expires >= 0) {
            restart(t, entry, now);
        }
    }
    expires = t->expires;
    spinlock_unlock(&t->lock);
    arm(t, expires);
    if (due) {
        lapic_raise_timer(l, entry, ticks);
    }
}

void lapic_timer_set_entry(struct lapic *l, uint32_t entry)
{
    struct lapic_timer *t = &l->timer;
    int64_t now = aio_clock_get_ns(AIO_CLOCK_VIRTUAL);
    uint32_t before = entry_of(l);
    int64_t expires;
    unsigned ticks;
    bool due;

    spinlock_lock(&t->lock);
    due = take_due(t, before, now, &ticks);
    lapic_put(&l->lvt[LVT_TIMER], entry);
    if (is_deadline(entry) != is_deadline(before)) {
        t->initial = 0;
        t->deadline = 0;
        t->expires = -1;
    }
    expires = t->expires;
    spinlock_unlock(&t->lock);
    arm(t, expires);
    if (!is_deadline(entry)) {
        aio_timer_del(&t->deadline_timer);
    }
    lapic_forget_owed(l, (uint8_t)before);
    if (due) {
        lapic_raise_timer(l, before, 0);
    }
}

uint32_t lapic_timer_initial(struct lapic *l)
{
    uint32_t initial;

    spinlock_lock(&l->timer.lock);
    initial = l->timer.initial;
    spinlock_unlock(&l->timer.lock);
    return initial;
}

uint32_t lapic_timer_divider(struct lapic *l)
{
    uint32_t divider;

    spinlock_lock(&l->timer.lock);
    divider = l->timer.divider;
    spinlock_unlock(&l->timer.lock);
    return divider;
}

static uint32_t count_at(const struct lapic_timer *t, uint32_t entry, int64_t now)
    REQUIRES(&t -> lock)
{
    int64_t left = t->expires - now;

    if (t->expires < 0) {
        return 0;
    }
    if (left <= 0) { /* the main loop is late */
        if (!is_periodic(entry)) {
            return 0;
        }
        left += (-left / interval_ns(t, entry) + 1) * interval_ns(t, entry);
    }
    /* Of a period that is stretched the count is gone through more than once. */
    left = (left - 1) % period_ns(t) + 1;
    return (uint32_t)(left >> count_shift(t));
}

uint32_t lapic_timer_current(struct lapic *l)
{
    struct lapic_timer *t = &l->timer;
    int64_t now = aio_clock_get_ns(AIO_CLOCK_VIRTUAL);
    uint32_t current;

    spinlock_lock(&t->lock);
    current = count_at(t, entry_of(l), now);
    spinlock_unlock(&t->lock);
    return current;
}

uint64_t lapic_timer_deadline(struct lapic *l)
{
    uint64_t deadline;

    spinlock_lock(&l->timer.lock);
    deadline = l->timer.deadline;
    spinlock_unlock(&l->timer.lock);
    return deadline;
}

void lapic_timer_set_deadline(struct lapic *l, uint64_t tsc)
{
    struct lapic_timer *t = &l->timer;
    int64_t ns = tsc ? sys_cpu_tsc_to_ns(l->cpu, tsc) : 0;
    int64_t now = aio_clock_get_ns(deadline_clock());
    bool due, was_due;

    if (!is_deadline(entry_of(l))) {
        return;
    }
    /* One that has passed comes at once: the main loop might take its time. That goes for
     * the one before, too. */
    due = tsc && ns <= now;
    spinlock_lock(&t->lock);
    was_due = t->deadline != 0 && t->deadline_ns <= now;
    t->deadline = due ? 0 : tsc;
    t->deadline_ns = ns;
    spinlock_unlock(&t->lock);
    if (tsc && !due) {
        aio_timer_mod(&t->deadline_timer, ns);
    } else {
        aio_timer_del(&t->deadline_timer);
    }
    if (due || was_due) {
        lapic_raise_lvt(l, LVT_TIMER);
    }
}
