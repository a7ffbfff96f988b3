/* Each kind of mistake that lockdep knows, made on purpose: in a child process,
 * which has to end by abort with a report that names the places, or under the
 * hook. Builds without lockdep skip all of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "locks/bql.h"
#include "locks/cond.h"
#include "locks/event.h"
#include "locks/fork.h"
#include "locks/lockdep.h"
#include "locks/mmap_lock.h"
#include "locks/mutex.h"
#include "locks/page_lock.h"
#include "locks/rec_mutex.h"
#include "locks/region_lock.h"
#include "locks/rwlock.h"
#include "locks/spinlock.h"
#include "locks/thread.h"

#ifdef MORTISE_LOCKDEP

LOCK_CLASS_DEFINE(alpha_class, RANK_LEAF);
LOCK_CLASS_DEFINE(beta_class, RANK_LEAF);
LOCK_CLASS_DEFINE(gamma_class, RANK_LEAF);
LOCK_CLASS_DEFINE(row_class, RANK_LEAF);
LOCK_CLASS_DEFINE_FLAGS(ladder_class, RANK_LEAF, LOCK_CLASS_NEST_ASCENDING);
LOCK_CLASS_DEFINE(table_class, RANK_LEAF);
LOCK_CLASS_DEFINE(twist_class, RANK_LEAF);

static struct mutex alpha = MUTEX_INIT(&alpha_class);
static struct mutex beta = MUTEX_INIT(&beta_class);
static struct mutex third = MUTEX_INIT(&gamma_class);
static struct mutex row[2] = {MUTEX_INIT(&row_class), MUTEX_INIT(&row_class)};
static struct mutex ladder[2] = {MUTEX_INIT(&ladder_class), MUTEX_INIT(&ladder_class)};
static struct rwlock table = RWLOCK_INIT(&table_class);
static struct spinlock twist = SPINLOCK_INIT(&twist_class);
static struct event never = EVENT_INIT;
static struct cond condition = COND_INIT;

/* Where the child was when it did what: lines of this file. */
static unsigned *lines;

/* Notes the line and does it. */
#define AT(n, what) (lines[n] = __LINE__, (what))

static char report[20000];

/* Runs bug in a child; it must abort with a report that begins as expected. */
static void assert_reported(void (*bug)(void), const char *expected)
{
    int fds[2], status;
    size_t length = 0;
    char start[200];

    memset(lines, 0, 16 * sizeof(lines[0]));
    assert_int_equal(pipe(fds), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(fds[1], STDERR_FILENO);
        alarm(60);
        bug();
        _exit(0);
    }
    close(fds[1]);
    for (ssize_t n; (n = read(fds[0], report + length, sizeof(report) - 1 - length)) > 0;) {
        length += (size_t)n;
    }
    report[length] = '\0';
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    snprintf(start, sizeof(start), "mortise: lockdep: %s", expected);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT ||
        strncmp(report, start, strlen(start)) != 0) {
        fail_msg("expected an abort with \"%s\"; got status %#x and: %s", start, status, report);
    }
}

static void assert_says(const char *text)
{
    if (!strstr(report, text)) {
        fail_msg("expected \"%s\" in: %s", text, report);
    }
}

/* The report names the class as taken at the line that AT(n) noted. */
static void assert_names(const char *class_name, unsigned n)
{
    char place[100];

    snprintf(place, sizeof(place), "tests/unit/test_locks_lockdep.c:%u\n", lines[n]);
    assert_true(lines[n] != 0);
    for (const char *at = report; (at = strstr(at, class_name)); at++) {
        const char *end = strchr(at, '\n');

        if (end && (size_t)(end + 1 - at) > strlen(place) &&
            strncmp(end + 1 - strlen(place), place, strlen(place)) == 0) {
            return;
        }
    }
    fail_msg("expected %s at %s in: %s", class_name, place, report);
}

static void abba(void) NO_THREAD_SAFETY_ANALYSIS
{
    AT(0, mutex_lock(&alpha));
    AT(1, mutex_lock(&beta));
    mutex_unlock(&beta);
    mutex_unlock(&alpha);
    AT(2, mutex_lock(&beta));
    AT(3, mutex_lock(&alpha));
}

static void test_an_inversion_names_both_chains(void **unused)
{
    (void)unused;
    assert_reported(abba, "lock order inversion\n");
    assert_says("alpha before beta");
    assert_names("alpha", 0);
    assert_names("beta", 1);
    assert_names("beta", 2);
    assert_names("alpha", 3);
}

