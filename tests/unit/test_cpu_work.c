/* Work given to vCPUs' threads, kicks and halts, and the list of vCPUs. */
#include "exec_fake.h"

#include <sys/syscall.h>

#include "locks/bql.h"

#ifdef MORTISE_SANITIZE
#define ROUNDS 500
#else
#define ROUNDS 5000
#endif

static void test_indices_are_unique_and_reused(void **state)
{
    struct fake_cpu *a = fake_cpu_new(), *b = fake_cpu_new(), *c = fake_cpu_new();

    (void)state;
    assert_int_equal(a->cpu.index, 0);
    assert_int_equal(b->cpu.index, 1);
    assert_int_equal(c->cpu.index, 2);
    assert_int_equal(cpu_count(), 3);
    fake_cpu_free(b);
    b = fake_cpu_new();
    assert_int_equal(b->cpu.index, 1);
    fake_cpu_free(a);
    fake_cpu_free(c);
    fake_cpu_free(b);
    assert_int_equal(cpu_count(), 0);
}

static void add_index(struct cpu *cpu, void *sum)
{
    *(unsigned *)sum += cpu->index + 1;
}

static void test_for_each_visits_every_vcpu_once(void **state)
{
    struct fake_cpu *a = fake_cpu_new(), *b = fake_cpu_new();
    unsigned sum = 0;

    (void)state;
    cpu_for_each(add_index, &sum);
    assert_int_equal(sum, 3);
    fake_cpu_free(a);
    sum = 0;
    cpu_for_each(add_index, &sum);
    assert_int_equal(sum, 2);
    fake_cpu_free(b);
}

static void test_a_kick_interrupts_other_threads_only(void **state)
{
    struct fake_cpu *mine = fake_cpu_new(), *other = fake_cpu_new();

    (void)state;
    cpu_attach_thread(&mine->cpu);
    assert_ptr_equal(current_cpu, &mine->cpu);
    assert_int_equal(mine->cpu.host_tid, syscall(SYS_gettid));
    cpu_kick(&mine->cpu, CPU_EXIT_SIGNAL);
    cpu_kick(&other->cpu, CPU_EXIT_STOP);
    cpu_kick(&other->cpu, CPU_EXIT_SIGNAL);
    assert_int_equal(atomic_load(&mine->kicks), 0);
    assert_int_equal(atomic_load(&mine->cpu.exit_request), CPU_EXIT_SIGNAL);
    assert_int_equal(atomic_load(&other->kicks), 2);
    assert_int_equal(atomic_load(&other->cpu.exit_request), CPU_EXIT_STOP | CPU_EXIT_SIGNAL);
    fake_cpu_free(mine);
    assert_null(current_cpu);
    fake_cpu_free(other);
}

/* What ran, in order. By one vCPU's thread. */
static unsigned ran[10];
static unsigned ran_count;

static void note(struct cpu *cpu, void *number)
{
    (void)cpu;
    ran[ran_count++] = (unsigned)(uintptr_t)number;
}

static void test_work_runs_in_the_order_of_its_queueing(void **state)
{
    struct fake_cpu *f = fake_cpu_new();

    (void)state;
    ran_count = 0;
    for (uintptr_t i = 0; i < 5; i++) {
        assert_int_equal(async_run_on_cpu(&f->cpu, note, (void *)i), 0);
    }
    assert_int_equal(ran_count, 0);
    assert_true(atomic_load(&f->cpu.exit_request) & CPU_EXIT_WORK);
    assert_int_equal(atomic_load(&f->kicks), 5);
    cpu_process_work(&f->cpu);
    assert_int_equal(ran_count, 5);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(ran[i], i);
    }
    assert_false(atomic_load(&f->cpu.exit_request) & CPU_EXIT_WORK);
    cpu_process_work(&f->cpu);
    assert_int_equal(ran_count, 5);
    fake_cpu_free(f);
}

static void queue_another(struct cpu *cpu, void *number)
{
    assert_int_equal(async_run_on_cpu(cpu, note, number), 0);
}

static void test_work_queued_by_work_waits_for_the_next_time(void **state)
{
    struct fake_cpu *f = fake_cpu_new();

    (void)state;
    ran_count = 0;
    assert_int_equal(async_run_on_cpu(&f->cpu, queue_another, (void *)7), 0);
    cpu_process_work(&f->cpu);
    assert_int_equal(ran_count, 0);
    assert_true(atomic_load(&f->cpu.exit_request) & CPU_EXIT_WORK);
    cpu_process_work(&f->cpu);
    assert_int_equal(ran_count, 1);
    fake_cpu_free(f);
}

