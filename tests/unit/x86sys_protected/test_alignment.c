/* Alignment of what far transfers and the stack's instructions access in C. */
#include "kit.h"

static void check_alignment(void)
{
    kit_cpu->cr0 |= SYS_CR0_AM;
    kit_cpu->rflags |= X86_AC;
    sys_mode_update(kit_cpu);
    assert_true(kit_cpu->mode & SYS_MODE_AC);
}

static void test_items_of_a_frame_are_what_is_aligned(void **state)
{
    (void)state;
    kit_protected(3);
    check_alignment();
    struct sys_insn in = kit_insn();
    in.imm = KIT_CODE + 0x100;
    in.imm2 = KIT_CODE3 | 3;
    kit_cpu->gpr[X86_RSP] = KIT_STACK3 - 2;
    kit_assert_exception(sys_insn_call_far(kit_cpu, &in), SYS_AC, 0);
    assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK3 - 2);
    kit_cpu->exception.vector = SYS_NO_EXCEPTION;
    /* 4 bytes each, so 8 need not be. */
    kit_cpu->gpr[X86_RSP] = KIT_STACK3 - 4;
    kit_assert_done(sys_insn_call_far(kit_cpu, &in));
    assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK3 - 12);
}

static void test_an_inner_stack_is_the_kernel_s_business(void **state)
{
    (void)state;
    kit_protected(3);
    kit_gate(SYS_BP, KIT_CODE0, KIT_HANDLER, 0xee);
    kit_put(KIT_TSS + 4, KIT_STACK0 - 1, 4);
    check_alignment();
    struct sys_insn in = kit_insn();
    kit_assert_done(sys_insn_int3(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, KIT_HANDLER);
    assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK0 - 1 - 20);
    /* There nothing is checked, and IRET's pops are not either. */
    assert_false(kit_cpu->mode & SYS_MODE_AC);
    in = kit_insn();
    kit_assert_done(sys_insn_iret(kit_cpu, &in));
    assert_true(kit_cpu->mode & SYS_MODE_AC);
}

static void test_far_pointers_by_their_offset_s_size(void **state)
{
    static const struct {
        bool prefix; /* 16-bit operands */
        unsigned align;
    } cases[] = {{true, 2}, {false, 4}};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned offset = 0; offset < 8; offset++) {
            kit_protected(3);
            check_alignment();
            struct sys_insn in = kit_insn_mem(KIT_DATA + offset);
            in.opcode = 0xc4; /* LES: a null selector */
            in.opsize_prefix = cases[i].prefix;
            enum sys_result r = sys_insn_load_far(kit_cpu, &in);
            if (offset % cases[i].align) {
                kit_assert_exception(r, SYS_AC, 0);
                kit_cpu->exception.vector = SYS_NO_EXCEPTION;
            } else {
                kit_assert_done(r);
            }
        }
    }
}

static void test_virtual_8086_mode_is_cpl_3(void **state)
{
    (void)state;
    kit_vm86(3);
    check_alignment();
    kit_cpu->gpr[X86_RSP] = 0x7ff1;
    struct sys_insn in = kit_insn();
    kit_assert_exception(sys_insn_pushf(kit_cpu, &in), SYS_AC, 0);
}

static void test_a_limit_counts_before_alignment(void **state)
{
    (void)state;
    kit_protected(3);
    kit_cpu->seg[SYS_SS].limit = 0xfff;
    check_alignment();
    kit_cpu->gpr[X86_RSP] = 0x2001;
    struct sys_insn in = kit_insn();
    kit_assert_exception(sys_insn_pushf(kit_cpu, &in), SYS_SSF, 0);
}

#define KIT_TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_items_of_a_frame_are_what_is_aligned),
        KIT_TEST(test_an_inner_stack_is_the_kernel_s_business),
        KIT_TEST(test_far_pointers_by_their_offset_s_size),
        KIT_TEST(test_virtual_8086_mode_is_cpl_3),
        KIT_TEST(test_a_limit_counts_before_alignment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
