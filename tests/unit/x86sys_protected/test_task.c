/* Hardware task switches: by JMP, CALL, gates and interrupts, and back by IRET. */
#include "kit.h"

static const uint64_t new_flags = X86_CF | (uint64_t)SYS_RF_ONE;

/* A 32-bit TSS for ring `cpl` at KIT_TSS2. */
static void fill_tss(unsigned cpl)
{
    static const unsigned code[] = {KIT_CODE0, KIT_CODE1, 0, KIT_CODE3};
    static const unsigned data[] = {KIT_DATA0, KIT_DATA1, 0, KIT_DATA3};
    kit_put(KIT_TSS2 + 0x20, KIT_HANDLER, 4);
    kit_put(KIT_TSS2 + 0x24, new_flags, 4);
    for (unsigned i = 0; i < 8; i++) {
        kit_put(KIT_TSS2 + 0x28 + 4 * i, 0x1000 * (i + 1), 4);
    }
    kit_put(KIT_TSS2 + 0x28 + 4 * X86_RSP, KIT_STACK1, 4);
    for (unsigned i = 0; i < SYS_SEGS; i++) {
        kit_put(KIT_TSS2 + 0x48 + 4 * i, data[cpl] | cpl, 4);
    }
    kit_put(KIT_TSS2 + 0x48 + 4 * SYS_CS, code[cpl] | cpl, 4);
    kit_put(KIT_TSS2 + 0x60, 0, 4);
    kit_put(KIT_TSS2 + 0x64, 0x680000, 4);
}

static void set_busy(unsigned selector, bool busy)
{
    kit_put(KIT_GDT + selector + 5, busy ? 0x8b : 0x89, 1);
}

static uint64_t type_of(unsigned selector)
{
    return kit_get(KIT_GDT + selector + 5, 1);
}

static struct sys_insn jump(unsigned selector)
{
    struct sys_insn in = kit_insn();
    in.imm2 = selector;
    return in;
}

static void test_jump_saves_one_task_and_loads_the_other(void **state)
{
    (void)state;
    fill_tss(0);
    set_busy(KIT_TSS_SEL, true);
    kit_cpu->gpr[X86_RAX] = 0xaaaa;
    kit_cpu->rflags |= X86_ZF;
    uint64_t sp = kit_cpu->gpr[X86_RSP];
    struct sys_insn in = jump(KIT_TSS2_SEL);
    kit_assert_done(sys_insn_jmp_far(kit_cpu, &in));
    assert_int_equal(kit_get(KIT_TSS + 0x20, 4), KIT_CODE + 2);
    assert_int_equal(kit_get(KIT_TSS + 0x24, 4), X86_ZF | (uint64_t)SYS_RF_ONE);
    assert_int_equal(kit_get(KIT_TSS + 0x28, 4), 0xaaaa);
    assert_int_equal(kit_get(KIT_TSS + 0x28 + 4 * X86_RSP, 4), sp);
    assert_int_equal(kit_get(KIT_TSS + 0x48 + 4 * SYS_CS, 4), KIT_CODE0);
    assert_int_equal(kit_get(KIT_TSS + 0x48 + 4 * SYS_GS, 4), KIT_DATA0);

    assert_int_equal(kit_cpu->rip, KIT_HANDLER);
    assert_int_equal(kit_cpu->rflags, new_flags);
    assert_int_equal(kit_cpu->gpr[X86_RDI], 0x8000);
    assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK1);
    assert_int_equal(kit_cpu->tr.selector, KIT_TSS2_SEL);
    assert_true(kit_cpu->cr0 & SYS_CR0_TS);
    assert_int_equal(type_of(KIT_TSS_SEL), 0x89);
    assert_int_equal(type_of(KIT_TSS2_SEL), 0x8b);
}

static void test_call_nests_and_iret_returns(void **state)
{
    (void)state;
    fill_tss(3);
    set_busy(KIT_TSS_SEL, true);
    struct sys_insn in = jump(KIT_TSS2_SEL);
    kit_assert_done(sys_insn_call_far(kit_cpu, &in));
    assert_int_equal(sys_cpl(kit_cpu), 3);
    assert_true(kit_cpu->rflags & SYS_RF_NT);
    assert_int_equal(kit_get(KIT_TSS2, 2), KIT_TSS_SEL);
    assert_int_equal(type_of(KIT_TSS_SEL), 0x8b);
    assert_int_equal(type_of(KIT_TSS2_SEL), 0x8b);

    kit_cpu->gpr[X86_RBX] = 0xbbbb;
    in = kit_insn();
    kit_assert_done(sys_insn_iret(kit_cpu, &in));
    assert_int_equal(sys_cpl(kit_cpu), 0);
    assert_int_equal(kit_cpu->rip, KIT_CODE + 2);
    assert_int_equal(kit_cpu->tr.selector, KIT_TSS_SEL);
    assert_int_equal(kit_get(KIT_TSS2 + 0x28 + 4 * X86_RBX, 4), 0xbbbb);
    assert_int_equal(kit_get(KIT_TSS2 + 0x24, 4), new_flags); /* NT is clear in the image */
    assert_int_equal(type_of(KIT_TSS_SEL), 0x8b);
    assert_int_equal(type_of(KIT_TSS2_SEL), 0x89);
}