static void test_work_left_over_runs_when_the_vcpu_is_unregistered(void **state)
{
    struct fake_cpu *f = fake_cpu_new();

    (void)state;
    ran_count = 0;
    assert_int_equal(async_run_on_cpu(&f->cpu, queue_another, (void *)7), 0);
    fake_cpu_free(f);
    assert_int_equal(ran_count, 1);
}

static void test_on_the_own_vcpu_work_runs_at_once(void **state)
{
    struct fake_cpu *f = fake_cpu_new();

    (void)state;
    ran_count = 0;
    cpu_attach_thread(&f->cpu);
    assert_int_equal(run_on_cpu(&f->cpu, note, (void *)1), 0);
    assert_int_equal(ran_count, 1);
    fake_cpu_free(f);
}

/* A vCPU's thread that does what it is asked to until it is to stop. */
static void *serve(void *arg)
{
    struct fake_cpu *me = arg;

    cpu_attach_thread(&me->cpu);
    while (!(atomic_load(&me->cpu.exit_request) & CPU_EXIT_STOP)) {
        cpu_halt_wait(&me->cpu);
        cpu_process_work(&me->cpu);
    }
    return NULL;
}

static void stop_serving(struct fake_cpu *f, pthread_t thread)
{
    cpu_kick(&f->cpu, CPU_EXIT_STOP);
    pthread_join(thread, NULL);
    fake_cpu_free(f);
}

static void count_up(struct cpu *cpu, void *counter)
{
    CHECK(cpu == current_cpu);
    CHECK(!atomic_load(&cpu->inside));
    ++*(unsigned *)counter;
}

static void test_run_on_cpu_returns_after_the_work(void **state)
{
    struct fake_cpu *f = fake_cpu_new();
    unsigned counter = 0;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, serve, f), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        assert_int_equal(run_on_cpu(&f->cpu, count_up, &counter), 0);
        assert_int_equal(counter, i + 1);
    }
    stop_serving(f, thread);
}

static void take_bql(struct cpu *cpu, void *unused)
{
    (void)cpu;
    (void)unused;
    bql_lock();
    bql_unlock();
}

static void test_the_bql_is_dropped_while_waiting(void **state)
{
    struct fake_cpu *f = fake_cpu_new();
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, serve, f), 0);
    bql_lock();
    assert_int_equal(run_on_cpu_bql(&f->cpu, take_bql, NULL), 0);
    bql_unlock();
    stop_serving(f, thread);
}

/* Two vCPUs that wait for each other all the time. */
static struct fake_cpu *pair[2];
static unsigned pair_count[2];
static atomic_uint pair_running;

static void *ask_the_other(void *arg)
{
    unsigned self = (unsigned)(uintptr_t)arg;
    struct cpu *me = &pair[self]->cpu, *other = &pair[!self]->cpu;

    cpu_attach_thread(me);
    for (unsigned i = 0; i < ROUNDS; i++) {
        CHECK(run_on_cpu(other, count_up, &pair_count[!self]) == 0);
    }
    atomic_fetch_sub(&pair_running, 1);
    cpu_kick(other, CPU_EXIT_WORK);
    while (atomic_load(&pair_running)) {
        cpu_process_work(me);
        sched_yield();
    }
    return NULL;
}

static void test_vcpus_may_wait_for_each_other(void **state)
{
    pthread_t threads[2];

    (void)state;
    pair[0] = fake_cpu_new();
    pair[1] = fake_cpu_new();
    atomic_store(&pair_running, 2);
    for (uintptr_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ask_the_other, (void *)i), 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(pair_count[0], ROUNDS);
    assert_int_equal(pair_count[1], ROUNDS);
    fake_cpu_free(pair[0]);
    fake_cpu_free(pair[1]);
}

/* vCPUs inside while others give them work that has to be alone. */
#define SAFE_VCPUS 3

static struct fake_cpu *safe[SAFE_VCPUS];
static atomic_uint safe_inside, safe_left;
static unsigned safe_count; /* touched in exclusive sections only */

static void be_alone(struct cpu *cpu, void *unused)
{
    (void)cpu;
    (void)unused;
    CHECK(atomic_load(&safe_inside) == 0);
    safe_count++;
    atomic_fetch_sub(&safe_left, 1);
}

static void *run_and_ask(void *arg)
{
    unsigned self = (unsigned)(uintptr_t)arg;
    struct cpu *me = &safe[self]->cpu;
    unsigned left = ROUNDS;

    cpu_attach_thread(me);
    while (atomic_load(&safe_left)) {
        cpu_exec_start(me);
        atomic_fetch_add(&safe_inside, 1);
        if (left) {
            CHECK(async_safe_run_on_cpu(&safe[left-- % SAFE_VCPUS]->cpu, be_alone, NULL) == 0);
        }
        atomic_fetch_sub(&safe_inside, 1);
        cpu_exec_end(me);
        cpu_process_work(me);
    }
    return NULL;
}

