/* Far JMP, CALL and RET: direct, through call gates, between levels and modes. */
#include "kit.h"

static struct sys_insn far_insn(uint64_t offset, unsigned selector)
{
    struct sys_insn in = kit_insn();
    in.imm = offset;
    in.imm2 = selector;
    return in;
}

static uint64_t pushed(unsigned slot, unsigned size)
{
    return kit_get(kit_cpu->gpr[X86_RSP] + slot * size, size);
}

static void test_real_mode_call_and_return(void **state)
{
    (void)state;
    kit_real();
    struct sys_insn in = far_insn(0x1234, 0x2000);
    kit_assert_done(sys_insn_call_far(kit_cpu, &in));
    assert_int_equal(kit_cpu->seg[SYS_CS].base, 0x20000);
    assert_int_equal(kit_cpu->rip, 0x1234);
    assert_int_equal(pushed(0, 2), 0x102);
    assert_int_equal(pushed(1, 2), KIT_CODE >> 4);
    in = kit_insn();
    in.opcode = 0xca;
    in.imm = 8;
    kit_assert_done(sys_insn_ret_far(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, 0x102);
    assert_int_equal(kit_cpu->seg[SYS_CS].base, KIT_CODE);
    assert_int_equal(kit_cpu->gpr[X86_RSP], 0x8008);
}

static void test_setting_pe_and_jumping_enters_protected_mode(void **state)
{
    (void)state;
    kit_real();
    kit_cpu->gdtr = (struct sys_seg){.base = KIT_GDT, .limit = KIT_GDT_END - 1};
    kit_cpu->cr0 |= SYS_CR0_PE;
    sys_mode_update(kit_cpu);
    struct sys_insn in = far_insn(0x12345, KIT_CODE0);
    in.opsize_prefix = true;
    kit_assert_done(sys_insn_jmp_far(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, 0x12345);
    assert_int_equal(kit_cpu->mode & (SYS_MODE_CODE32 | SYS_MODE_PE | 3),
                     SYS_MODE_CODE32 | SYS_MODE_PE);
}

static void test_jump_from_compatibility_to_64_bit_mode_and_back(void **state)
{
    (void)state;
    kit_long(0, false);
    struct sys_insn in = far_insn(0x5000, KIT_CODE0_64);
    kit_assert_done(sys_insn_jmp_far(kit_cpu, &in));
    assert_true(kit_cpu->mode & SYS_MODE_CODE64);
    in = kit_insn_mem(KIT_DATA);
    kit_put(KIT_DATA, 0x6000, 4);
    kit_put(KIT_DATA + 4, KIT_CODE0, 2);
    kit_assert_done(sys_insn_jmp_far(kit_cpu, &in));
    assert_int_equal(kit_cpu->mode & (SYS_MODE_CODE64 | SYS_MODE_CODE32), SYS_MODE_CODE32);
    assert_int_equal(kit_cpu->rip, 0x6000);
}

static void test_memory_pointers_have_64_bits_with_rex_w(void **state)
{
    (void)state;
    kit_long(0, true);
    struct sys_insn in = kit_insn_mem(KIT_DATA);
    in.rex = 0x48;
    kit_put(KIT_DATA, 0xffff800000005000, 8);
    kit_put(KIT_DATA + 8, KIT_CODE0_64, 2);
    kit_assert_done(sys_insn_call_far(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, 0xffff800000005000);
    assert_int_equal(pushed(0, 8), KIT_CODE + 2);
    assert_int_equal(pushed(1, 8), KIT_CODE0_64);
    kit_put(KIT_DATA, 0x800000000000, 8);
    kit_assert_exception(sys_insn_jmp_far(kit_cpu, &in), SYS_GP, 0);
}

struct bad {
    const char *what;
    unsigned cpl;
    uint64_t offset;
    unsigned selector;
    uint8_t vector;
    uint16_t error;
};

static void test_direct_jumps_are_checked(void **state)
{
    (void)state;
    static const struct bad jumps[] = {
        {"null", 0, 0, 3, SYS_GP, 0},
        {"data", 0, 0, KIT_DATA0, SYS_GP, KIT_DATA0},
        {"outward", 0, 0, KIT_CODE3, SYS_GP, KIT_CODE3},
        {"inward", 3, 0, KIT_CODE0, SYS_GP, KIT_CODE0},
        {"RPL above CPL", 0, 0, KIT_CODE0 | 3, SYS_GP, KIT_CODE0},
        {"absent", 3, 0, KIT_CODE3_ABSENT, SYS_NP, KIT_CODE3_ABSENT},
        {"above the limit", 0, 0x1000, KIT_CODE0_SMALL, SYS_GP, 0},
        {"outside of the table", 0, 0, 0x1238, SYS_GP, 0x1238},
        {"LDT descriptor", 0, 0, KIT_LDT_SEL, SYS_GP, KIT_LDT_SEL},
        {"busy TSS", 0, 0, KIT_TSS_SEL, SYS_GP, KIT_TSS_SEL},
        {"TSS of ring 0", 3, 0, KIT_TSS2_SEL, SYS_GP, KIT_TSS2_SEL},
    };
    for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
        const struct bad *b = &jumps[i];
        kit_protected(b->cpl);
        kit_put(KIT_GDT + KIT_TSS_SEL + 5, 0x8b, 1);
        struct sys_insn in = far_insn(b->offset, b->selector);
        for (unsigned call = 0; call < 2; call++) {
            enum sys_result r =
                call ? sys_insn_call_far(kit_cpu, &in) : sys_insn_jmp_far(kit_cpu, &in);
            if (r != SYS_EXCEPTION || kit_cpu->exception.vector != b->vector ||
                kit_cpu->exception.error != b->error) {
                fail_msg("%s: vector %u, error %#x", b->what, kit_cpu->exception.vector,
                         kit_cpu->exception.error);
            }
            kit_cpu->exception.vector = SYS_NO_EXCEPTION;
        }
    }
}

static void test_conforming_code_is_called_at_the_callers_level(void **state)
{
    (void)state;
    kit_protected(3);
    struct sys_insn in = far_insn(0x5000, KIT_CODE0_CONF);
    kit_assert_done(sys_insn_call_far(kit_cpu, &in));
    assert_int_equal(kit_cpu->seg[SYS_CS].selector, KIT_CODE0_CONF | 3);
    assert_int_equal(sys_cpl(kit_cpu), 3);
}

static void call_gate(unsigned selector, uint64_t offset, unsigned params, unsigned attr)
{
    kit_put(KIT_GDT + KIT_CALL_GATE,
            (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)params << 32 |
                (uint64_t)attr << 40 | (offset >> 16 & 0xffff) << 48,
            8);
    kit_put(KIT_GDT + KIT_CALL_GATE + 8, offset >> 32, 8);
}

static void test_call_gate_to_an_inner_level_copies_parameters(void **state)
{
    (void)state;
    kit_protected(3);
    call_gate(KIT_CODE0, KIT_HANDLER, 2, 0xec);
    uint64_t sp = kit_cpu->gpr[X86_RSP];
    kit_put(sp, 0x11111111, 4);
    kit_put(sp + 4, 0x22222222, 4);
    struct sys_insn in = far_insn(0xdead, KIT_CALL_GATE | 3);
    kit_assert_done(sys_insn_call_far(kit_cpu, &in));
    assert_int_equal(sys_cpl(kit_cpu), 0);
    assert_int_equal(kit_cpu->rip, KIT_HANDLER);
    assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK0 - 24);
    assert_int_equal(pushed(0, 4), KIT_CODE + 2);
    assert_int_equal(pushed(1, 4), KIT_CODE3 | 3);
    assert_int_equal(pushed(2, 4), 0x11111111);
    assert_int_equal(pushed(3, 4), 0x22222222);
    assert_int_equal(pushed(4, 4), sp);
    assert_int_equal(pushed(5, 4), KIT_DATA3 | 3);

    /* And back, with the parameters dropped from both stacks. */
    in = kit_insn();
    in.opcode = 0xca;
    in.imm = 8;
    kit_assert_done(sys_insn_ret_far(kit_cpu, &in));
    assert_int_equal(sys_cpl(kit_cpu), 3);
    assert_int_equal(kit_cpu->gpr[X86_RSP], sp + 8);
    assert_int_equal(kit_cpu->rip, KIT_CODE + 2);
    assert_int_equal(kit_cpu->seg[SYS_DS].selector, KIT_DATA3 | 3);
}

static void test_call_gate_at_the_same_level(void **state)
{
    (void)state;
    call_gate(KIT_CODE0, 0xffff1234, 5, 0x84); /* of 16 bits */
    struct sys_insn in = far_insn(0, KIT_CALL_GATE);
    uint64_t sp = kit_cpu->gpr[X86_RSP];
    kit_assert_done(sys_insn_call_far(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, 0x1234);
    assert_int_equal(kit_cpu->gpr[X86_RSP], sp - 4);
    assert_int_equal(pushed(0, 2), 2);
    assert_int_equal(pushed(1, 2), KIT_CODE0);
}

static void test_call_gates_are_checked(void **state)
{
    (void)state;
    kit_protected(3);
    struct sys_insn in = far_insn(0, KIT_CALL_GATE | 3);
    call_gate(KIT_CODE0, KIT_HANDLER, 0, 0x8c);
    kit_assert_exception(sys_insn_call_far(kit_cpu, &in), SYS_GP, KIT_CALL_GATE);
    call_gate(KIT_CODE0, KIT_HANDLER, 0, 0x6c);
    kit_assert_exception(sys_insn_call_far(kit_cpu, &in), SYS_NP, KIT_CALL_GATE);
    call_gate(0, KIT_HANDLER, 0, 0xec);
    kit_assert_exception(sys_insn_call_far(kit_cpu, &in), SYS_GP, 0);
    call_gate(KIT_DATA0, KIT_HANDLER, 0, 0xec);
    kit_assert_exception(sys_insn_call_far(kit_cpu, &in), SYS_GP, KIT_DATA0);
    call_gate(KIT_CODE0, KIT_HANDLER, 0, 0xec);
    kit_assert_exception(sys_insn_jmp_far(kit_cpu, &in), SYS_GP, KIT_CODE0);
    kit_put(KIT_TSS + 8, 0, 2);
    kit_assert_exception(sys_insn_call_far(kit_cpu, &in), SYS_TS, 0);
    kit_put(KIT_TSS + 8, KIT_DATA0, 2);
    kit_page(KIT_STACK0 - 4, KIT_ABSENT);
    kit_assert_exception(sys_insn_call_far(kit_cpu, &in), SYS_PF, 2);
    assert_int_equal(sys_cpl(kit_cpu), 3);
    assert_int_equal(kit_cpu->rip, KIT_CODE);
}

static void test_call_gates_of_long_mode_lead_to_64_bit_code(void **state)
{
    (void)state;
    kit_long(3, false);
    call_gate(KIT_CODE0_64, 0xffff800000001000, 0, 0xec);
    struct sys_insn in = far_insn(0, KIT_CALL_GATE | 3);
    kit_assert_done(sys_insn_call_far(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, 0xffff800000001000);
    assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK0 - 32);
    assert_int_equal(kit_cpu->seg[SYS_SS].selector, 0);
    assert_int_equal(pushed(0, 8), KIT_CODE + 2);
    assert_int_equal(pushed(3, 8), KIT_DATA3 | 3);
    in = kit_insn();
    in.rex = 0x48;
    kit_assert_done(sys_insn_ret_far(kit_cpu, &in));
    assert_int_equal(kit_cpu->mode & (SYS_MODE_CODE32 | 3), SYS_MODE_CODE32 | 3);
    assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK3 - 0x100);

    kit_long(3, false);
    call_gate(KIT_CODE0, KIT_HANDLER, 0, 0xec);
    in = far_insn(0, KIT_CALL_GATE | 3);
    kit_assert_exception(sys_insn_call_far(kit_cpu, &in), SYS_GP, KIT_CODE0);
    call_gate(KIT_CODE0_64, KIT_HANDLER, 0, 0xec);
    kit_put(KIT_GDT + KIT_CALL_GATE + 12, 1u << 8, 4); /* a type in the upper half */
    kit_assert_exception(sys_insn_call_far(kit_cpu, &in), SYS_GP, KIT_CALL_GATE);
    call_gate(KIT_CODE0_64, KIT_HANDLER, 0, 0xe4);
    kit_assert_exception(sys_insn_call_far(kit_cpu, &in), SYS_GP, KIT_CALL_GATE);
    kit_assert_exception(sys_insn_jmp_far(kit_cpu, &in), SYS_GP, KIT_CALL_GATE);
}

static void test_return_to_an_inner_level_is_refused(void **state)
{
    (void)state;
    kit_protected(3);
    struct sys_insn in = kit_insn();
    in.opcode = 0xcb;
    kit_put(kit_cpu->gpr[X86_RSP], 0x5000, 4);
    kit_put(kit_cpu->gpr[X86_RSP] + 4, KIT_CODE0, 4);
    kit_assert_exception(sys_insn_ret_far(kit_cpu, &in), SYS_GP, KIT_CODE0);
}

#define KIT_TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_real_mode_call_and_return),
        KIT_TEST(test_setting_pe_and_jumping_enters_protected_mode),
        KIT_TEST(test_jump_from_compatibility_to_64_bit_mode_and_back),
        KIT_TEST(test_memory_pointers_have_64_bits_with_rex_w),
        KIT_TEST(test_direct_jumps_are_checked),
        KIT_TEST(test_conforming_code_is_called_at_the_callers_level),
        KIT_TEST(test_call_gate_to_an_inner_level_copies_parameters),
        KIT_TEST(test_call_gate_at_the_same_level),
        KIT_TEST(test_call_gates_are_checked),
        KIT_TEST(test_call_gates_of_long_mode_lead_to_64_bit_code),
        KIT_TEST(test_return_to_an_inner_level_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
