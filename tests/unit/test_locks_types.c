/* What each lock type promises, one thread or two at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "locks/bql.h"
#include "locks/cond.h"
#include "locks/event.h"
#include "locks/mmap_lock.h"
#include "locks/mutex.h"
#include "locks/once.h"
#include "locks/page_lock.h"
#include "locks/rec_mutex.h"
#include "locks/region_lock.h"
#include "locks/rwlock.h"
#include "locks/spinlock.h"
#include "locks/thread.h"

LOCK_CLASS_DEFINE(test_class, RANK_LEAF);
LOCK_CLASS_DEFINE(test_spin_class, RANK_LEAF);

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sleep_ms(unsigned ms)
{
    usleep(ms * 1000);
}

/* Runs fn(arg) on a thread of its own and returns what it returned. */
static void *elsewhere(void *(*fn)(void *), void *arg)
{
    struct thread t;
    struct error err;

    if (thread_create(&t, "elsewhere", fn, arg, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return thread_join(&t);
}

static void *try_mutex(void *m) NO_THREAD_SAFETY_ANALYSIS
{
    if (!mutex_trylock((struct mutex *)m)) {
        return NULL;
    }
    mutex_unlock((struct mutex *)m);
    return m;
}

static void test_a_mutex_has_one_holder(void **unused)
{
    struct mutex m;

    (void)unused;
    mutex_init(&m, &test_class);
    mutex_lock(&m);
    assert_null(elsewhere(try_mutex, &m));
    mutex_unlock(&m);
    assert_non_null(elsewhere(try_mutex, &m));
    if (mutex_trylock(&m)) {
        assert_null(elsewhere(try_mutex, &m));
        mutex_unlock(&m);
    } else {
        fail_msg("a free mutex could not be taken");
    }
    mutex_destroy(&m);
}

static void test_errno_survives_waits_and_wakes(void **unused)
{
    struct event e = EVENT_INIT;

    (void)unused;
    errno = 77;
    assert_false(event_timedwait(&e, 1));
    event_set(&e);
    assert_int_equal(errno, 77);
}

static void *try_rec(void *m) NO_THREAD_SAFETY_ANALYSIS
{
    if (!rec_mutex_trylock((struct rec_mutex *)m)) {
        return NULL;
    }
    rec_mutex_unlock((struct rec_mutex *)m);
    return m;
}

static void
test_a_recursive_mutex_is_free_after_as_many_releases(void **unused) NO_THREAD_SAFETY_ANALYSIS
{
    struct rec_mutex m;

    (void)unused;
    rec_mutex_init(&m, &test_class);
    assert_false(rec_mutex_held(&m));
    rec_mutex_lock(&m);
    rec_mutex_lock(&m);
    assert_true(rec_mutex_trylock(&m));
    for (int i = 0; i < 3; i++) {
        assert_true(rec_mutex_held(&m));
        assert_null(elsewhere(try_rec, &m));
        rec_mutex_unlock(&m);
    }
    assert_false(rec_mutex_held(&m));
    assert_non_null(elsewhere(try_rec, &m));
    rec_mutex_destroy(&m);
}

static void *try_read(void *rw) NO_THREAD_SAFETY_ANALYSIS
{
    if (!rwlock_read_trylock((struct rwlock *)rw)) {
        return NULL;
    }
    rwlock_read_unlock((struct rwlock *)rw);
    return rw;
}

static void *try_write(void *rw) NO_THREAD_SAFETY_ANALYSIS
{
    if (!rwlock_write_trylock((struct rwlock *)rw)) {
        return NULL;
    }
    rwlock_write_unlock((struct rwlock *)rw);
    return rw;
}

static void test_a_rwlock_has_many_readers_or_one_writer(void **unused)
{
    struct rwlock rw;

    (void)unused;
    rwlock_init(&rw, &test_class);
    rwlock_read_lock(&rw);
    assert_non_null(elsewhere(try_read, &rw));
    assert_null(elsewhere(try_write, &rw));
    rwlock_read_unlock(&rw);
    rwlock_write_lock(&rw);
    assert_null(elsewhere(try_read, &rw));
    assert_null(elsewhere(try_write, &rw));
    rwlock_write_unlock(&rw);
    assert_non_null(elsewhere(try_write, &rw));
    rwlock_destroy(&rw);
}

static void *try_spin(void *s) NO_THREAD_SAFETY_ANALYSIS
{
    if (!spinlock_trylock((struct spinlock *)s)) {
        return NULL;
    }
    spinlock_unlock((struct spinlock *)s);
    return s;
}

static void *hold_spin(void *s) NO_THREAD_SAFETY_ANALYSIS
{
    spinlock_lock((struct spinlock *)s);
    sleep_ms(50);
    spinlock_unlock((struct spinlock *)s);
    return NULL;
}

static void test_a_spinlock_waits_for_a_holder_that_is_off_its_processor(void **unused)
{
    struct spinlock s;
    struct thread t;

    (void)unused;
    spinlock_init(&s, &test_spin_class);
    assert_non_null(elsewhere(try_spin, &s));
    assert_int_equal(thread_create(&t, "spinner", hold_spin, &s, NULL), 0);
    while (elsewhere(try_spin, &s)) {
        sched_yield();
    }
    spinlock_lock(&s);
    spinlock_unlock(&s);
    thread_join(&t);
}

struct mailbox {
    struct mutex lock;
    struct cond changed;
    int value GUARDED_BY(&lock);
};

static void *answer(void *opaque)
{
    struct mailbox *box = opaque;

    mutex_lock(&box->lock);
    while (box->value != 1) {
        cond_wait(&box->changed, &box->lock);
    }
    box->value = 2;
    cond_broadcast(&box->changed);
    mutex_unlock(&box->lock);
    return NULL;
}

static void test_a_condition_is_seen_by_who_waits_for_it(void **unused)
{
    struct mailbox box = {MUTEX_INIT(&test_class), COND_INIT, 0};
    struct thread t;

    (void)unused;
    cond_init(&box.changed);
    assert_int_equal(thread_create(&t, "answer", answer, &box, NULL), 0);
    sleep_ms(5);
    mutex_lock(&box.lock);
    box.value = 1;
    cond_signal(&box.changed);
    while (box.value != 2) {
        cond_wait(&box.changed, &box.lock);
    }
    mutex_unlock(&box.lock);
    thread_join(&t);
    cond_destroy(&box.changed);
}

static void test_a_timed_wait_ends_at_its_time_and_holds_the_mutex(void **unused)
{
    struct mailbox box = {MUTEX_INIT(&test_class), COND_INIT, 0};
    const uint64_t until = now_ns() + UINT64_C(20000000);
    bool in_time = true;

    (void)unused;
    mutex_lock(&box.lock);
    while (in_time) {
        in_time = cond_timedwait(&box.changed, &box.lock, until);
    }
    assert_true(now_ns() >= until);
    assert_null(elsewhere(try_mutex, &box.lock));
    assert_false(cond_timedwait(&box.changed, &box.lock, 0));
    mutex_unlock(&box.lock);
}

static void *set_event(void *e)
{
    sleep_ms(5);
    event_set(e);
    return NULL;
}

static void test_an_event_stays_set_until_it_is_reset(void **unused)
{
    struct event e;
    struct thread t;

    (void)unused;
    event_init(&e);
    assert_false(event_is_set(&e));
    assert_false(event_timedwait(&e, now_ns() + 1000000));
    event_set(&e);
    event_set(&e);
    event_wait(&e);
    event_wait(&e);
    assert_true(event_timedwait(&e, 0));
    event_reset(&e);
    event_reset(&e);
    assert_false(event_is_set(&e));
    assert_false(event_timedwait(&e, now_ns() - 1));
    assert_int_equal(thread_create(&t, "setter", set_event, &e, NULL), 0);
    event_wait(&e);
    thread_join(&t);
}

static unsigned once_count;

static void count_once(void)
{
    once_count++;
}

static void *run_once(void *o)
{
    once_run(o, count_once);
    return NULL;
}

static void test_once_is_once(void **unused)
{
    struct once o = ONCE_INIT;

    (void)unused;
    elsewhere(run_once, &o);
    run_once(&o);
    assert_int_equal(once_count, 1);
}

static void *try_bql(void *unused) NO_THREAD_SAFETY_ANALYSIS
{
    return try_mutex(unused ? unused : &bql);
}

static void test_the_bql_is_asserted(void **unused)
{
    (void)unused;
    bql_lock();
    bql_assert_locked();
    assert_null(elsewhere(try_bql, NULL));
    bql_unlock();
    assert_false(bql_locked());
}

static void *wants_mmap_lock(void *order)
{
    mmap_lock();
    *(int *)order = 1;
    mmap_unlock();
    return NULL;
}

static void
test_the_mmap_lock_is_free_after_as_many_releases(void **unused) NO_THREAD_SAFETY_ANALYSIS
{
    struct thread t;
    int order = 0;

    (void)unused;
    assert_false(have_mmap_lock());
    mmap_lock();
    mmap_lock();
    assert_int_equal(thread_create(&t, "mmap", wants_mmap_lock, &order, NULL), 0);
    mmap_unlock();
    assert_true(have_mmap_lock());
    mmap_lock_assert();
    sleep_ms(10);
    assert_int_equal(order, 0);
    mmap_unlock();
    assert_false(have_mmap_lock());
    thread_join(&t);
    assert_int_equal(order, 1);
}

/* The handler of a fault takes the lock, as one of guest code does. */
static char *fault_page;
static bool handler_had_lock;

static void on_fault(int sig)
{
    (void)sig;
    handler_had_lock = have_mmap_lock();
    mmap_lock();
    mmap_lock_assert();
    mmap_unlock();
    mprotect(fault_page, 4096, PROT_READ | PROT_WRITE);
}

static void test_the_mmap_lock_can_be_taken_in_a_fault_handler(void **unused)
{
    struct sigaction sa = {.sa_handler = on_fault}, before;

    (void)unused;
    fault_page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(fault_page, MAP_FAILED);
    sigaction(SIGSEGV, &sa, &before);
    *(volatile char *)fault_page = 1;
    sigaction(SIGSEGV, &before, NULL);
    assert_int_equal(*fault_page, 1);
    assert_false(handler_had_lock);
    munmap(fault_page, 4096);
}

static void *swap_pages(void *unused)
{
    for (uint64_t i = 0; i < 2000; i++) {
        page_lock_pair(i + 1, i);
        page_unlock_pair(i + 1, i);
    }
    return unused;
}

static void test_page_lock_pair_is_taken_in_address_order(void **unused)
{
    struct thread t;

    (void)unused;
    assert_int_equal(thread_create(&t, "pages", swap_pages, NULL, NULL), 0);
    for (uint64_t i = 0; i < 2000; i++) {
        page_lock_pair(i, i + 1);
        page_unlock_pair(i, i + 1);
    }
    thread_join(&t);
    /* Two pages with one lock between them, and a page with itself. */
    page_lock_pair(5, 5 + (UINT64_C(1) << 40));
    page_unlock_pair(5, 5 + (UINT64_C(1) << 40));
    page_lock_pair(5, 5);
    page_unlock_pair(5, 5);
    page_lock(5);
    page_unlock(5);
}

static void *all_ranks(void *unused)
{
    bql_lock();
    mmap_lock();
    page_lock(3);
    region_lock();
    region_unlock();
    page_unlock(3);
    mmap_unlock();
    bql_unlock();
    return unused;
}

static void test_the_declared_order_compiles_and_runs(void **unused)
{
    (void)unused;
    elsewhere(all_ranks, NULL);
}

static void *describe_thread(void *opaque)
{
    sigset_t mask;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    *(bool *)opaque = sigismember(&mask, SIGTERM) && sigismember(&mask, SIGALRM);
    return strdup(thread_name());
}

static void test_a_thread_is_named_and_blocks_signals(void **unused)
{
    struct thread t;
    bool blocked = false;
    sigset_t mask;

    (void)unused;
    assert_string_equal(thread_name(), "main");
    assert_int_equal(
        thread_create(&t, "a name that is far too long", describe_thread, &blocked, NULL), 0);
    char *name = thread_join(&t);
    assert_string_equal(name, "a name that is ");
    free(name);
    assert_true(blocked);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_false(sigismember(&mask, SIGTERM));
}

/* The exit status of a child that does it. */
static int status_of(void (*fn)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        close(STDERR_FILENO);
        fn();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void assert_vcpu(void)
{
    thread_role_assert(&vcpu_role);
}

static void enter_and_assert_vcpu(void)
{
    thread_role_enter(&vcpu_role);
    thread_role_assert(&vcpu_role);
    thread_role_leave(&vcpu_role);
}

static void assert_mmap_lock(void)
{
    mmap_lock_assert();
}

static void unlock_mmap_lock(void) NO_THREAD_SAFETY_ANALYSIS
{
    mmap_unlock();
}

static void unlock_rec(void) NO_THREAD_SAFETY_ANALYSIS
{
    static struct rec_mutex m = REC_MUTEX_INIT(&test_class);

    rec_mutex_unlock(&m);
}

static void destroy_held(void) NO_THREAD_SAFETY_ANALYSIS
{
    static struct mutex m = MUTEX_INIT(&test_class);

    mutex_lock(&m);
    mutex_destroy(&m);
}

static void test_our_own_bugs_end_the_process(void **unused)
{
    void (*const bugs[])(void) = {assert_vcpu, assert_mmap_lock, unlock_mmap_lock, unlock_rec,
                                  destroy_held};

    (void)unused;
    for (size_t i = 0; i < sizeof(bugs) / sizeof(bugs[0]); i++) {
        int status = status_of(bugs[i]);

        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
    assert_int_equal(status_of(enter_and_assert_vcpu), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_mutex_has_one_holder),
        cmocka_unit_test(test_errno_survives_waits_and_wakes),
        cmocka_unit_test(test_a_recursive_mutex_is_free_after_as_many_releases),
        cmocka_unit_test(test_a_rwlock_has_many_readers_or_one_writer),
        cmocka_unit_test(test_a_spinlock_waits_for_a_holder_that_is_off_its_processor),
        cmocka_unit_test(test_a_condition_is_seen_by_who_waits_for_it),
        cmocka_unit_test(test_a_timed_wait_ends_at_its_time_and_holds_the_mutex),
        cmocka_unit_test(test_an_event_stays_set_until_it_is_reset),
        cmocka_unit_test(test_once_is_once),
        cmocka_unit_test(test_the_bql_is_asserted),
        cmocka_unit_test(test_the_mmap_lock_is_free_after_as_many_releases),
        cmocka_unit_test(test_the_mmap_lock_can_be_taken_in_a_fault_handler),
        cmocka_unit_test(test_page_lock_pair_is_taken_in_address_order),
        cmocka_unit_test(test_the_declared_order_compiles_and_runs),
        cmocka_unit_test(test_a_thread_is_named_and_blocks_signals),
        cmocka_unit_test(test_our_own_bugs_end_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
