/* What the CPU makes of requests between two instructions, and in which order. */
#include "kit.h"

#include "x86sys/machine.h"

static void request(unsigned bits)
{
    atomic_fetch_or(&kit_cpu->interrupt, bits);
}

static bool take(void)
{
    bool alive;
    bool taken = sys_take_interrupts(kit_cpu, &alive);
    assert_true(alive);
    return taken;
}

static void gates(void)
{
    for (unsigned v = 0; v < 256; v++) {
        kit_gate(v, KIT_CODE0, KIT_HANDLER + 16 * v, 0x8e);
    }
}

static void hard(int vector)
{
    kit_apic_vector = vector;
    request(SYS_INT_HARD);
}

static void test_external_interrupts_wait_for_if_and_the_shadow(void **state)
{
    (void)state;
    gates();
    hard(0x30);
    assert_false(take());
    assert_false(sys_interrupt_pending(kit_cpu));
    struct sys_insn in = kit_insn();
    kit_assert_done(sys_insn_sti(kit_cpu, &in));
    assert_false(take());
    kit_cpu->shadow = false;
    sys_mode_update(kit_cpu);
    assert_true(sys_interrupt_pending(kit_cpu));
    assert_true(take());
    assert_int_equal(kit_cpu->rip, KIT_HANDLER + 16 * 0x30);
    assert_int_equal(kit_get(kit_cpu->gpr[X86_RSP], 4), KIT_CODE + 2);
    assert_false(kit_cpu->rflags & X86_IF);
    assert_false(take());
}

static void test_an_interrupt_that_went_away_is_none(void **state)
{
    (void)state;
    gates();
    kit_cpu->rflags |= X86_IF;
    hard(-1);
    assert_false(take());
    assert_int_equal(kit_cpu->rip, KIT_CODE);
}

static void test_an_interrupt_ends_hlt(void **state)
{
    (void)state;
    gates();
    kit_cpu->rflags |= X86_IF;
    struct sys_insn in = kit_insn();
    assert_int_equal(sys_insn_hlt(kit_cpu, &in), SYS_HALT);
    assert_false(sys_interrupt_pending(kit_cpu));
    hard(0x30);
    assert_true(take());
    assert_false(kit_cpu->halted);
    assert_int_equal(kit_get(kit_cpu->gpr[X86_RSP], 4), KIT_CODE + 2);
}