static void test_task_gate_of_the_idt_gets_its_error_code(void **state)
{
    (void)state;
    fill_tss(0);
    kit_protected(3);
    kit_gate(SYS_DF, KIT_TSS2_SEL, 0, 0x85);
    kit_deliver(SYS_DF, 0);
    assert_int_equal(sys_cpl(kit_cpu), 0);
    assert_int_equal(kit_cpu->rip, KIT_HANDLER);
    assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK1 - 4);
    assert_int_equal(kit_get(KIT_STACK1 - 4, 4), 0);
    assert_int_equal(kit_get(KIT_TSS + 0x20, 4), KIT_CODE);
    assert_int_equal(kit_get(KIT_TSS + 0x48 + 4 * SYS_CS, 4), KIT_CODE3 | 3);
    assert_true(kit_cpu->rflags & SYS_RF_NT);
}

static void test_task_gate_of_the_gdt(void **state)
{
    (void)state;
    fill_tss(0);
    kit_protected(3);
    kit_put(KIT_GDT + KIT_TASK_GATE, (uint64_t)KIT_TSS2_SEL << 16 | 0xe5ull << 40, 8);
    struct sys_insn in = jump(KIT_TASK_GATE | 3);
    kit_assert_done(sys_insn_call_far(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, KIT_HANDLER);
    assert_int_equal(sys_cpl(kit_cpu), 0);
}

static void test_bad_tss_is_refused_in_the_old_task(void **state)
{
    (void)state;
    fill_tss(0);
    struct sys_insn in = jump(KIT_TSS2_SEL);
    kit_desc(KIT_TSS2_SEL, KIT_TSS2, 0x66, 0x89);
    kit_assert_exception(sys_insn_jmp_far(kit_cpu, &in), SYS_TS, KIT_TSS2_SEL);
    kit_desc(KIT_TSS2_SEL, KIT_TSS2, 0x67, 0x09);
    kit_assert_exception(sys_insn_jmp_far(kit_cpu, &in), SYS_NP, KIT_TSS2_SEL);
    kit_desc(KIT_TSS2_SEL, KIT_TSS2, 0x67, 0x89);
    kit_page(KIT_TSS2, KIT_ABSENT);
    kit_assert_exception(sys_insn_jmp_far(kit_cpu, &in), SYS_PF, 0);
    kit_page(KIT_TSS2, KIT_READ_ONLY);
    kit_assert_exception(sys_insn_call_far(kit_cpu, &in), SYS_PF, 3);
    kit_page(KIT_TSS2, 0);
    kit_page(KIT_TSS, KIT_READ_ONLY);
    kit_assert_exception(sys_insn_jmp_far(kit_cpu, &in), SYS_PF, 3);
    assert_int_equal(kit_cpu->rip, KIT_CODE);
    assert_int_equal(kit_cpu->tr.selector, KIT_TSS_SEL);
}

static void test_bad_segments_are_the_new_tasks_fault(void **state)
{
    (void)state;
    fill_tss(0);
    kit_put(KIT_TSS2 + 0x48 + 4 * SYS_SS, KIT_DATA3 | 3, 4);
    struct sys_insn in = jump(KIT_TSS2_SEL);
    kit_assert_exception(sys_insn_jmp_far(kit_cpu, &in), SYS_TS, KIT_DATA3);
    assert_int_equal(kit_cpu->rip, KIT_HANDLER);
    assert_int_equal(kit_cpu->tr.selector, KIT_TSS2_SEL);
    assert_int_equal(sys_cpl(kit_cpu), 0);

    kit_protected(0);
    set_busy(KIT_TSS2_SEL, false);
    fill_tss(0);
    kit_put(KIT_TSS2 + 0x60, KIT_DATA0, 2);
    kit_assert_exception(sys_insn_jmp_far(kit_cpu, &in), SYS_TS, KIT_DATA0);
}

static void test_the_t_bit_traps_into_the_debugger(void **state)
{
    (void)state;
    fill_tss(0);
    kit_put(KIT_TSS2 + 0x64, 1, 1);
    struct sys_insn in = jump(KIT_TSS2_SEL);
    assert_int_equal(sys_insn_jmp_far(kit_cpu, &in), SYS_EXCEPTION);
    assert_int_equal(kit_cpu->exception.vector, SYS_DB);
    assert_int_equal(kit_cpu->exception.addr, 0x8000);
    assert_int_equal(kit_cpu->rip, KIT_HANDLER);
}

static void test_a_task_may_begin_in_vm86(void **state)
{
    (void)state;
    fill_tss(3);
    kit_put(KIT_TSS2 + 0x24, SYS_RF_VM | (uint64_t)SYS_RF_ONE, 4);
    kit_put(KIT_TSS2 + 0x48 + 4 * SYS_CS, 0x2000, 4);
    struct sys_insn in = jump(KIT_TSS2_SEL);
    kit_assert_exception(sys_insn_jmp_far(kit_cpu, &in), SYS_GP, 0); /* EIP above 64 KiB */
    assert_int_equal(kit_cpu->seg[SYS_CS].base, 0x20000);
    assert_int_equal(kit_cpu->mode & (SYS_MODE_VM | 3), SYS_MODE_VM | 3);
}

static void test_16_bit_tasks(void **state)
{
    (void)state;
    set_busy(KIT_TSS_SEL, true);
    kit_desc(KIT_TSS2_SEL, KIT_TSS2, 0x2b, 0x81);
    kit_put(KIT_TSS2 + 0x0e, 0x1234, 2);
    kit_put(KIT_TSS2 + 0x10, new_flags, 2);
    for (unsigned i = 0; i < 8; i++) {
        kit_put(KIT_TSS2 + 0x12 + 2 * i, 0x100 * (i + 1), 2);
    }
    kit_put(KIT_TSS2 + 0x22, KIT_DATA0, 2);
    kit_put(KIT_TSS2 + 0x24, KIT_CODE0_16, 2);
    kit_put(KIT_TSS2 + 0x26, KIT_DATA0_16, 2);
    kit_put(KIT_TSS2 + 0x28, KIT_DATA0, 2);
    kit_put(KIT_TSS2 + 0x2a, 0, 2);
    struct sys_insn in = jump(KIT_TSS2_SEL);
    kit_assert_done(sys_insn_call_far(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, 0x1234);
    assert_int_equal(kit_cpu->gpr[X86_RAX] & 0xffff, 0x100);
    assert_int_equal(kit_cpu->mode & (SYS_MODE_CODE32 | SYS_MODE_STACK32), 0);
    assert_int_equal(kit_cpu->seg[SYS_FS].selector, 0);
    assert_int_equal(kit_get(KIT_TSS2, 2), KIT_TSS_SEL);

    in = kit_insn();
    kit_assert_done(sys_insn_iret(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, KIT_CODE + 2);
    assert_true(kit_cpu->mode & SYS_MODE_CODE32);
    assert_int_equal(kit_get(KIT_TSS2 + 0x0e, 2), 0x1236);
    assert_int_equal(kit_get(KIT_TSS2 + 0x26, 2), KIT_DATA0_16);
}

static void test_iret_needs_a_busy_tss_to_go_back_to(void **state)
{
    (void)state;
    kit_cpu->rflags |= SYS_RF_NT;
    struct sys_insn in = kit_insn();
    kit_put(KIT_TSS, KIT_TSS2_SEL, 2);
    kit_assert_exception(sys_insn_iret(kit_cpu, &in), SYS_TS, KIT_TSS2_SEL);
    kit_put(KIT_TSS, 0x0c, 2);
    kit_assert_exception(sys_insn_iret(kit_cpu, &in), SYS_TS, 0x0c);
}

static void test_cr3_comes_from_the_new_task_with_paging(void **state)
{
    (void)state;
    fill_tss(0);
    kit_cpu->cr0 |= SYS_CR0_PG;
    kit_put(KIT_TSS2 + 0x1c, 0x123000, 4);
    struct sys_insn in = jump(KIT_TSS2_SEL);
    kit_assert_done(sys_insn_jmp_far(kit_cpu, &in));
    assert_int_equal(kit_cpu->cr3, 0x123000);
}

#define KIT_TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_jump_saves_one_task_and_loads_the_other),
        KIT_TEST(test_call_nests_and_iret_returns),
        KIT_TEST(test_task_gate_of_the_idt_gets_its_error_code),
        KIT_TEST(test_task_gate_of_the_gdt),
        KIT_TEST(test_bad_tss_is_refused_in_the_old_task),
        KIT_TEST(test_bad_segments_are_the_new_tasks_fault),
        KIT_TEST(test_the_t_bit_traps_into_the_debugger),
        KIT_TEST(test_a_task_may_begin_in_vm86),
        KIT_TEST(test_16_bit_tasks),
        KIT_TEST(test_iret_needs_a_busy_tss_to_go_back_to),
        KIT_TEST(test_cr3_comes_from_the_new_task_with_paging),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
