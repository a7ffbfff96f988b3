/* Exclusive sections against vCPUs that enter and leave, come and go. */
#include "exec_fake.h"

#ifdef MORTISE_SANITIZE
#define ROUNDS 200
#else
#define ROUNDS 1000
#endif

#define VCPUS  3
#define OWNERS 2

static atomic_uint inside_now; /* vCPUs inside, by their own count */
static atomic_uint running;    /* threads of owners not done yet */
static unsigned unprotected;   /* touched inside sections only: TSan watches */

static void stint(struct cpu *cpu)
{
    cpu_exec_start(cpu);
    atomic_fetch_add(&inside_now, 1);
    CHECK(atomic_load(&cpu->inside));
    CHECK(rcu_read_held());
    atomic_fetch_sub(&inside_now, 1);
    cpu_exec_end(cpu);
}

static void *enter_and_leave(void *arg)
{
    struct fake_cpu *me = arg;

    cpu_attach_thread(&me->cpu);
    while (atomic_load(&running)) {
        stint(&me->cpu);
    }
    fake_cpu_free(me);
    return NULL;
}

static void section(void)
{
    start_exclusive();
    CHECK(atomic_load(&inside_now) == 0);
    unsigned before = unprotected++;
    sched_yield();
    CHECK(atomic_load(&inside_now) == 0);
    CHECK(unprotected == before + 1);
    end_exclusive();
}

static void *own_sections(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < ROUNDS; i++) {
        section();
    }
    atomic_fetch_sub(&running, 1);
    return NULL;
}

static void test_nobody_is_inside_during_a_section(void **state)
{
    pthread_t vcpus[VCPUS], owners[OWNERS];

    (void)state;
    atomic_store(&running, OWNERS);
    unprotected = 0;
    for (unsigned i = 0; i < VCPUS; i++) {
        assert_int_equal(pthread_create(&vcpus[i], NULL, enter_and_leave, fake_cpu_new()), 0);
    }
    for (unsigned i = 0; i < OWNERS; i++) {
        assert_int_equal(pthread_create(&owners[i], NULL, own_sections, NULL), 0);
    }
    for (unsigned i = 0; i < VCPUS; i++) {
        pthread_join(vcpus[i], NULL);
    }
    for (unsigned i = 0; i < OWNERS; i++) {
        pthread_join(owners[i], NULL);
    }
    assert_int_equal(unprotected, OWNERS * ROUNDS);
}

static void *enter_and_own(void *arg)
{
    struct fake_cpu *me = arg;

    cpu_attach_thread(&me->cpu);
    for (unsigned i = 0; i < ROUNDS / 10; i++) {
        stint(&me->cpu);
        section();
    }
    fake_cpu_free(me);
    return NULL;
}

static void test_vcpus_may_all_want_sections(void **state)
{
    pthread_t vcpus[VCPUS];

    (void)state;
    for (unsigned i = 0; i < VCPUS; i++) {
        assert_int_equal(pthread_create(&vcpus[i], NULL, enter_and_own, fake_cpu_new()), 0);
    }
    for (unsigned i = 0; i < VCPUS; i++) {
        pthread_join(vcpus[i], NULL);
    }
}

/* A vCPU whose guest code never ends by itself. */
static atomic_bool stop, is_inside;

static void *loop_inside(void *arg)
{
    struct fake_cpu *me = arg;

    cpu_attach_thread(&me->cpu);
    while (!atomic_load(&stop)) {
        cpu_exec_start(&me->cpu);
        atomic_store(&is_inside, true);
        while (!fake_asked_to_leave(&me->cpu)) {
            sched_yield();
        }
        atomic_store(&is_inside, false);
        cpu_exec_end(&me->cpu);
        cpu_process_work(&me->cpu);
    }
    return NULL;
}

static struct fake_cpu *start_looping(pthread_t *thread)
{
    struct fake_cpu *f = fake_cpu_new();

    atomic_store(&stop, false);
    atomic_store(&is_inside, false);
    assert_int_equal(pthread_create(thread, NULL, loop_inside, f), 0);
    while (!atomic_load(&is_inside)) {
        sched_yield();
    }
    return f;
}

static void stop_looping(struct fake_cpu *f, pthread_t thread)
{
    atomic_store(&stop, true);
    cpu_kick(&f->cpu, CPU_EXIT_WORK);
    pthread_join(thread, NULL);
    fake_cpu_free(f);
}

