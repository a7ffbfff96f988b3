/* Counters are relaxed: each is exact, a set of them read while locks are in
 * use need not fit together.
 *
 * When a lock was taken is kept in the lock by an exclusive holder, and by
 * readers, of whom there may be many, in their own thread's storage: a few
 * slots, as a thread holds few read locks at once. */
#include "locks/stats.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "locks/watch.h"

atomic_bool lock_stats_on;

#define READ_SLOTS 8
static _Thread_local struct {
    const struct lock_base *base;
    uint64_t since;
} reading[READ_SLOTS];

void lock_stats_enable(void)
{
    atomic_store_explicit(&lock_stats_on, true, memory_order_relaxed);
}

static bool stats_on(void)
{
    return atomic_load_explicit(&lock_stats_on, memory_order_relaxed);
}

uint64_t lock_stats_now(void)
{
    struct timespec now;

    if (!stats_on()) {
        return 0;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void add(_Atomic(uint64_t) *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static void add_time(_Atomic(uint64_t) *sum, _Atomic(uint64_t) *max, uint64_t ns)
{
    uint64_t old = atomic_load_explicit(max, memory_order_relaxed);

    add(sum, ns);
    while (old < ns && !atomic_compare_exchange_weak_explicit(max, &old, ns, memory_order_relaxed,
                                                              memory_order_relaxed)) {
    }
}

/* The thread's slot for base, or a free one for NULL. */
static unsigned read_slot(const struct lock_base *base)
{
    unsigned i = 0;

    while (i < READ_SLOTS && reading[i].base != base) {
        i++;
    }
    return i;
}

void lock_stats_acquired(struct lock_base *base, unsigned how, uint64_t from)
{
    if (!stats_on()) {
        return;
    }
    struct lock_class *lc = base->lc;
    uint64_t now = lock_stats_now();

    lock_class_register(lc);
    add(&lc->acquired, 1);
    if (from) {
        add(&lc->contended, 1);
        add_time(&lc->wait_ns, &lc->wait_max_ns, now - from);
    }
    if (!(how & LOCK_HOW_SHARED)) {
        base->since = now;
    } else {
        unsigned slot = read_slot(NULL);

        if (slot < READ_SLOTS) {
            reading[slot].base = base;
            reading[slot].since = now;
        }
    }
}

void lock_stats_released(struct lock_base *base, unsigned how)
{
    uint64_t since = 0;

    if (!stats_on()) {
        return;
    }
    if (!(how & LOCK_HOW_SHARED)) {
        since = base->since;
        base->since = 0;
    } else {
        unsigned slot = read_slot(base);

        if (slot < READ_SLOTS) {
            since = reading[slot].since;
            reading[slot].base = NULL;
        }
    }
    if (since) {
        add_time(&base->lc->hold_ns, &base->lc->hold_max_ns, lock_stats_now() - since);
    }
}

void lock_stats_get(const struct lock_class *lc, struct lock_stats *stats)
{
    *stats = (struct lock_stats){
        .acquired = atomic_load_explicit(&lc->acquired, memory_order_relaxed),
        .contended = atomic_load_explicit(&lc->contended, memory_order_relaxed),
        .wait_ns = atomic_load_explicit(&lc->wait_ns, memory_order_relaxed),
        .wait_max_ns = atomic_load_explicit(&lc->wait_max_ns, memory_order_relaxed),
        .hold_ns = atomic_load_explicit(&lc->hold_ns, memory_order_relaxed),
        .hold_max_ns = atomic_load_explicit(&lc->hold_max_ns, memory_order_relaxed),
    };
}

struct row {
    const struct lock_class *lc;
    struct lock_stats stats;
};

static int compare(const void *pa, const void *pb)
{
    const struct lock_stats *a = &((const struct row *)pa)->stats;
    const struct lock_stats *b = &((const struct row *)pb)->stats;

    if (a->wait_ns != b->wait_ns) {
        return a->wait_ns < b->wait_ns ? 1 : -1;
    }
    if (a->contended != b->contended) {
        return a->contended < b->contended ? 1 : -1;
    }
    return (a->acquired < b->acquired) - (a->acquired > b->acquired);
}

/* Microseconds with one decimal, without a double: this room has none. */
static void print_us(FILE *out, int width, uint64_t ns)
{
    fprintf(out, " %*" PRIu64 ".%u", width - 2, ns / 1000, (unsigned)(ns / 100 % 10));
}

void lock_stats_print(FILE *out)
{
    struct row rows[256];
    size_t count = 0;

    for (struct lock_class *lc = lock_class_first(); lc && count < 256; lc = lc->next) {
        rows[count].lc = lc;
        lock_stats_get(lc, &rows[count].stats);
        count += rows[count].stats.acquired != 0;
    }
    qsort(rows, count, sizeof(rows[0]), compare);
    fprintf(out, "%-20s %-6s %12s %10s %6s %14s %12s %14s %12s\n", "lock class", "rank", "acquired",
            "contended", "%", "wait us", "max wait us", "hold us", "max hold us");
    for (size_t i = 0; i < count; i++) {
        const struct lock_class *lc = rows[i].lc;
        const struct lock_stats *s = &rows[i].stats;
        uint64_t permille = s->contended * 1000 / s->acquired;

        fprintf(out, "%-20.*s %-6s %12" PRIu64 " %10" PRIu64 " %4" PRIu64 ".%u",
                lock_class_name_length(lc), lc->name, lock_rank_name(lc->rank), s->acquired,
                s->contended, permille / 10, (unsigned)(permille % 10));
        print_us(out, 14, s->wait_ns);
        print_us(out, 12, s->wait_max_ns);
        print_us(out, 14, s->hold_ns);
        print_us(out, 12, s->hold_max_ns);
        fputc('\n', out);
    }
}
