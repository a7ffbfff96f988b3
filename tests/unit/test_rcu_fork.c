/* RCU across fork(2): the child of a process whose other threads read, wait
 * and reclaim. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rcu/rcu.h"

#ifdef MORTISE_SANITIZE
#define FORKS 20
#else
#define FORKS 200
#endif

/* ThreadSanitizer would end a child that starts a thread. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "die_after_fork=0";
}

struct object {
    struct rcu_head rcu;
    atomic_uint *count;
};

static atomic_bool stop;
static atomic_uint freed, in_section;

static void free_object(struct rcu_head *head)
{
    struct object *object = (struct object *)(void *)((char *)head - offsetof(struct object, rcu));

    atomic_fetch_add(object->count, 1);
    free(object);
}

static void call_one(atomic_uint *count)
{
    struct object *object = malloc(sizeof(*object));

    if (!object) {
        abort();
    }
    object->count = count;
    call_rcu(&object->rcu, free_object);
}

static pid_t fork_with_rcu(void)
{
    pid_t child;

    rcu_before_fork();
    child = fork();
    if (child == 0) {
        rcu_after_fork_child();
    } else {
        rcu_after_fork_parent();
    }
    return child;
}

static void assert_child_succeeds(pid_t child)
{
    int status;

    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void *stay_in_section(void *unused)
{
    (void)unused;
    rcu_read_lock();
    atomic_fetch_add(&in_section, 1);
    while (!atomic_load(&stop)) {
        usleep(1000);
    }
    rcu_read_unlock();
    return NULL;
}

static void test_pending_callbacks_run_in_parent_and_child(void **state)
{
    pthread_t reader;
    pid_t child;

    (void)state;
    atomic_store(&stop, false);
    assert_int_equal(pthread_create(&reader, NULL, stay_in_section, NULL), 0);
    while (atomic_load(&in_section) == 0) {
        usleep(100);
    }
    /* Some wait for a grace period that the reader holds up, some behind. */
    for (int i = 0; i < 10; i++) {
        call_one(&freed);
    }
    usleep(5000);
    for (int i = 0; i < 10; i++) {
        call_one(&freed);
    }
    child = fork_with_rcu();
    if (child == 0) {
        /* The reader is not here, nor is the reclaimer. */
        bool kept = atomic_load(&freed) == 0;

        synchronize_rcu();
        rcu_barrier();
        _exit(kept && atomic_load(&freed) == 20 ? 0 : 1);
    }
    assert_child_succeeds(child);
    assert_int_equal(freed, 0);
    atomic_store(&stop, true);
    pthread_join(reader, NULL);
    rcu_barrier();
    assert_int_equal(freed, 20);
}

static void *churn(void *opaque)
{
    unsigned *called = opaque;

    while (!atomic_load(&stop)) {
        rcu_read_lock();
        rcu_read_unlock();
        if (++*called % 64 == 0) {
            synchronize_rcu();
        }
        if (*called % 256 == 0) {
            usleep(1000); /* the children have to run what is pending, too */
        }
        call_one(&freed);
    }
    return NULL;
}

static void test_a_child_of_a_busy_process_reads_waits_and_reclaims(void **state)
{
    pthread_t threads[2];
    unsigned called[2] = {0};

    (void)state;
    atomic_store(&stop, false);
    atomic_store(&freed, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &called[i]), 0);
    }
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork_with_rcu();

        if (child == 0) {
            atomic_uint own = 0;

            rcu_read_lock();
            rcu_read_unlock();
            synchronize_rcu();
            call_one(&own);
            rcu_barrier();
            call_one(&own);
            rcu_barrier();
            _exit(atomic_load(&own) == 2 ? 0 : 1);
        }
        assert_child_succeeds(child);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    rcu_barrier();
    assert_int_equal(freed, called[0] + called[1]);
}

static void test_a_grandchild_works_too(void **state)
{
    pid_t child = fork_with_rcu();

    (void)state;
    if (child == 0) {
        int status = 1;

        call_one(&freed);
        child = fork_with_rcu();
        if (child == 0) {
            rcu_barrier();
            _exit(0);
        }
        waitpid(child, &status, 0);
        rcu_barrier();
        _exit(status == 0 ? 0 : 1);
    }
    assert_child_succeeds(child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pending_callbacks_run_in_parent_and_child),
        cmocka_unit_test(test_a_child_of_a_busy_process_reads_waits_and_reclaims),
        cmocka_unit_test(test_a_grandchild_works_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
