/* IRET in every combination of modes and levels. */
#include "kit.h"

static struct sys_insn iret(unsigned size)
{
    struct sys_insn in = kit_insn();
    in.opcode = 0xcf;
    if (size == 8) {
        in.rex = 0x48;
    } else {
        in.opsize_prefix = (size == 2) != (in.code_size == 2);
    }
    return in;
}

/* Writes a frame at the top of the stack, topmost first. */
static void frame(unsigned size, const uint64_t *values, unsigned n)
{
    uint64_t at =
        kit_cpu->gpr[X86_RSP] + (kit_cpu->mode & SYS_MODE_CODE64 ? 0 : kit_cpu->seg[SYS_SS].base);
    for (unsigned i = 0; i < n; i++) {
        kit_put(at + (uint64_t)size * i, values[i], size);
    }
}
#define FRAME(size, ...)                                                                           \
    frame((size), (const uint64_t[]){__VA_ARGS__},                                                 \
          sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void test_real_mode_of_both_sizes(void **state)
{
    (void)state;
    const uint64_t flags = X86_CF | X86_IF | (uint64_t)SYS_RF_IOPL;
    for (unsigned size = 2; size <= 4; size += 2) {
        kit_real();
        struct sys_insn in = iret(size);
        FRAME(size, 0x1234, 0x2000, flags | SYS_RF_VM | SYS_RF_VIF);
        kit_assert_done(sys_insn_iret(kit_cpu, &in));
        assert_int_equal(kit_cpu->rip, 0x1234);
        assert_int_equal(kit_cpu->seg[SYS_CS].base, 0x20000);
        assert_int_equal(kit_cpu->rflags, flags | SYS_RF_ONE);
        assert_int_equal(kit_cpu->gpr[X86_RSP], 0x8000 + 3 * size);
    }
}

static void test_rf_is_clear_behind_an_iret_that_does_not_load_it(void **state)
{
    (void)state;
    for (unsigned size = 2; size <= 4; size += 2) {
        kit_real();
        kit_cpu->rflags |= X86_RF;
        struct sys_insn in = iret(size);
        FRAME(size, 0x1234, 0x2000, X86_RF);
        kit_assert_done(sys_insn_iret(kit_cpu, &in));
        assert_int_equal(kit_cpu->rflags & X86_RF, size == 2 ? 0 : X86_RF);
    }
}

static void test_real_mode_ip_must_be_within_cs(void **state)
{
    (void)state;
    kit_real();
    struct sys_insn in = iret(4);
    FRAME(4, 0x10000, 0x2000, 2);
    kit_assert_exception(sys_insn_iret(kit_cpu, &in), SYS_GP, 0);
    assert_int_equal(kit_cpu->gpr[X86_RSP], 0x8000);
}

static void test_same_level_leaves_the_stack_segment(void **state)
{
    (void)state;
    struct sys_insn in = iret(4);
    FRAME(4, 0x5000, KIT_CODE0, X86_ZF | X86_RF | (uint64_t)X86_IF);
    uint64_t sp = kit_cpu->gpr[X86_RSP];
    kit_assert_done(sys_insn_iret(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, 0x5000);
    assert_int_equal(kit_cpu->gpr[X86_RSP], sp + 12);
    assert_int_equal(kit_cpu->rflags, X86_ZF | X86_RF | X86_IF | (uint64_t)SYS_RF_ONE);
}

static void test_outer_level_drops_privileged_segments(void **state)
{
    (void)state;
    struct sys_insn in = iret(4);
    assert_true(sys_seg_load(kit_cpu, SYS_ES, KIT_DATA3 | 3));
    assert_true(sys_seg_load(kit_cpu, SYS_FS, KIT_CODE0_CONF));
    FRAME(4, 0x5000, KIT_CODE3 | 3, (uint64_t)X86_IF, 0x9ff0, KIT_DATA3 | 3);
    kit_assert_done(sys_insn_iret(kit_cpu, &in));
    assert_int_equal(sys_cpl(kit_cpu), 3);
    assert_int_equal(kit_cpu->gpr[X86_RSP], 0x9ff0);
    assert_int_equal(kit_cpu->seg[SYS_SS].selector, KIT_DATA3 | 3);
    assert_int_equal(kit_cpu->seg[SYS_DS].selector, 0);
    assert_int_equal(kit_cpu->seg[SYS_DS].attr, 0);
    assert_int_equal(kit_cpu->seg[SYS_ES].selector, KIT_DATA3 | 3);
    assert_int_equal(kit_cpu->seg[SYS_FS].selector, KIT_CODE0_CONF);
}

static void test_users_change_neither_iopl_nor_if(void **state)
{
    (void)state;
    kit_protected(3);
    kit_cpu->rflags |= X86_IF;
    sys_mode_update(kit_cpu);
    struct sys_insn in = iret(4);
    FRAME(4, 0x5000, KIT_CODE3 | 3, SYS_RF_IOPL | (uint64_t)X86_AC | SYS_RF_VIF);
    kit_assert_done(sys_insn_iret(kit_cpu, &in));
    assert_int_equal(kit_cpu->rflags, X86_IF | X86_AC | (uint64_t)SYS_RF_ONE);
    /* A 16-bit one does not reach the upper half. */
    kit_cpu->rflags = X86_AC | (uint64_t)SYS_RF_ONE;
    in = iret(2);
    FRAME(2, 0x5000, KIT_CODE3 | 3, (uint64_t)X86_CF);
    kit_assert_done(sys_insn_iret(kit_cpu, &in));
    assert_int_equal(kit_cpu->rflags, X86_CF | X86_AC | (uint64_t)SYS_RF_ONE);
}

struct bad {
    const char *what;
    unsigned cpl;
    uint64_t ip, cs, sp, ss;
    uint8_t vector;
    uint16_t error;
};

static void test_bad_frames_fault_before_anything_changes(void **state)
{
    (void)state;
    static const struct bad frames[] = {
        {"null CS", 0, 0, 0, 0, 0, SYS_GP, 0},
        {"inward", 3, 0, KIT_CODE0, 0, 0, SYS_GP, KIT_CODE0},
        {"data as CS", 0, 0, KIT_DATA0, 0, 0, SYS_GP, KIT_DATA0},
        {"DPL is not RPL", 0, 0, KIT_CODE3, 0, 0, SYS_GP, KIT_CODE3},
        {"absent CS", 0, 0, KIT_CODE3_ABSENT | 3, 0, 0, SYS_NP, KIT_CODE3_ABSENT},
        {"CS outside of the table", 0, 0, 0x1000, 0, 0, SYS_GP, 0x1000},
        {"IP above the limit", 0, 0x1000, KIT_CODE0_SMALL, 0, 0, SYS_GP, 0},
        {"null SS", 0, 0, KIT_CODE3 | 3, 0, 0, SYS_GP, 0},
        {"SS of the wrong level", 0, 0, KIT_CODE3 | 3, 0, KIT_DATA0, SYS_GP, KIT_DATA0},
        {"absent SS", 0, 0, KIT_CODE3 | 3, 0, KIT_DATA3_ABSENT | 3, SYS_SSF, KIT_DATA3_ABSENT},
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        const struct bad *b = &frames[i];
        kit_protected(b->cpl);
        uint64_t sp = kit_cpu->gpr[X86_RSP];
        uint64_t flags = kit_cpu->rflags;
        struct sys_insn in = iret(4);
        FRAME(4, b->ip, b->cs, (uint64_t)X86_CF, b->sp, b->ss);
        if (sys_insn_iret(kit_cpu, &in) != SYS_EXCEPTION ||
            kit_cpu->exception.vector != b->vector || kit_cpu->exception.error != b->error) {
            fail_msg("%s: vector %u, error %#x", b->what, kit_cpu->exception.vector,
                     kit_cpu->exception.error);
        }
        assert_int_equal(kit_cpu->gpr[X86_RSP], sp);
        assert_int_equal(kit_cpu->rip, KIT_CODE);
        assert_int_equal(kit_cpu->rflags, flags);
        assert_int_equal(sys_cpl(kit_cpu), b->cpl);
    }
}

static void test_iretq_to_user_space_keeps_null_segments_bases(void **state)
{
    (void)state;
    kit_long(0, true);
    kit_cpu->seg[SYS_FS] = (struct sys_seg){.base = 0x7f0012345000};
    struct sys_insn in = iret(8);
    FRAME(8, 0x7fff00001000, KIT_CODE3_64 | 3, (uint64_t)X86_IF, 0x7fff12345678, KIT_DATA3 | 3);
    kit_assert_done(sys_insn_iret(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, 0x7fff00001000);
    assert_int_equal(kit_cpu->gpr[X86_RSP], 0x7fff12345678);
    assert_int_equal(kit_cpu->mode & (3 | SYS_MODE_CODE64), 3 | SYS_MODE_CODE64);
    assert_int_equal(kit_cpu->seg[SYS_FS].base, 0x7f0012345000);
    assert_int_equal(kit_cpu->seg[SYS_DS].selector, 0);
}

static void test_iretq_to_compatibility_mode(void **state)
{
    (void)state;
    kit_long(0, true);
    struct sys_insn in = iret(8);
    FRAME(8, 0x8048000, KIT_CODE3 | 3, (uint64_t)X86_IF, 0xfffffffffff0, KIT_DATA3 | 3);
    kit_assert_done(sys_insn_iret(kit_cpu, &in));
    assert_int_equal(kit_cpu->mode & (3 | SYS_MODE_CODE64 | SYS_MODE_CODE32), 3 | SYS_MODE_CODE32);
    assert_int_equal(kit_cpu->gpr[X86_RSP], 0xfffffff0);
}

static void test_iretq_pops_the_stack_at_the_same_level_too(void **state)
{
    (void)state;
    kit_long(0, true);
    struct sys_insn in = iret(8);
    FRAME(8, 0xffff800000001000, KIT_CODE0_64, 2, 0xffff800000002000, 0);
    kit_assert_done(sys_insn_iret(kit_cpu, &in));
    assert_int_equal(kit_cpu->gpr[X86_RSP], 0xffff800000002000);
    assert_int_equal(kit_cpu->seg[SYS_SS].selector, 0);
    assert_int_equal(sys_cpl(kit_cpu), 0);
}

static void test_iretq_to_a_non_canonical_address_faults_in_ring_0(void **state)
{
    (void)state;
    kit_long(0, true);
    struct sys_insn in = iret(8);
    FRAME(8, 0x800000000000, KIT_CODE3_64 | 3, 2, 0x1000, KIT_DATA3 | 3);
    kit_assert_exception(sys_insn_iret(kit_cpu, &in), SYS_GP, 0);
    assert_int_equal(sys_cpl(kit_cpu), 0);
}

static void test_nt_is_a_fault_in_long_mode(void **state)
{
    (void)state;
    kit_long(0, true);
    kit_cpu->rflags |= SYS_RF_NT;
    struct sys_insn in = iret(8);
    kit_assert_exception(sys_insn_iret(kit_cpu, &in), SYS_GP, 0);
}

static void test_iret_to_16_bit_stack_leaves_the_upper_half_of_esp(void **state)
{
    (void)state;
    kit_desc(KIT_DATA3, 0, 0xffff, 0xf3);
    kit_cpu->gpr[X86_RSP] |= 0x10000;
    struct sys_insn in = iret(4);
    FRAME(4, 0x5000, KIT_CODE3 | 3, 2, 0xabcd1234, KIT_DATA3 | 3);
    kit_assert_done(sys_insn_iret(kit_cpu, &in));
    assert_int_equal(kit_cpu->gpr[X86_RSP], 0x11234);
}

static void test_iret_to_vm86_loads_nine_words(void **state)
{
    (void)state;
    struct sys_insn in = iret(4);
    FRAME(4, 0x100, 0x1000, X86_IF | (uint64_t)SYS_RF_VM | SYS_RF_IOPL, 0xfff0, 0x2000, 0x3000,
          0x3001, 0x3002, 0x3003);
    kit_assert_done(sys_insn_iret(kit_cpu, &in));
    assert_int_equal(kit_cpu->mode & (3 | SYS_MODE_VM | SYS_MODE_CODE32), 3 | SYS_MODE_VM);
    assert_int_equal(kit_cpu->seg[SYS_CS].base, 0x10000);
    assert_int_equal(kit_cpu->seg[SYS_SS].base, 0x20000);
    assert_int_equal(kit_cpu->seg[SYS_ES].selector, 0x3000);
    assert_int_equal(kit_cpu->seg[SYS_DS].selector, 0x3001);
    assert_int_equal(kit_cpu->seg[SYS_FS].selector, 0x3002);
    assert_int_equal(kit_cpu->seg[SYS_GS].base, 0x30030);
    assert_int_equal(kit_cpu->seg[SYS_GS].limit, 0xffff);
    assert_int_equal(kit_cpu->gpr[X86_RSP], 0xfff0);
    assert_true(kit_cpu->rflags & X86_IF);
}

static void test_iret_in_vm86_depends_on_iopl(void **state)
{
    (void)state;
    kit_vm86(0);
    struct sys_insn in = iret(2);
    FRAME(2, 0x200, 0x1000, X86_IF | (uint64_t)X86_CF);
    kit_assert_exception(sys_insn_iret(kit_cpu, &in), SYS_GP, 0);
    kit_vm86(3);
    kit_assert_done(sys_insn_iret(kit_cpu, &in));
    assert_int_equal(kit_cpu->rflags,
                     X86_IF | X86_CF | SYS_RF_IOPL | (uint64_t)SYS_RF_VM | SYS_RF_ONE);
    kit_vm86(0);
    kit_cpu->cr4 |= SYS_CR4_VME;
    kit_assert_done(sys_insn_iret(kit_cpu, &in));
    assert_int_equal(kit_cpu->rflags, X86_CF | (uint64_t)SYS_RF_VIF | SYS_RF_VM | SYS_RF_ONE);
    kit_vm86(0);
    kit_cpu->cr4 |= SYS_CR4_VME;
    kit_cpu->rflags |= SYS_RF_VIP;
    kit_assert_exception(sys_insn_iret(kit_cpu, &in), SYS_GP, 0);
}

static void test_any_iret_unblocks_nmis(void **state)
{
    (void)state;
    struct sys_insn in = iret(4);
    kit_cpu->nmi_blocked = true;
    FRAME(4, 0, 0, 0);
    kit_assert_exception(sys_insn_iret(kit_cpu, &in), SYS_GP, 0);
    assert_false(kit_cpu->nmi_blocked);
}

static void test_delivery_and_iret_are_inverse(void **state)
{
    (void)state;
    kit_long(3, true);
    kit_gate_64(SYS_UD, KIT_CODE0_64, KIT_HANDLER, 0x8e, 0);
    kit_cpu->rflags |= X86_IF | X86_CF;
    kit_deliver(SYS_UD, -1);
    struct sys_insn in = iret(8);
    kit_assert_done(sys_insn_iret(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, KIT_CODE);
    assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK3 - 0x100);
    assert_int_equal(kit_cpu->seg[SYS_SS].selector, KIT_DATA3 | 3);
    assert_int_equal(kit_cpu->seg[SYS_DS].selector, KIT_DATA3 | 3);
    assert_int_equal(kit_cpu->rflags & ~(uint64_t)X86_RF, X86_IF | X86_CF | (uint64_t)SYS_RF_ONE);
}

#define KIT_TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_real_mode_of_both_sizes),
        KIT_TEST(test_rf_is_clear_behind_an_iret_that_does_not_load_it),
        KIT_TEST(test_real_mode_ip_must_be_within_cs),
        KIT_TEST(test_same_level_leaves_the_stack_segment),
        KIT_TEST(test_outer_level_drops_privileged_segments),
        KIT_TEST(test_users_change_neither_iopl_nor_if),
        KIT_TEST(test_bad_frames_fault_before_anything_changes),
        KIT_TEST(test_iretq_to_user_space_keeps_null_segments_bases),
        KIT_TEST(test_iretq_to_compatibility_mode),
        KIT_TEST(test_iretq_pops_the_stack_at_the_same_level_too),
        KIT_TEST(test_iretq_to_a_non_canonical_address_faults_in_ring_0),
        KIT_TEST(test_nt_is_a_fault_in_long_mode),
        KIT_TEST(test_iret_to_16_bit_stack_leaves_the_upper_half_of_esp),
        KIT_TEST(test_iret_to_vm86_loads_nine_words),
        KIT_TEST(test_iret_in_vm86_depends_on_iopl),
        KIT_TEST(test_any_iret_unblocks_nmis),
        KIT_TEST(test_delivery_and_iret_are_inverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