static void test_safe_work_runs_while_nobody_is_inside(void **state)
{
    pthread_t threads[SAFE_VCPUS];

    (void)state;
    atomic_store(&safe_left, SAFE_VCPUS * ROUNDS);
    for (unsigned i = 0; i < SAFE_VCPUS; i++) {
        safe[i] = fake_cpu_new();
    }
    for (uintptr_t i = 0; i < SAFE_VCPUS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run_and_ask, (void *)i), 0);
    }
    for (unsigned i = 0; i < SAFE_VCPUS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(safe_count, SAFE_VCPUS * ROUNDS);
    for (unsigned i = 0; i < SAFE_VCPUS; i++) {
        fake_cpu_free(safe[i]);
    }
}

static void test_a_kick_before_the_halt_ends_it_at_once(void **state)
{
    struct fake_cpu *f = fake_cpu_new();

    (void)state;
    cpu_kick(&f->cpu, CPU_EXIT_SIGNAL);
    cpu_halt_wait(&f->cpu);
    cpu_halt_wait(&f->cpu); /* the bit is still there */
    fake_cpu_free(f);
}

/* Two threads wake each other in turn: a wake-up lost is a test that hangs. */
static struct fake_cpu *players[2];

static void *play(void *arg)
{
    unsigned self = (unsigned)(uintptr_t)arg;
    struct cpu *me = &players[self]->cpu, *other = &players[!self]->cpu;

    cpu_attach_thread(me);
    for (unsigned i = 0; i < ROUNDS; i++) {
        while (
            !(atomic_fetch_and(&me->exit_request, ~(unsigned)CPU_EXIT_SIGNAL) & CPU_EXIT_SIGNAL)) {
            cpu_halt_wait(me);
        }
        cpu_kick(other, CPU_EXIT_SIGNAL);
    }
    return NULL;
}

static void test_no_wake_up_of_a_halted_vcpu_is_lost(void **state)
{
    pthread_t threads[2];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        players[i] = fake_cpu_new();
    }
    for (uintptr_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, play, (void *)i), 0);
    }
    cpu_kick(&players[0]->cpu, CPU_EXIT_SIGNAL);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    for (unsigned i = 0; i < 2; i++) {
        fake_cpu_free(players[i]);
    }
}

static struct fake_cpu *forker;

static void child_has_no_work(void)
{
    CHECK(!(atomic_load(&forker->cpu.exit_request) & CPU_EXIT_WORK));
    cpu_process_work(&forker->cpu);
    CHECK(ran_count == 0);
    CHECK(async_run_on_cpu(&forker->cpu, note, NULL) == 0);
    cpu_process_work(&forker->cpu);
    CHECK(ran_count == 1);
}

static void test_the_child_of_a_fork_does_not_do_the_parents_work(void **state)
{
    (void)state;
    forker = fake_cpu_new();
    ran_count = 0;
    cpu_attach_thread(&forker->cpu);
    assert_int_equal(async_run_on_cpu(&forker->cpu, note, (void *)1), 0);
    fake_run_in_child(child_has_no_work, &forker->cpu);
    cpu_process_work(&forker->cpu);
    assert_int_equal(ran_count, 1);
    fake_cpu_free(forker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_indices_are_unique_and_reused),
        cmocka_unit_test(test_for_each_visits_every_vcpu_once),
        cmocka_unit_test(test_a_kick_interrupts_other_threads_only),
        cmocka_unit_test(test_work_runs_in_the_order_of_its_queueing),
        cmocka_unit_test(test_work_queued_by_work_waits_for_the_next_time),
        cmocka_unit_test(test_work_left_over_runs_when_the_vcpu_is_unregistered),
        cmocka_unit_test(test_on_the_own_vcpu_work_runs_at_once),
        cmocka_unit_test(test_run_on_cpu_returns_after_the_work),
        cmocka_unit_test(test_the_bql_is_dropped_while_waiting),
        cmocka_unit_test(test_vcpus_may_wait_for_each_other),
        cmocka_unit_test(test_safe_work_runs_while_nobody_is_inside),
        cmocka_unit_test(test_a_kick_before_the_halt_ends_it_at_once),
        cmocka_unit_test(test_no_wake_up_of_a_halted_vcpu_is_lost),
        cmocka_unit_test(test_the_child_of_a_fork_does_not_do_the_parents_work),
    };

    return cmocka_run_group_tests_name("vCPU work", tests, NULL, NULL);
}