static void test_nmis_are_blocked_until_iret(void **state)
{
    (void)state;
    gates();
    request(SYS_INT_NMI);
    assert_true(take());
    assert_int_equal(kit_cpu->rip, KIT_HANDLER + 16 * SYS_NMI);
    request(SYS_INT_NMI);
    assert_false(take());
    assert_false(sys_interrupt_pending(kit_cpu));
    struct sys_insn in = kit_insn();
    kit_assert_done(sys_insn_iret(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, KIT_CODE);
    assert_true(take());
}

/* From the vCPU's own thread: there is no other to be kicked. */
static void send_nmis(unsigned n)
{
    current_cpu = &kit_cpu->cpu;
    while (n--) {
        sys_cpu_interrupt(&kit_cpu->cpu, SYS_INT_NMI, 0);
    }
    current_cpu = NULL;
}

static unsigned take_nmis(void)
{
    unsigned taken = 0;
    struct sys_insn in = kit_insn();
    while (take()) {
        assert_int_equal(kit_cpu->rip, KIT_HANDLER + 16 * SYS_NMI);
        assert_false(take());
        kit_assert_done(sys_insn_iret(kit_cpu, &in));
        taken++;
    }
    assert_int_equal(atomic_load(&kit_cpu->interrupt), 0);
    return taken;
}

/* A CPU takes the first, and keeps one more until IRET. */
static void test_of_nmis_that_come_together_two_are_taken(void **state)
{
    (void)state;
    gates();
    for (unsigned n = 1; n < 5; n++) {
        send_nmis(n);
        assert_int_equal(take_nmis(), n > 2 ? 2 : n);
    }
}

static void test_of_nmis_that_come_in_the_handler_one_is_taken(void **state)
{
    (void)state;
    gates();
    for (unsigned n = 1; n < 4; n++) {
        struct sys_insn in = kit_insn();
        send_nmis(1);
        assert_true(take());
        send_nmis(n);
        kit_assert_done(sys_insn_iret(kit_cpu, &in));
        assert_int_equal(take_nmis(), 1);
    }
}

static void test_priorities(void **state)
{
    (void)state;
    gates();
    kit_cpu->rflags |= X86_IF;
    kit_cpu->cr4 |= SYS_CR4_MCE;
    request(SYS_INT_NMI | SYS_INT_SMI | SYS_INT_MCE);
    hard(0x30);
    assert_true(take());
    assert_int_equal(kit_cpu->rip, KIT_HANDLER + 16 * SYS_MC);
    assert_true(take());
    assert_int_equal(kit_smm_entries, 1);
    assert_true(take());
    assert_int_equal(kit_cpu->rip, KIT_HANDLER + 16 * SYS_NMI);
    assert_int_equal(kit_apic_vector, 0x30);
    request(SYS_INT_RESET);
    assert_true(take());
    assert_int_equal(kit_power_on_resets, 1);
    assert_int_equal(atomic_load(&kit_cpu->interrupt), 0);
}

static void test_smi_waits_for_the_end_of_smm(void **state)
{
    (void)state;
    kit_cpu->in_smm = true;
    request(SYS_INT_SMI | SYS_INT_INIT);
    assert_false(take());
    kit_cpu->in_smm = false;
    assert_true(take());
    assert_true(kit_cpu->wait_sipi);
}

static void test_machine_check_without_cr4_mce_is_the_end(void **state)
{
    (void)state;
    bool alive = true;
    request(SYS_INT_MCE);
    sys_take_interrupts(kit_cpu, &alive);
    assert_false(alive);
}

static void test_init_and_sipi_start_a_processor(void **state)
{
    (void)state;
    kit_long(3, true);
    kit_cpu->xcr0 = 7;
    request(SYS_INT_INIT);
    assert_true(take());
    assert_true(kit_cpu->wait_sipi && kit_cpu->halted);
    assert_int_equal(kit_cpu->mode & (SYS_MODE_PE | SYS_MODE_CPL), 0);
    assert_int_equal(kit_cpu->xcr0, 7);
    request(SYS_INT_NMI);
    assert_false(take());
    assert_false(sys_interrupt_pending(kit_cpu));
    sys_cpu_interrupt(&kit_cpu->cpu, 0, SYS_INT_NMI);
    atomic_store(&kit_cpu->sipi_vector, 0x9a);
    request(SYS_INT_SIPI);
    assert_true(sys_interrupt_pending(kit_cpu));
    assert_true(take());
    assert_false(kit_cpu->halted || kit_cpu->wait_sipi);
    assert_int_equal(kit_cpu->seg[SYS_CS].selector, 0x9a00);
    assert_int_equal(kit_cpu->seg[SYS_CS].base, 0x9a000);
    assert_int_equal(kit_cpu->rip, 0);
    /* A second one is nothing to a running processor. */
    request(SYS_INT_SIPI);
    assert_false(take());
    assert_int_equal(atomic_load(&kit_cpu->interrupt), 0);
}

static void test_init_and_sipi_seen_together(void **state)
{
    (void)state;
    atomic_store(&kit_cpu->sipi_vector, 0x10);
    request(SYS_INT_INIT | SYS_INT_SIPI);
    assert_true(take());
    assert_false(kit_cpu->wait_sipi);
    assert_int_equal(kit_cpu->seg[SYS_CS].base, 0x10000);
}

static void test_a_fault_on_the_way_to_an_interrupt_is_delivered(void **state)
{
    (void)state;
    gates();
    kit_cpu->rflags |= X86_IF;
    kit_gate(0x30, KIT_CODE0, KIT_HANDLER, 0x0e);
    hard(0x30);
    assert_true(take());
    assert_int_equal(kit_cpu->rip, KIT_HANDLER + 16 * SYS_NP);
    assert_int_equal(kit_get(kit_cpu->gpr[X86_RSP], 4), 0x30 * 8 + 3);
}

#define KIT_TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_external_interrupts_wait_for_if_and_the_shadow),
        KIT_TEST(test_an_interrupt_that_went_away_is_none),
        KIT_TEST(test_an_interrupt_ends_hlt),
        KIT_TEST(test_nmis_are_blocked_until_iret),
        KIT_TEST(test_of_nmis_that_come_together_two_are_taken),
        KIT_TEST(test_of_nmis_that_come_in_the_handler_one_is_taken),
        KIT_TEST(test_priorities),
        KIT_TEST(test_smi_waits_for_the_end_of_smm),
        KIT_TEST(test_machine_check_without_cr4_mce_is_the_end),
        KIT_TEST(test_init_and_sipi_start_a_processor),
        KIT_TEST(test_init_and_sipi_seen_together),
        KIT_TEST(test_a_fault_on_the_way_to_an_interrupt_is_delivered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