static void *alpha_beta(void *unused) NO_THREAD_SAFETY_ANALYSIS
{
    (void)unused;
    AT(0, mutex_lock(&alpha));
    AT(1, mutex_lock(&beta));
    mutex_unlock(&beta);
    mutex_unlock(&alpha);
    return NULL;
}

static void *beta_gamma(void *unused) NO_THREAD_SAFETY_ANALYSIS
{
    (void)unused;
    AT(2, mutex_lock(&beta));
    AT(3, mutex_lock(&third));
    mutex_unlock(&third);
    mutex_unlock(&beta);
    return NULL;
}

static void run_thread(const char *name, void *(*fn)(void *))
{
    struct thread t;

    if (thread_create(&t, name, fn, NULL, NULL) != 0) {
        _exit(3);
    }
    thread_join(&t);
}

static void three_threads(void) NO_THREAD_SAFETY_ANALYSIS
{
    run_thread("first", alpha_beta);
    run_thread("second", beta_gamma);
    AT(4, mutex_lock(&third));
    AT(5, mutex_lock(&alpha));
}

static void test_an_inversion_through_a_third_class_names_every_link(void **unused)
{
    (void)unused;
    assert_reported(three_threads, "lock order inversion\n");
    assert_says("alpha before beta, by thread first");
    assert_says("beta before gamma, by thread second");
    assert_names("alpha", 0);
    assert_names("beta", 1);
    assert_names("beta", 2);
    assert_names("gamma", 3);
    assert_names("gamma", 4);
    assert_names("alpha", 5);
}

static void nested_chain(void) NO_THREAD_SAFETY_ANALYSIS
{
    AT(0, mutex_lock(&alpha));
    AT(1, mutex_lock(&beta));
    AT(2, mutex_lock(&third));
    mutex_unlock(&beta); /* not the last one taken: any order will do */
    mutex_unlock(&alpha);
    AT(3, mutex_lock(&alpha)); /* gamma, then alpha */
}

static void test_an_inversion_with_the_outermost_of_three_is_found(void **unused)
{
    (void)unused;
    assert_reported(nested_chain, "lock order inversion\n");
    assert_says("alpha before gamma");
    assert_names("beta", 1);
    assert_names("gamma", 2);
    assert_names("alpha", 3);
}

static void against_ranks(void) NO_THREAD_SAFETY_ANALYSIS
{
    region_lock();
    mmap_lock();
}

static void test_the_declared_order_needs_no_second_thread(void **unused)
{
    (void)unused;
    assert_reported(against_ranks,
                    "lock order inversion: rank mmap is declared to come before region\n");
}

static void bql_under_mmap_lock(void) NO_THREAD_SAFETY_ANALYSIS
{
    bql_lock();
    mmap_lock();
    mmap_unlock();
    bql_unlock();
    mmap_lock();
    bql_lock();
}

static void test_a_rank_inversion_shows_the_other_chain_if_there_was_one(void **unused)
{
    (void)unused;
    assert_reported(bql_under_mmap_lock, "lock order inversion: rank BQL is declared");
    assert_says("bql before mmap_lock, by thread main");
}

static void recursion(void) NO_THREAD_SAFETY_ANALYSIS
{
    AT(0, mutex_lock(&alpha));
    AT(1, mutex_lock(&alpha));
}

static void read_recursion(void) NO_THREAD_SAFETY_ANALYSIS
{
    AT(0, rwlock_read_lock(&table));
    AT(1, rwlock_read_lock(&table));
}

static void test_recursion_is_reported(void **unused)
{
    (void)unused;
    assert_reported(recursion, "recursion\n");
    assert_names("alpha", 0);
    assert_names("alpha", 1);
    assert_reported(read_recursion, "recursion\n");
    assert_names("table", 0);
    assert_names("table", 1);
}

static void two_of_a_class(void) NO_THREAD_SAFETY_ANALYSIS
{
    AT(0, mutex_lock(&row[0]));
    AT(1, mutex_lock(&row[1]));
}

static void descending(void) NO_THREAD_SAFETY_ANALYSIS
{
    mutex_lock(&ladder[0]);
    mutex_lock(&ladder[1]);
    mutex_unlock(&ladder[0]);
    mutex_unlock(&ladder[1]);
    AT(0, mutex_lock(&ladder[1]));
    AT(1, mutex_lock(&ladder[0]));
}

static void test_two_locks_of_a_class_only_as_the_class_says(void **unused)
{
    (void)unused;
    assert_reported(two_of_a_class, "two locks of one class");
    assert_names("row", 0);
    assert_names("row", 1);
    assert_reported(descending, "lock order inversion within one class");
    assert_names("ladder", 0);
    assert_names("ladder", 1);
}