static void test_a_section_kicks_a_vcpu_out_of_endless_guest_code(void **state)
{
    pthread_t thread;
    struct fake_cpu *f = start_looping(&thread);
    unsigned kicks = atomic_load(&f->kicks);

    (void)state;
    start_exclusive();
    assert_false(atomic_load(&is_inside));
    assert_true(atomic_load(&f->kicks) > kicks);
    end_exclusive();
    stop_looping(f, thread);
}

static void test_the_request_to_leave_is_gone_once_inside_again(void **state)
{
    struct fake_cpu *f = fake_cpu_new();

    (void)state;
    cpu_kick(&f->cpu, CPU_EXIT_EXCLUSIVE | CPU_EXIT_RCU | CPU_EXIT_SIGNAL);
    assert_int_equal(atomic_load(&f->kicks), 1);
    cpu_exec_start(&f->cpu);
    assert_int_equal(atomic_load(&f->cpu.exit_request), CPU_EXIT_SIGNAL);
    cpu_exec_end(&f->cpu);
    assert_int_equal(atomic_load(&f->cpu.exit_request), CPU_EXIT_SIGNAL);
    fake_cpu_free(f);
}

static void test_a_grace_period_ends_though_guest_code_does_not(void **state)
{
    pthread_t thread;
    struct fake_cpu *f = start_looping(&thread);

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        synchronize_rcu();
        fake_cpu_free(fake_cpu_new());
    }
    stop_looping(f, thread);
}

static void test_vcpus_come_and_go_during_sections(void **state)
{
    pthread_t owner;

    (void)state;
    atomic_store(&running, 1);
    assert_int_equal(pthread_create(&owner, NULL, own_sections, NULL), 0);
    while (atomic_load(&running)) {
        struct fake_cpu *f = fake_cpu_new();
        for (unsigned n = 0; n < 10; n++) {
            stint(&f->cpu);
        }
        fake_cpu_free(f);
    }
    pthread_join(owner, NULL);
    assert_int_equal(cpu_count(), 0);
}

static struct fake_cpu *forker;

static void child_has_no_section(void)
{
    CHECK(cpu_count() == 1);
    CHECK(current_cpu == &forker->cpu);
    CHECK(forker->cpu.host_tid == getpid());
    stint(&forker->cpu);
    start_exclusive();
    end_exclusive();
    stint(&forker->cpu);
    struct fake_cpu *another = fake_cpu_new();
    CHECK(another->cpu.index != forker->cpu.index);
    CHECK(cpu_count() == 2);
    fake_cpu_free(another);
}

static void test_a_child_forked_in_a_section_begins_without_one(void **state)
{
    pthread_t thread;
    struct fake_cpu *f = start_looping(&thread);

    (void)state;
    forker = fake_cpu_new();
    cpu_attach_thread(&forker->cpu);
    start_exclusive();
    fake_run_in_child(child_has_no_section, &forker->cpu);
    end_exclusive();
    stint(&forker->cpu);
    fake_cpu_free(forker);
    stop_looping(f, thread);
}

static void child_without_vcpu(void)
{
    CHECK(cpu_count() == 0);
    CHECK(current_cpu == NULL);
    start_exclusive();
    end_exclusive();
}

static void test_a_child_may_have_no_vcpu(void **state)
{
    struct fake_cpu *f = fake_cpu_new();

    (void)state;
    fake_run_in_child(child_without_vcpu, NULL);
    assert_int_equal(cpu_count(), 1);
    fake_cpu_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_is_inside_during_a_section),
        cmocka_unit_test(test_vcpus_may_all_want_sections),
        cmocka_unit_test(test_a_section_kicks_a_vcpu_out_of_endless_guest_code),
        cmocka_unit_test(test_the_request_to_leave_is_gone_once_inside_again),
        cmocka_unit_test(test_a_grace_period_ends_though_guest_code_does_not),
        cmocka_unit_test(test_vcpus_come_and_go_during_sections),
        cmocka_unit_test(test_a_child_forked_in_a_section_begins_without_one),
        cmocka_unit_test(test_a_child_may_have_no_vcpu),
    };

    return cmocka_run_group_tests_name("exclusive sections", tests, NULL, NULL);
}
