/* RCU under load, readers without fences. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rcu_torture.h"

#ifdef MORTISE_SANITIZE
#define CHURN_THREADS 100
#define SIGNALS       500
#else
#define CHURN_THREADS 500
#define SIGNALS       3000
#endif

static void test_no_reader_sees_a_reclaimed_object(void **state)
{
    (void)state;
    assert_int_equal(torture_run(), 0);
    assert_int_equal(torture.sections, TORTURE_READERS * TORTURE_SECTIONS);
    assert_true(torture.retired > 0);
    assert_int_equal(torture.freed, torture.retired);
}

static void test_a_section_announced_late_is_waited_for(void **state)
{
    (void)state;
    assert_int_equal(torture_run_late(), 0);
}

static struct torture_object *shared;
static atomic_bool stop;
static atomic_uint registered;
static atomic_ulong bad;

static void *replace_shared(void *unused)
{
    (void)unused;
    rcu_register_thread();
    atomic_fetch_add(&registered, 1);
    for (uint64_t i = 1; !atomic_load(&stop); i++) {
        struct torture_object *old = rcu_exchange_pointer(shared, torture_object_new(i));

        synchronize_rcu();
        torture_free(old);
    }
    return NULL;
}

static void *read_once(void *unused)
{
    (void)unused;
    atomic_fetch_add(&bad, torture_check_nested(&shared));
    return NULL;
}

static void test_threads_come_and_go_during_grace_periods(void **state)
{
    pthread_t updater, readers[2];

    (void)state;
    shared = torture_object_new(0);
    atomic_store(&stop, false);
    assert_int_equal(pthread_create(&updater, NULL, replace_shared, NULL), 0);
    for (unsigned i = 0; i < CHURN_THREADS; i++) {
        assert_int_equal(pthread_create(&readers[0], NULL, read_once, NULL), 0);
        assert_int_equal(pthread_create(&readers[1], NULL, read_once, NULL), 0);
        pthread_join(readers[0], NULL);
        pthread_join(readers[1], NULL);
    }
    atomic_store(&stop, true);
    pthread_join(updater, NULL);
    free(shared);
    assert_int_equal(bad, 0);
}

static atomic_uint handled;

static void read_in_handler(int sig)
{
    (void)sig;
    atomic_fetch_add(&bad, torture_check_nested(&shared));
    atomic_fetch_add(&handled, 1);
}

static void *read_until_stopped(void *unused)
{
    (void)unused;
    rcu_register_thread();
    atomic_fetch_add(&registered, 1);
    while (!atomic_load(&stop)) {
        atomic_fetch_add(&bad, torture_check_nested(&shared));
    }
    return NULL;
}

static void test_handlers_read_wherever_they_interrupt(void **state)
{
    struct sigaction action = {.sa_handler = read_in_handler}, saved;
    pthread_t updater, reader;

    (void)state;
    shared = torture_object_new(0);
    atomic_store(&stop, false);
    atomic_store(&registered, 0);
    sigaction(SIGUSR1, &action, &saved);
    assert_int_equal(pthread_create(&reader, NULL, read_until_stopped, NULL), 0);
    assert_int_equal(pthread_create(&updater, NULL, replace_shared, NULL), 0);
    while (atomic_load(&registered) < 2) {
        sched_yield();
    }
    for (unsigned i = 0; i < SIGNALS; i++) {
        pthread_kill(i % 8 ? reader : updater, SIGUSR1);
        if (i % 16 == 0) {
            sched_yield();
        }
    }
    atomic_store(&stop, true);
    pthread_join(updater, NULL);
    pthread_join(reader, NULL);
    sigaction(SIGUSR1, &saved, NULL);
    free(shared);
    assert_true(handled > 0);
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_reader_sees_a_reclaimed_object),
        cmocka_unit_test(test_a_section_announced_late_is_waited_for),
        cmocka_unit_test(test_threads_come_and_go_during_grace_periods),
        cmocka_unit_test(test_handlers_read_wherever_they_interrupt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