static void *take_alpha_and_wait(void *opaque) NO_THREAD_SAFETY_ANALYSIS
{
    AT(0, mutex_lock(&alpha));
    event_set(opaque);
    event_wait(&never);
    return NULL;
}

static void foreign_release(void) NO_THREAD_SAFETY_ANALYSIS
{
    struct event taken = EVENT_INIT;
    struct thread t;

    if (thread_create(&t, "holder", take_alpha_and_wait, &taken, NULL) != 0) {
        _exit(3);
    }
    event_wait(&taken);
    AT(1, mutex_unlock(&alpha));
}

static void free_release(void) NO_THREAD_SAFETY_ANALYSIS
{
    spinlock_unlock(&twist);
}

static void test_a_release_by_a_non_owner_names_the_owner(void **unused)
{
    (void)unused;
    assert_reported(foreign_release, "release by a thread that does not hold the lock\n");
    assert_names("alpha", 1);
    assert_says("the lock itself is held by thread holder");
    assert_names("taken at", 0);
    assert_reported(free_release, "release by a thread that does not hold the lock\n");
    assert_says("the lock itself is not held exclusively now");
}

static void *forget_to_unlock(void *unused) NO_THREAD_SAFETY_ANALYSIS
{
    (void)unused;
    AT(0, mutex_lock(&beta));
    return NULL;
}

static void exit_holding(void)
{
    run_thread("forgetful", forget_to_unlock);
}

static void test_the_exit_of_a_holder_is_reported(void **unused)
{
    (void)unused;
    assert_reported(exit_holding, "exit of a thread that holds a lock\n");
    assert_says("thread forgetful");
    assert_names("beta", 0);
}

static void event_in_read_section(void)
{
    lockdep_rcu_enter();
    lockdep_rcu_enter();
    lockdep_rcu_exit();
    AT(0, event_wait(&never));
}

static void cond_in_read_section(void) NO_THREAD_SAFETY_ANALYSIS
{
    lockdep_rcu_enter();
    mutex_lock(&alpha);
    cond_wait(&condition, &alpha);
}

static void bql_in_read_section(void) NO_THREAD_SAFETY_ANALYSIS
{
    lockdep_rcu_enter();
    AT(0, bql_lock());
}

static void leaf_in_read_section(void) NO_THREAD_SAFETY_ANALYSIS
{
    lockdep_rcu_enter();
    mmap_lock();
    mutex_lock(&alpha);
    mutex_unlock(&alpha);
    mmap_unlock();
    lockdep_rcu_exit();
    event_set(&never);
    event_wait(&never);
    AT(0, mutex_lock(&alpha));
    lockdep_rcu_wait("for a grace period", LOCK_SITE);
}

static void test_blocking_in_a_read_section_is_reported(void **unused)
{
    (void)unused;
    assert_reported(event_in_read_section, "blocking in an RCU read section\n");
    assert_says("waiting for an event");
    assert_names("event", 0);
    assert_reported(cond_in_read_section, "blocking in an RCU read section\n");
    assert_reported(bql_in_read_section, "blocking in an RCU read section\n");
    assert_names("bql", 0);
}

static void test_what_a_read_section_may_take_must_not_be_held_across_a_grace_period(void **unused)
{
    (void)unused;
    assert_reported(leaf_in_read_section, "waiting for a grace period with a lock");
    assert_names("alpha", 0);
}

static void sleep_under_spinlock(void) NO_THREAD_SAFETY_ANALYSIS
{
    AT(0, spinlock_lock(&twist));
    AT(1, mutex_lock(&alpha));
}

static void wait_under_spinlock(void) NO_THREAD_SAFETY_ANALYSIS
{
    AT(0, spinlock_lock(&twist));
    AT(1, event_wait(&never));
}

static void test_sleeping_under_a_spinlock_is_reported(void **unused)
{
    (void)unused;
    assert_reported(sleep_under_spinlock, "a lock that may sleep is taken under a spinlock\n");
    assert_names("twist", 0);
    assert_names("alpha", 1);
    assert_reported(wait_under_spinlock, "blocking under a spinlock\n");
    assert_names("twist", 0);
    assert_names("event", 1);
}

