/* Many threads on few locks: what a lock guards is never seen half changed,
 * no wake-up is lost, and all of it ends. Milliseconds per type:
 * MORTISE_TORTURE_MS (default 300). Run under TSan too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "locks/cond.h"
#include "locks/event.h"
#include "locks/mmap_lock.h"
#include "locks/mutex.h"
#include "locks/page_lock.h"
#include "locks/rec_mutex.h"
#include "locks/rwlock.h"
#include "locks/spinlock.h"
#include "locks/thread.h"

#define THREADS 6

LOCK_CLASS_DEFINE(torture_class, RANK_LEAF);
LOCK_CLASS_DEFINE(torture_spin_class, RANK_LEAF);
LOCK_CLASS_DEFINE(torture_rw_class, RANK_LEAF);
LOCK_CLASS_DEFINE(torture_rec_class, RANK_LEAF);
LOCK_CLASS_DEFINE(torture_cond_class, RANK_LEAF);

static atomic_bool stop;

/* Two numbers that are equal whenever the lock is free. Plain memory, so that
 * TSan, too, sees whether the lock orders accesses. */
struct pair {
    uint64_t a, b;
};

/* Not cmocka's assertions, which know one thread only. */
static void check_whole(const struct pair *p)
{
    if (p->a != p->b) {
        fprintf(stderr, "expected a whole pair, got %lu and %lu\n", (unsigned long)p->a,
                (unsigned long)p->b);
        abort();
    }
}

static void bump(struct pair *p)
{
    check_whole(p);
    p->a++;
    atomic_signal_fence(memory_order_seq_cst);
    p->b++;
}

static bool stopped(void)
{
    return atomic_load_explicit(&stop, memory_order_relaxed);
}

/* Runs fn on THREADS threads for a while; returns the sum of what they return. */
static uint64_t torture(void *(*fn)(void *))
{
    const char *text = getenv("MORTISE_TORTURE_MS");
    unsigned ms = text ? (unsigned)strtoul(text, NULL, 10) : 300;
    struct thread threads[THREADS];
    uint64_t sum = 0;
    struct error err;

    atomic_store(&stop, false);
    for (size_t i = 0; i < THREADS; i++) {
        if (thread_create(&threads[i], "torture", fn, (void *)i, &err) != 0) {
            fail_msg("%s", err.text);
        }
    }
    for (unsigned slept = 0; slept < ms; slept += 10) {
        usleep(10000);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < THREADS; i++) {
        sum += (uintptr_t)thread_join(&threads[i]);
    }
    return sum;
}

static struct mutex mutex = MUTEX_INIT(&torture_class);
static struct pair mutex_pair GUARDED_BY(&mutex);

static void *use_mutex(void *opaque)
{
    uintptr_t n = 0;

    for (uintptr_t i = (uintptr_t)opaque; !stopped(); i++) {
        if (i % 4 != 0) {
            mutex_lock(&mutex);
        } else if (!mutex_trylock(&mutex)) {
            continue;
        }
        bump(&mutex_pair);
        n++;
        if (i % 1024 == 0) {
            sched_yield(); /* lose the processor while holding it */
        }
        mutex_unlock(&mutex);
    }
    return (void *)n;
}

static void test_mutex(void **unused)
{
    uint64_t n = torture(use_mutex);

    (void)unused;
    mutex_lock(&mutex);
    assert_int_equal(mutex_pair.a, n);
    mutex_unlock(&mutex);
    assert_true(n > 0);
}

static struct spinlock spin = SPINLOCK_INIT(&torture_spin_class);
static struct pair spin_pair GUARDED_BY(&spin);

static void *use_spin(void *opaque)
{
    uintptr_t n = 0;

    for (uintptr_t i = (uintptr_t)opaque; !stopped(); i++) {
        spinlock_lock(&spin);
        bump(&spin_pair);
        n++;
        if (i % 1024 == 0) {
            sched_yield();
        }
        spinlock_unlock(&spin);
    }
    return (void *)n;
}

static void test_spinlock(void **unused)
{
    uint64_t n = torture(use_spin);

    (void)unused;
    spinlock_lock(&spin);
    assert_int_equal(spin_pair.a, n);
    spinlock_unlock(&spin);
}

static struct rwlock rw = RWLOCK_INIT(&torture_rw_class);
static struct pair rw_pair GUARDED_BY(&rw);

static void *use_rwlock(void *opaque)
{
    uintptr_t n = 0;

    for (uintptr_t i = (uintptr_t)opaque; !stopped(); i++) {
        if (i % 8 == 0) {
            rwlock_write_lock(&rw);
            bump(&rw_pair);
            n++;
            rwlock_write_unlock(&rw);
        } else {
            rwlock_read_lock(&rw);
            check_whole(&rw_pair);
            rwlock_read_unlock(&rw);
        }
    }
    return (void *)n;
}

static void test_rwlock(void **unused)
{
    uint64_t n = torture(use_rwlock);

    (void)unused;
    rwlock_read_lock(&rw);
    assert_int_equal(rw_pair.a, n);
    rwlock_read_unlock(&rw);
}

static struct rec_mutex rec = REC_MUTEX_INIT(&torture_rec_class);
static struct pair rec_pair GUARDED_BY(&rec);

static void nest(unsigned depth)
{
    rec_mutex_lock(&rec);
    if (depth > 0) {
        nest(depth - 1);
    } else {
        bump(&rec_pair);
    }
    rec_mutex_unlock(&rec);
}

