/* The count of instructions.
 *
 * While a vCPU runs, the count is icount.end - icount.left - icount.ahead of it: `left`
 * is what translated code changes. Between runs it is in `total`. Both belong to the one
 * thread that runs vCPUs; others read `published`. */
#include "exec/icount.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

#include "exec/vcpu.h"

static bool enabled IMMUTABLE_AFTER_INIT;
static struct icount_config config IMMUTABLE_AFTER_INIT;
static const struct icount_timers *timers IMMUTABLE_AFTER_INIT;

static struct cpu *running OWNED_BY(vCPUs thread);
static int64_t total OWNED_BY(vCPUs thread);
static int64_t skipped OWNED_BY(vCPUs thread); /* ns */
static uint64_t random_state OWNED_BY(vCPUs thread);
/* relaxed: a time that others may see late. */
static _Atomic(int64_t) published_ns, published_count;

void icount_start(const struct icount_config *cfg, const struct icount_timers *table)
{
    assert(cfg->shift <= ICOUNT_SHIFT_MAX);
    config = *cfg;
    timers = table;
    running = NULL;
    total = skipped = 0;
    random_state = cfg->seed;
    enabled = true;
    icount_publish();
}

void icount_stop(void)
{
    enabled = false;
}

bool icount_enabled(void)
{
    return enabled;
}

static int64_t count(void)
{
    return running ? running->icount.end - running->icount.left - running->icount.ahead : total;
}

static int64_t now_ns(void)
{
    return (int64_t)((uint64_t)count() << config.shift) + skipped;
}

void icount_publish(void)
{
    atomic_store_explicit(&published_count, count(), memory_order_relaxed);
    atomic_store_explicit(&published_ns, now_ns(), memory_order_relaxed);
}

int64_t icount_now_ns(void)
{
    return current_cpu ? now_ns() : atomic_load_explicit(&published_ns, memory_order_relaxed);
}

int64_t icount_executed(void)
{
    return current_cpu ? count() : atomic_load_explicit(&published_count, memory_order_relaxed);
}

/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators). */
uint64_t icount_random(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static int64_t first_ns(void)
{
    return timers ? timers->first_ns() : INT64_MAX;
}

/* Instructions until the first timer is due, from 0 to `most`. */
static int32_t until_timer(int32_t most)
{
    int64_t first = first_ns(), now = now_ns();
    if (first <= now) {
        return 0;
    }
    uint64_t ns = (uint64_t)first - (uint64_t)now;
    uint64_t insns = (ns >> config.shift) + (ns % (UINT64_C(1) << config.shift) != 0);
    return insns < (uint64_t)most ? (int32_t)insns : most;
}

static void run_timers(void)
{
    icount_publish();
    bql_lock();
    timers->run();
    bql_unlock();
}

void icount_begin(struct cpu *cpu, int32_t most)
{
    int32_t n = until_timer(most);
    if (n == 0) {
        run_timers();
        n = until_timer(most);
    }
    n = n ? n : 1; /* one that is always due again does not keep the guest from running */
    cpu->icount = (struct cpu_icount){.left = n, .end = total + n};
    running = cpu;
}

int32_t icount_end(struct cpu *cpu)
{
    int64_t before = total;
    total = count();
    running = NULL;
    cpu->icount.left = 0;
    icount_publish();
    return (int32_t)(total - before);
}

/* Returns how much of the time until `first` has passed. */
static int64_t sleep_until(int64_t first, struct event *wake) MAY_BLOCK
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    uint64_t start = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
    int64_t ns = first - now_ns();
    if (!event_timedwait(wake, start + (uint64_t)ns)) {
        return ns;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    uint64_t passed = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec - start;
    return passed < (uint64_t)ns ? (int64_t)passed : ns;
}

bool icount_idle(struct event *wake)
{
    int64_t first = first_ns();
    if (first == INT64_MAX) {
        return false;
    }
    if (first > now_ns()) {
        skipped += config.sleep ? sleep_until(first, wake) : first - now_ns();
    }
    if (first <= now_ns()) {
        run_timers();
    }
    icount_publish();
    return true;
}

void icount_timer_set(void)
{
    if (!current_cpu) {
        vcpu_wake();
        return;
    }
    if (!running) {
        return;
    }
    int32_t n = until_timer(INT32_MAX);
    int64_t end = count() + (n ? n : 1);
    if (end < running->icount.end) {
        running->icount.left -= (int32_t)(running->icount.end - end);
        running->icount.end = end;
    }
}
