/* Interrupts by instruction, breakpoints and single steps, and RF. */
#include "kit.h"

enum { INT32 = 0x8e, USER = 0x60 };

static uint64_t pushed(unsigned slot, unsigned size)
{
    return kit_get(kit_cpu->gpr[X86_RSP] + slot * size, size);
}

static void test_software_interrupts_are_checked_against_the_gate(void **state)
{
    (void)state;
    kit_protected(3);
    struct sys_insn in = kit_insn();
    in.imm = 0x80;
    kit_gate(0x80, KIT_CODE0, KIT_HANDLER, INT32);
    kit_assert_exception(sys_insn_int(kit_cpu, &in), SYS_GP, 0x80 * 8 + 2);
    kit_gate(0x80, KIT_CODE0, KIT_HANDLER, INT32 | USER);
    kit_assert_done(sys_insn_int(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, KIT_HANDLER);
    assert_int_equal(pushed(0, 4), KIT_CODE + 2);
    assert_int_equal(pushed(2, 4), SYS_RF_ONE);
    /* INT1 is the one that any level may execute. */
    kit_protected(3);
    kit_gate(SYS_DB, KIT_CODE0, KIT_HANDLER, INT32);
    kit_assert_done(sys_insn_int1(kit_cpu, &in));
    kit_protected(3);
    kit_gate(SYS_BP, KIT_CODE0, KIT_HANDLER, INT32);
    kit_assert_exception(sys_insn_int3(kit_cpu, &in), SYS_GP, SYS_BP * 8 + 2);
}

static void test_into_looks_at_of(void **state)
{
    (void)state;
    struct sys_insn in = kit_insn();
    kit_gate(SYS_OF, KIT_CODE0, KIT_HANDLER, INT32);
    kit_assert_done(sys_insn_into(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, KIT_CODE + 2);
    kit_cpu->rflags |= X86_OF;
    kit_assert_done(sys_insn_into(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, KIT_HANDLER);
}

static void test_int_in_vm86_needs_iopl_3(void **state)
{
    (void)state;
    kit_vm86(0);
    kit_gate(0x21, KIT_CODE0, KIT_HANDLER, INT32 | USER);
    struct sys_insn in = kit_insn();
    in.imm = 0x21;
    kit_assert_exception(sys_insn_int(kit_cpu, &in), SYS_GP, 0);
    kit_vm86(3);
    kit_assert_done(sys_insn_int(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, KIT_HANDLER);
    assert_int_equal(sys_cpl(kit_cpu), 0);
}

static void test_vme_redirects_int_to_the_program(void **state)
{
    (void)state;
    kit_vm86(0);
    kit_cpu->cr4 |= SYS_CR4_VME;
    kit_cpu->rflags |= SYS_RF_VIF;
    kit_cpu->tr.limit = 0x200;
    kit_put(KIT_TSS + 0x66, 0x100, 2);
    kit_put(0x21 * 4, 0x2000, 2);
    kit_put(0x21 * 4 + 2, 0x1234, 2);
    struct sys_insn in = kit_insn();
    in.imm = 0x21;
    kit_assert_done(sys_insn_int(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, 0x2000);
    assert_int_equal(kit_cpu->seg[SYS_CS].selector, 0x1234);
    assert_int_equal(pushed(2, 2), SYS_RF_IOPL | (uint64_t)X86_IF | SYS_RF_ONE);
    assert_true(kit_cpu->rflags & SYS_RF_VM);
    assert_false(kit_cpu->rflags & SYS_RF_VIF);
    kit_vm86(0);
    kit_cpu->cr4 |= SYS_CR4_VME;
    kit_cpu->tr.limit = 0x200;
    kit_put(KIT_TSS + 0x100 - 32 + 0x21 / 8, 1 << 0x21 % 8, 1);
    kit_assert_exception(sys_insn_int(kit_cpu, &in), SYS_GP, 0);
}

static void test_debug_exceptions_report_in_dr6_and_clear_gd(void **state)
{
    (void)state;
    kit_gate(SYS_DB, KIT_CODE0, KIT_HANDLER, INT32);
    kit_cpu->dr[6] |= 1;
    kit_cpu->dr[7] |= 1 << 13;
    kit_cpu->exception = (struct sys_exception){.vector = SYS_DB, .addr = 0x4002};
    assert_true(sys_deliver_exception(kit_cpu));
    assert_int_equal(kit_cpu->dr[6], 0xffff4ff2);
    assert_int_equal(kit_cpu->dr[7], 0x400);
    assert_int_equal(pushed(2, 4) & X86_RF, 0);
}

static void test_int1_reports_the_traps_that_a_load_of_ss_held_off(void **state)
{
    (void)state;
    kit_gate(SYS_DB, KIT_CODE0, KIT_HANDLER, INT32);
    kit_cpu->dr[6] |= 0x4002;
    kit_cpu->dr[7] = 1 << 13 | 1 << 2; /* GD */
    sys_mode_update(kit_cpu);
    kit_cpu->debug_hits = 4;
    struct sys_insn in = kit_insn();
    kit_assert_done(sys_insn_int1(kit_cpu, &in));
    assert_int_equal(kit_cpu->dr[6], 0xffff4ff4);
    assert_int_equal(kit_cpu->dr[7] & 1 << 13, 0);
    assert_int_equal(pushed(0, 4), KIT_CODE + 2);
    assert_true(sys_debug_after(kit_cpu, kit_cpu->mode));
    assert_true(sys_debug_after(kit_cpu, kit_cpu->mode)); /* in the handler */
}

static void test_int_1_is_followed_by_the_traps_that_a_load_of_ss_held_off(void **state)
{
    (void)state;
    kit_gate(SYS_DB, KIT_CODE0, KIT_HANDLER, INT32);
    kit_cpu->dr[7] = 1 << 2;
    sys_mode_update(kit_cpu);
    kit_cpu->debug_hits = 4;
    struct sys_insn in = kit_insn();
    in.imm = SYS_DB;
    kit_assert_done(sys_insn_int(kit_cpu, &in));
    assert_int_equal(kit_cpu->dr[6], 0xffff0ff0);
    assert_true(sys_debug_after(kit_cpu, kit_cpu->mode));
    assert_false(sys_debug_after(kit_cpu, kit_cpu->mode));
    assert_int_equal(kit_cpu->exception.addr, 4);
}

static void test_breakpoints(void **state)
{
    (void)state;
    kit_cpu->dr[0] = KIT_CODE;
    kit_cpu->dr[1] = KIT_DATA + 4;
    kit_cpu->dr[7] = 0x1 | 0x4 | 0xdull << 20; /* 0: execute; 1: write, 4 bytes */
    sys_mode_update(kit_cpu);
    assert_false(sys_debug_check(kit_cpu, KIT_CODE, 1, SYS_FETCH));
    assert_int_equal(kit_cpu->exception.addr, 1);
    kit_assert_exception(SYS_EXCEPTION, SYS_DB, 0);
    kit_cpu->rflags |= X86_RF;
    assert_true(sys_debug_check(kit_cpu, KIT_CODE, 1, SYS_FETCH));
    assert_true(sys_debug_check(kit_cpu, KIT_CODE, 1, SYS_FETCH));
    assert_true(sys_debug_after(kit_cpu, kit_cpu->mode));
    assert_false(kit_cpu->rflags & X86_RF);

    assert_true(sys_debug_check(kit_cpu, KIT_DATA + 4, 4, SYS_READ));
    assert_true(sys_debug_check(kit_cpu, KIT_DATA + 8, 1, SYS_WRITE));
    assert_true(sys_debug_check(kit_cpu, KIT_DATA + 3, 1, SYS_WRITE));
    assert_true(sys_debug_after(kit_cpu, kit_cpu->mode));
    assert_true(sys_debug_check(kit_cpu, KIT_DATA, 8, SYS_WRITE));
    assert_false(sys_debug_after(kit_cpu, kit_cpu->mode | SYS_MODE_TF));
    assert_int_equal(kit_cpu->exception.addr, 0x4002);
}

/* A breakpoint on the instruction behind a load of SS from memory, and one on what is
 * loaded. */
static void load_ss_before_breakpoint(bool pop)
{
    kit_protected(0);
    kit_cpu->exception.vector = SYS_NO_EXCEPTION;
    kit_cpu->dr[0] = KIT_CODE + 2;
    kit_cpu->dr[1] = KIT_DATA;
    kit_cpu->dr[7] = 0x1 | 0x4 | 0x7ull << 20; /* 0: execute; 1: access, 2 bytes */
    sys_mode_update(kit_cpu);
    struct sys_insn in = kit_insn();
    in.opcode = 0x17;
    in.modrm = 0xd0;
    kit_cpu->gpr[X86_RAX] = KIT_DATA0;
    kit_put(kit_cpu->gpr[X86_RSP], KIT_DATA0, 4);
    sys_debug_check(kit_cpu, KIT_DATA, 2, SYS_READ);
    kit_assert_done(pop ? sys_insn_pop_seg(kit_cpu, &in) : sys_insn_mov_to_seg(kit_cpu, &in));
    assert_true(sys_debug_after(kit_cpu, kit_cpu->mode));
}

static void test_intel_looks_for_no_breakpoint_behind_a_load_of_ss(void **state)
{
    (void)state;
    kit_vendor(SYS_VENDOR_INTEL);
    for (unsigned pop = 0; pop < 2; pop++) {
        load_ss_before_breakpoint(pop);
        assert_true(sys_debug_check(kit_cpu, KIT_CODE + 2, 1, SYS_FETCH));
        assert_false(sys_debug_after(kit_cpu, kit_cpu->mode));
        assert_int_equal(kit_cpu->exception.addr, 2); /* behind the next instruction */
        kit_assert_exception(SYS_EXCEPTION, SYS_DB, 0);
        assert_false(sys_debug_check(kit_cpu, KIT_CODE + 2, 1, SYS_FETCH));
        assert_int_equal(kit_cpu->exception.addr, 1);
    }
}

static void test_amd_meets_the_breakpoint_behind_a_load_of_ss(void **state)
{
    (void)state;
    for (unsigned pop = 0; pop < 2; pop++) {
        load_ss_before_breakpoint(pop);
        assert_false(sys_debug_check(kit_cpu, KIT_CODE + 2, 1, SYS_FETCH));
        assert_int_equal(kit_cpu->exception.addr, 3);
    }
}

static void test_faults_push_rf_and_interrupts_do_not(void **state)
{
    (void)state;
    kit_gate(SYS_UD, KIT_CODE0, KIT_HANDLER, INT32);
    kit_gate(SYS_MC, KIT_CODE0, KIT_HANDLER, INT32);
    kit_deliver(SYS_UD, -1);
    assert_true(pushed(2, 4) & X86_RF);
    kit_protected(0);
    kit_deliver(SYS_MC, -1);
    assert_false(pushed(2, 4) & X86_RF);
}

#define KIT_TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_software_interrupts_are_checked_against_the_gate),
        KIT_TEST(test_into_looks_at_of),
        KIT_TEST(test_int_in_vm86_needs_iopl_3),
        KIT_TEST(test_vme_redirects_int_to_the_program),
        KIT_TEST(test_debug_exceptions_report_in_dr6_and_clear_gd),
        KIT_TEST(test_int1_reports_the_traps_that_a_load_of_ss_held_off),
        KIT_TEST(test_int_1_is_followed_by_the_traps_that_a_load_of_ss_held_off),
        KIT_TEST(test_breakpoints),
        KIT_TEST(test_intel_looks_for_no_breakpoint_behind_a_load_of_ss),
        KIT_TEST(test_amd_meets_the_breakpoint_behind_a_load_of_ss),
        KIT_TEST(test_faults_push_rf_and_interrupts_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