static void *use_rec_mutex(void *opaque)
{
    uintptr_t n = 0;

    for (uintptr_t i = (uintptr_t)opaque; !stopped(); i++) {
        nest((unsigned)(i % 3));
        n++;
    }
    return (void *)n;
}

static void test_rec_mutex(void **unused)
{
    uint64_t n = torture(use_rec_mutex);

    (void)unused;
    rec_mutex_lock(&rec);
    assert_int_equal(rec_pair.a, n);
    rec_mutex_unlock(&rec);
}

#define PAGES 5
static struct pair page_pair[PAGES] GUARDED_BY(page_lock_cap);
static struct pair mmap_pair GUARDED_BY(mmap_lock_cap);

static uintptr_t bump_pages(size_t a, size_t b)
{
    page_lock_pair(a, b);
    bump(&page_pair[a]);
    if (b != a) {
        bump(&page_pair[b]);
    }
    page_unlock_pair(a, b);
    return b != a ? 2 : 1;
}

static void *use_page_locks(void *opaque)
{
    uintptr_t n = 0;

    for (uintptr_t i = (uintptr_t)opaque; !stopped(); i++) {
        size_t a = i % PAGES, b = i / PAGES % PAGES;

        if (i % 16 == 0) {
            mmap_lock();
            bump(&mmap_pair);
            n += bump_pages(a, b);
            mmap_unlock();
        } else {
            n += bump_pages(a, b);
        }
    }
    return (void *)n;
}

static void test_page_locks(void **unused) NO_THREAD_SAFETY_ANALYSIS
{
    uint64_t n = torture(use_page_locks), sum = 0;

    (void)unused;
    for (size_t i = 0; i < PAGES; i++) {
        sum += page_pair[i].a;
    }
    assert_int_equal(sum, n);
}

/* A bounded queue of numbers; each that goes in comes out once. */
#define SLOTS 4
static struct mutex queue_lock = MUTEX_INIT(&torture_cond_class);
static struct cond not_full = COND_INIT, not_empty = COND_INIT;
static uint64_t queue[SLOTS] GUARDED_BY(&queue_lock);
static size_t queued GUARDED_BY(&queue_lock);
static uint64_t put_sum GUARDED_BY(&queue_lock), got_sum GUARDED_BY(&queue_lock);
static unsigned producers GUARDED_BY(&queue_lock);

static uint64_t soon_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec + 200000;
}

static void *produce(uint64_t seed)
{
    uintptr_t n = 0;

    for (uint64_t i = seed; !stopped(); i += 7) {
        mutex_lock(&queue_lock);
        while (queued == SLOTS) {
            cond_wait(&not_full, &queue_lock);
        }
        queue[queued++] = i;
        put_sum += i;
        n++;
        if (i % 2) {
            cond_signal(&not_empty);
            mutex_unlock(&queue_lock);
        } else {
            mutex_unlock(&queue_lock);
            cond_signal(&not_empty); /* allowed, and the harder case */
        }
    }
    mutex_lock(&queue_lock);
    producers--;
    cond_broadcast(&not_empty);
    mutex_unlock(&queue_lock);
    return (void *)n;
}

static void *consume(uint64_t seed)
{
    mutex_lock(&queue_lock);
    for (;;) {
        while (queued == 0 && producers > 0) {
            if (seed % 4 == 1) {
                (void)cond_timedwait(&not_empty, &queue_lock, soon_ns());
            } else {
                cond_wait(&not_empty, &queue_lock);
            }
        }
        if (queued == 0) {
            break;
        }
        got_sum += queue[--queued];
        cond_signal(&not_full);
    }
    mutex_unlock(&queue_lock);
    return NULL;
}

static void *use_cond(void *opaque)
{
    uint64_t seed = (uintptr_t)opaque;

    return seed % 2 ? consume(seed) : produce(seed);
}

static void test_cond(void **unused)
{
    (void)unused;
    mutex_lock(&queue_lock);
    producers = THREADS / 2;
    mutex_unlock(&queue_lock);
    assert_true(torture(use_cond) > 0);
    mutex_lock(&queue_lock);
    assert_int_equal(put_sum, got_sum);
    mutex_unlock(&queue_lock);
}

/* Pairs of threads play ping-pong over two events; a lost wake-up is a hang. */
static struct ball {
    struct event here;
    uint64_t hits; /* by the player whose turn it is */
} balls[THREADS];

static void *use_event(void *opaque)
{
    size_t own = (uintptr_t)opaque;
    struct ball *mine = &balls[own], *other = &balls[own ^ 1];
    uint64_t n = 0;

    if (own % 2 == 0) {
        event_set(&mine->here);
    }
    for (;;) {
        if (n % 3 == 1) {
            while (!event_timedwait(&mine->here, soon_ns())) {
            }
        } else {
            event_wait(&mine->here);
        }
        event_reset(&mine->here);
        if (mine->hits == UINT64_MAX) {
            break;
        }
        mine->hits++;
        n++;
        if (stopped()) {
            other->hits = UINT64_MAX;
            event_set(&other->here);
            break;
        }
        event_set(&other->here);
    }
    return (void *)(uintptr_t)n;
}

static void test_event(void **unused)
{
    (void)unused;
    assert_true(torture(use_event) > THREADS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutex),      cmocka_unit_test(test_spinlock),
        cmocka_unit_test(test_rwlock),     cmocka_unit_test(test_rec_mutex),
        cmocka_unit_test(test_page_locks), cmocka_unit_test(test_cond),
        cmocka_unit_test(test_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