static void child_inverts(void) NO_THREAD_SAFETY_ANALYSIS
{
    int status;

    mutex_lock(&alpha);
    mutex_lock(&beta);
    mutex_unlock(&beta);
    mutex_unlock(&alpha);
    locks_before_fork();
    pid_t pid = fork();
    if (pid > 0) {
        locks_after_fork_parent();
        waitpid(pid, &status, 0);
        raise(WIFSIGNALED(status) ? WTERMSIG(status) : SIGKILL);
    }
    locks_after_fork_child();
    mutex_lock(&beta);
    mutex_lock(&alpha);
}

static void test_the_child_of_a_fork_remembers(void **unused)
{
    (void)unused;
    assert_reported(child_inverts, "lock order inversion\n");
    assert_says("alpha before beta");
}

/* In this process, as all that follow. */
static unsigned hook_calls;

static void hook(const char *text, void *opaque)
{
    (void)opaque;
    hook_calls++;
    snprintf(report, sizeof(report), "%s", text);
    mutex_lock(&row[0]); /* a hook may take locks */
    mutex_unlock(&row[0]);
}

static void
test_the_hook_hears_the_report_and_the_program_goes_on(void **unused) NO_THREAD_SAFETY_ANALYSIS
{
    (void)unused;
    lockdep_set_hook(hook, NULL);
    abba();
    lockdep_set_hook(NULL, NULL);
    mutex_unlock(&alpha);
    mutex_unlock(&beta);
    assert_int_equal(hook_calls, 1);
    assert_says("lock order inversion\n");
    assert_names("alpha", 3);
}

static void test_what_is_allowed_is_not_reported(void **unused) NO_THREAD_SAFETY_ANALYSIS
{
    static struct rec_mutex rec = REC_MUTEX_INIT(&gamma_class);

    (void)unused;
    hook_calls = 0;
    lockdep_set_hook(hook, NULL);
    bql_lock();
    lockdep_rcu_enter();
    mmap_lock();
    mmap_lock();
    page_lock_pair(9, 7);
    region_lock();
    rec_mutex_lock(&rec);
    rec_mutex_lock(&rec);
    spinlock_lock(&twist);
    spinlock_unlock(&twist);
    rec_mutex_unlock(&rec);
    rec_mutex_unlock(&rec);
    region_unlock();
    page_unlock_pair(9, 7);
    mmap_unlock();
    mmap_unlock();
    lockdep_rcu_exit();
    bql_unlock();

    /* A trylock cannot deadlock, so it may go against the order. */
    region_lock();
    assert_true(mutex_trylock(&bql));
    bql_unlock();
    region_unlock();
    lockdep_set_hook(NULL, NULL);
    assert_int_equal(hook_calls, 0);
}

static void test_holding_is_known(void **unused) NO_THREAD_SAFETY_ANALYSIS
{
    (void)unused;
    assert_false(bql_locked());
    bql_lock();
    assert_true(bql_locked());
    assert_true(lockdep_holds(&bql.base));
    assert_false(lockdep_holds(&alpha.base));
    bql_unlock();
    assert_false(bql_locked());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_inversion_names_both_chains),
        cmocka_unit_test(test_an_inversion_through_a_third_class_names_every_link),
        cmocka_unit_test(test_an_inversion_with_the_outermost_of_three_is_found),
        cmocka_unit_test(test_the_declared_order_needs_no_second_thread),
        cmocka_unit_test(test_a_rank_inversion_shows_the_other_chain_if_there_was_one),
        cmocka_unit_test(test_recursion_is_reported),
        cmocka_unit_test(test_two_locks_of_a_class_only_as_the_class_says),
        cmocka_unit_test(test_a_release_by_a_non_owner_names_the_owner),
        cmocka_unit_test(test_the_exit_of_a_holder_is_reported),
        cmocka_unit_test(test_blocking_in_a_read_section_is_reported),
        cmocka_unit_test(test_what_a_read_section_may_take_must_not_be_held_across_a_grace_period),
        cmocka_unit_test(test_sleeping_under_a_spinlock_is_reported),
        cmocka_unit_test(test_the_child_of_a_fork_remembers),
        cmocka_unit_test(test_what_is_allowed_is_not_reported),
        cmocka_unit_test(test_holding_is_known),
        cmocka_unit_test(test_the_hook_hears_the_report_and_the_program_goes_on),
    };

    lines = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (lines == MAP_FAILED) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

/* Without lockdep the calls are there and do nothing. */
static void test_nothing_is_checked(void **unused)
{
    (void)unused;
    lockdep_rcu_enter();
    lockdep_may_block("waiting", LOCK_SITE);
    lockdep_rcu_exit();
    lockdep_set_hook(NULL, NULL);
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
