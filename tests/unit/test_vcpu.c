/* The threads of vCPUs: each its own, or one for all in turn. Guest code is a loop
 * that asks whether it is to leave. */
#include "exec_fake.h"

#include "exec/vcpu.h"
#include "locks/bql.h"

#define VCPUS 2

struct guest {
    struct fake_cpu fake;
    atomic_bool busy;     /* runs until it is asked to leave; else it halts at once */
    atomic_bool work;     /* something to wake up for */
    atomic_bool shutdown; /* its next turn ends with a triple fault */
    atomic_uint turns, wrong, shutdowns, resets;
};

static struct guest guests[VCPUS];

static struct guest *guest_of(struct cpu *cpu)
{
    return (struct guest *)(void *)cpu;
}

static void attach(struct cpu *cpu)
{
    cpu_attach_thread(cpu);
}

static enum vcpu_exit exec(struct cpu *cpu)
{
    struct guest *g = guest_of(cpu);
    atomic_store(&g->work, false);
    atomic_fetch_add(&g->wrong, current_cpu != cpu);
    atomic_fetch_add(&g->turns, 1);
    if (atomic_exchange(&g->shutdown, false)) {
        return VCPU_SHUTDOWN;
    }
    while (atomic_load(&g->busy) && !fake_asked_to_leave(cpu)) {
        sched_yield();
    }
    return atomic_load(&g->busy) ? VCPU_REQUEST : VCPU_HALTED;
}

static bool has_work(struct cpu *cpu)
{
    return atomic_load(&guest_of(cpu)->work);
}

static void reset(struct cpu *cpu)
{
    atomic_fetch_add(&guest_of(cpu)->resets, 1);
}

static void on_shutdown(struct cpu *cpu)
{
    atomic_fetch_add(&guest_of(cpu)->shutdowns, 1);
}

static void kick(struct cpu *cpu)
{
    vcpu_kick_thread(cpu);
}

static const struct guest_ops kick_ops = {.kick = kick};
static const struct vcpu_ops ops = {
    .attach = attach, .exec = exec, .has_work = has_work, .reset = reset};

static void start(bool round_robin, bool busy) ACQUIRE(main_loop_role, bql)
{
    thread_role_enter(&main_loop_role);
    bql_lock();
    guest_ops = &kick_ops;
    vcpu_init(&ops, on_shutdown);
    for (unsigned n = 0; n < VCPUS; n++) {
        guests[n] = (struct guest){.busy = busy};
        struct cpu *cpu = &guests[n].fake.cpu;
        cpu->jump_cache = calloc(CPU_JUMP_CACHE_ENTRIES, sizeof(*cpu->jump_cache));
        cpu_register(cpu);
        assert_int_equal(vcpu_add(cpu, NULL), 0);
    }
    assert_int_equal(vcpu_start_threads(round_robin, NULL), 0);
    vcpu_resume_all();
}

static void finish(void) RELEASE(main_loop_role, bql)
{
    vcpu_stop_all();
    vcpu_join_all();
    for (unsigned n = 0; n < VCPUS; n++) {
        assert_int_equal(atomic_load(&guests[n].wrong), 0);
        cpu_unregister(&guests[n].fake.cpu);
        free(guests[n].fake.cpu.jump_cache);
    }
    bql_unlock();
    thread_role_leave(&main_loop_role);
}

static void wait_for_turns(unsigned n, unsigned turns)
{
    while (atomic_load(&guests[n].turns) < turns) {
        sched_yield();
    }
}

static void wake(unsigned n)
{
    atomic_store(&guests[n].work, true);
    cpu_kick(&guests[n].fake.cpu, CPU_EXIT_INTERRUPT);
}

/* Each of them, again and again, while the others sleep. */
static void check_wakes(bool round_robin)
{
    start(round_robin, false);
    for (unsigned n = 0; n < VCPUS; n++) {
        wait_for_turns(n, 1);
    }
    for (unsigned i = 0; i < 200; i++) {
        unsigned n = i % VCPUS;
        unsigned before = atomic_load(&guests[n].turns);
        wake(n);
        wait_for_turns(n, before + 1);
    }
    finish();
}

static void test_a_kick_wakes_a_halted_vcpu(void **state)
{
    (void)state;
    check_wakes(false);
}

static void test_a_kick_wakes_any_vcpu_of_a_shared_thread(void **state)
{
    (void)state;
    check_wakes(true);
}

static void test_busy_vcpus_of_a_shared_thread_take_turns(void **state)
{
    (void)state;
    start(true, true);
    for (unsigned n = 0; n < VCPUS; n++) {
        wait_for_turns(n, 5);
    }
    vcpu_stop_all();
    unsigned first = atomic_load(&guests[0].turns), second = atomic_load(&guests[1].turns);
    assert_in_range(first > second ? first - second : second - first, 0, 1);
    finish();
}

/* Stopped: no turn begins, and work is still done. */
static void check_stop(bool round_robin)
{
    start(round_robin, true);
    for (unsigned n = 0; n < VCPUS; n++) {
        wait_for_turns(n, 1);
    }
    vcpu_stop_all();
    unsigned first = atomic_load(&guests[0].turns), second = atomic_load(&guests[1].turns);
    wake(0);
    wake(1);
    vcpu_reset_all();
    for (unsigned n = 0; n < VCPUS; n++) {
        assert_int_equal(atomic_load(&guests[n].resets), 1);
    }
    assert_int_equal(atomic_load(&guests[0].turns), first);
    assert_int_equal(atomic_load(&guests[1].turns), second);
    vcpu_resume_all();
    wait_for_turns(0, first + 1);
    wait_for_turns(1, second + 1);
    finish();
}

static void test_a_stopped_vcpu_works_but_does_not_run(void **state)
{
    (void)state;
    check_stop(false);
    check_stop(true);
}

static void check_shutdown(bool round_robin)
{
    start(round_robin, false);
    wait_for_turns(1, 1);
    atomic_store(&guests[1].shutdown, true);
    wake(1);
    while (atomic_load(&guests[1].shutdowns) == 0) {
        sched_yield();
    }
    unsigned turns = atomic_load(&guests[1].turns);
    unsigned other = atomic_load(&guests[0].turns);
    wake(1);
    wake(0);
    wait_for_turns(0, other + 1);
    assert_int_equal(atomic_load(&guests[1].turns), turns);
    assert_int_equal(atomic_load(&guests[1].shutdowns), 1);
    finish();
}

static void test_a_vcpu_that_has_shut_down_rests_alone(void **state)
{
    (void)state;
    check_shutdown(false);
    check_shutdown(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_kick_wakes_a_halted_vcpu),
        cmocka_unit_test(test_a_kick_wakes_any_vcpu_of_a_shared_thread),
        cmocka_unit_test(test_busy_vcpus_of_a_shared_thread_take_turns),
        cmocka_unit_test(test_a_stopped_vcpu_works_but_does_not_run),
        cmocka_unit_test(test_a_vcpu_that_has_shut_down_rests_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
