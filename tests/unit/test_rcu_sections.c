/* What a read section promises, and what a grace period waits for. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rcu/rcu.h"

static void test_sections_nest(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    (void)state;
    assert_false(rcu_read_held());
    for (int i = 0; i < 1000; i++) {
        rcu_read_lock();
        assert_true(rcu_read_held());
    }
    for (int i = 0; i < 1000; i++) {
        assert_true(rcu_read_held());
        rcu_read_unlock();
    }
    assert_false(rcu_read_held());
    synchronize_rcu();
}

static void test_registering_is_repeatable_and_optional(void **state)
{
    (void)state;
    rcu_register_thread();
    rcu_register_thread();
    rcu_unregister_thread();
    rcu_unregister_thread();
    synchronize_rcu();
    rcu_read_lock();
    assert_true(rcu_read_held());
    rcu_read_unlock();
    synchronize_rcu();
}

/* One reader that stays in a section until told, and one updater. */
struct scene {
    atomic_bool in_section, leave, left, left_inner, kicked, waited;
    bool seen_left;
};

static void *reader_main(void *opaque)
{
    struct scene *scene = opaque;

    rcu_read_lock();
    atomic_store(&scene->in_section, true);
    while (!atomic_load(&scene->leave) && !atomic_load(&scene->kicked)) {
        sched_yield();
    }
    atomic_store(&scene->left, true);
    rcu_read_unlock();
    return NULL;
}

static void *updater_main(void *opaque)
{
    struct scene *scene = opaque;

    synchronize_rcu();
    scene->seen_left = atomic_load(&scene->left);
    atomic_store(&scene->waited, true);
    return NULL;
}

static void await(const atomic_bool *flag)
{
    while (!atomic_load(flag)) {
        sched_yield();
    }
}

static void test_a_grace_period_waits_for_a_section_begun_before(void **state)
{
    struct scene scene = {0};
    pthread_t reader, updater;

    (void)state;
    assert_int_equal(pthread_create(&reader, NULL, reader_main, &scene), 0);
    await(&scene.in_section);
    assert_int_equal(pthread_create(&updater, NULL, updater_main, &scene), 0);
    usleep(20000); /* lets the updater come to sleep, so that it has to be woken */
    assert_false(atomic_load(&scene.waited));
    atomic_store(&scene.leave, true);
    pthread_join(updater, NULL);
    pthread_join(reader, NULL);
    assert_true(scene.seen_left);
}

static void *nested_reader_main(void *opaque) NO_THREAD_SAFETY_ANALYSIS
{
    struct scene *scene = opaque;

    rcu_read_lock();
    rcu_read_lock();
    atomic_store(&scene->in_section, true);
    await(&scene->leave);
    rcu_read_unlock();
    atomic_store(&scene->left_inner, true);
    for (int i = 0; i < 1000; i++) {
        rcu_read_lock();
        sched_yield();
        rcu_read_unlock();
    }
    atomic_store(&scene->left, true);
    rcu_read_unlock();
    return NULL;
}

static void test_the_end_of_an_inner_section_does_not_end_the_outer(void **state)
{
    struct scene scene = {0};
    pthread_t reader, updater;

    (void)state;
    assert_int_equal(pthread_create(&reader, NULL, nested_reader_main, &scene), 0);
    await(&scene.in_section);
    assert_int_equal(pthread_create(&updater, NULL, updater_main, &scene), 0);
    usleep(1000);
    atomic_store(&scene.leave, true);
    pthread_join(updater, NULL);
    pthread_join(reader, NULL);
    assert_true(scene.left_inner);
    assert_true(scene.seen_left);
}

static void *busy_reader_main(void *opaque)
{
    struct scene *scene = opaque;

    while (!atomic_load(&scene->leave)) {
        rcu_read_lock();
        atomic_store(&scene->in_section, true);
        rcu_read_unlock();
    }
    return NULL;
}

/* A reader that is in a section almost always, but never in one for long,
 * does not starve the updater. */
static void test_a_grace_period_does_not_wait_for_sections_begun_later(void **state)
{
    struct scene scene = {0};
    pthread_t readers[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, busy_reader_main, &scene), 0);
    }
    await(&scene.in_section);
    for (int i = 0; i < 100; i++) {
        synchronize_rcu();
    }
    atomic_store(&scene.leave, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(readers[i], NULL);
    }
}

static void kick(void *opaque)
{
    struct scene *scene = opaque;

    atomic_store(&scene->kicked, true);
}

static void *kicked_reader_main(void *opaque)
{
    rcu_set_kick(kick, opaque);
    return reader_main(opaque);
}

static void test_a_reader_that_is_waited_for_is_kicked(void **state)
{
    struct scene scene = {0};
    pthread_t reader;

    (void)state;
    assert_int_equal(pthread_create(&reader, NULL, kicked_reader_main, &scene), 0);
    await(&scene.in_section);
    synchronize_rcu();
    assert_true(scene.kicked);
    assert_true(scene.left);
    pthread_join(reader, NULL);
}

static void *synchronize_many(void *unused)
{
    (void)unused;
    for (int i = 0; i < 200; i++) {
        synchronize_rcu();
    }
    return NULL;
}

static void test_updaters_share_grace_periods_and_all_return(void **state)
{
    struct scene scene = {0};
    pthread_t reader, updaters[8];

    (void)state;
    assert_int_equal(pthread_create(&reader, NULL, busy_reader_main, &scene), 0);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&updaters[i], NULL, synchronize_many, NULL), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(updaters[i], NULL);
    }
    atomic_store(&scene.leave, true);
    pthread_join(reader, NULL);
}

static void synchronize_in_section(void) NO_THREAD_SAFETY_ANALYSIS
{
    rcu_read_lock();
    synchronize_rcu();
}

static void unlock_unlocked(void) NO_THREAD_SAFETY_ANALYSIS
{
    rcu_register_thread();
    rcu_read_unlock();
}

static void unregister_in_section(void) NO_THREAD_SAFETY_ANALYSIS
{
    rcu_read_lock();
    rcu_unregister_thread();
}

static void nest_too_deep(void) NO_THREAD_SAFETY_ANALYSIS
{
    for (uint64_t i = 0; i <= RCU_NEST_MASK; i++) {
        rcu_read_lock();
    }
    rcu_read_unlock();
}

static void wait_for_callbacks_in_section(void) NO_THREAD_SAFETY_ANALYSIS
{
    rcu_read_lock();
    rcu_barrier();
}

static void test_misuse_stops_the_process(void **state)
{
    static void (*const misuses[])(void) = {
        synchronize_in_section,        unlock_unlocked, unregister_in_section, nest_too_deep,
        wait_for_callbacks_in_section,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(misuses) / sizeof(misuses[0]); i++) {
        pid_t child = fork();
        int status;

        assert_true(child >= 0);
        if (child == 0) {
            signal(SIGABRT, SIG_DFL);
            close(STDERR_FILENO);
            rcu_after_fork_child();
            misuses[i]();
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections_nest),
        cmocka_unit_test(test_registering_is_repeatable_and_optional),
        cmocka_unit_test(test_a_grace_period_waits_for_a_section_begun_before),
        cmocka_unit_test(test_the_end_of_an_inner_section_does_not_end_the_outer),
        cmocka_unit_test(test_a_grace_period_does_not_wait_for_sections_begun_later),
        cmocka_unit_test(test_a_reader_that_is_waited_for_is_kicked),
        cmocka_unit_test(test_updaters_share_grace_periods_and_all_return),
        cmocka_unit_test(test_misuse_stops_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
