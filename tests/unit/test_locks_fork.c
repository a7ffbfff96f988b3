/* Forking while other threads are busy with every global lock: in the child all
 * of them are free and what they guard is whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "locks/fork.h"
#include "locks/thread.h"

#define THREADS 3
#ifdef MORTISE_SANITIZE
#define FORKS 20 /* each copies the sanitizer's memory */
#else
#define FORKS 100
#endif

LOCK_CLASS_DEFINE(outer_class, RANK_OUTER);
LOCK_CLASS_DEFINE(leaf_class, RANK_LEAF);
LOCK_CLASS_DEFINE(other_class, RANK_LEAF);
LOCK_CLASS_DEFINE(spin_class, RANK_LEAF);

static struct mutex outer = MUTEX_INIT(&outer_class);
static struct mutex leaf = MUTEX_INIT(&leaf_class);
static struct mutex other = MUTEX_INIT(&other_class);
static struct spinlock spin = SPINLOCK_INIT(&spin_class);

static atomic_bool stop;

/* Each pair is equal while its lock is free. */
static volatile unsigned pairs[7][2];

static void bump(volatile unsigned *pair)
{
    pair[0] = pair[0] + 1;
    pair[1] = pair[1] + 1;
}

/* Takes each lock, some nested; false if something was found half done. */
static bool use_all(void)
{
    bool whole = true;

    mutex_lock(&other);
    bump(pairs[0]);
    mutex_unlock(&other);
    bql_lock();
    bump(pairs[1]);
    mmap_lock();
    bump(pairs[2]);
    mmap_unlock();
    bql_unlock();
    page_lock_pair(3, 260);
    bump(pairs[3]);
    region_lock();
    bump(pairs[4]);
    region_unlock();
    page_unlock_pair(3, 260);
    mutex_lock(&leaf);
    bump(pairs[5]);
    spinlock_lock(&spin);
    bump(pairs[6]);
    for (size_t i = 5; i < 7; i++) {
        whole = whole && pairs[i][0] == pairs[i][1];
    }
    spinlock_unlock(&spin);
    mutex_unlock(&leaf);
    return whole;
}

static void *busy(void *unused)
{
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        (void)use_all();
    }
    return unused;
}

/* 0 if the child is as it should be. */
static int child(void)
{
    for (size_t i = 0; i < 7; i++) {
        if (pairs[i][0] != pairs[i][1]) {
            return 2;
        }
    }
    return use_all() ? 0 : 3;
}

static int fork_once(void)
{
    int status;

    locks_before_fork();
    pid_t pid = fork();
    if (pid == 0) {
        locks_after_fork_child();
        alarm(60); /* a lock that stays held is a hang */
        _exit(child());
    }
    locks_after_fork_parent();
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void test_locks_are_free_and_data_is_whole_in_the_child(void **unused)
{
    struct thread threads[THREADS];

    (void)unused;
    locks_fork_add_mutex(&leaf);
    locks_fork_add_mutex(&other);
    locks_fork_add_spinlock(&spin);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(thread_create(&threads[i], "busy", busy, NULL, NULL), 0);
    }
    for (size_t i = 0; i < FORKS; i++) {
        assert_int_equal(fork_once(), 0);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < THREADS; i++) {
        thread_join(&threads[i]);
    }
    assert_int_equal(fork_once(), 0);
}

/* Others would have to be taken before those that fork takes by itself. */
static void test_a_lock_that_is_no_leaf_cannot_be_added(void **unused)
{
    int status;

    (void)unused;
    pid_t pid = fork();
    if (pid == 0) {
        locks_fork_add_mutex(&outer);
        _exit(0);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_locks_are_free_and_data_is_whole_in_the_child),
        cmocka_unit_test(test_a_lock_that_is_no_leaf_cannot_be_added),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
