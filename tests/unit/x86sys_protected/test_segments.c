/* Loading segment registers and going through them: every check and its error
 * code. */
#include "kit.h"

#include "x86sys/segment.h"

struct load {
    const char *what;
    uint16_t selector;
    uint8_t cpl;
    uint8_t vector; /* SYS_NO_EXCEPTION: it loads */
    uint16_t error;
};

static void try_loads(enum sys_seg_reg reg, const struct load *loads, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct load *l = &loads[i];
        kit_protected(l->cpl);
        struct sys_seg before = kit_cpu->seg[reg];
        bool good = sys_seg_load(kit_cpu, reg, l->selector);
        if (good != (l->vector == SYS_NO_EXCEPTION) ||
            (!good &&
             (kit_cpu->exception.vector != l->vector || kit_cpu->exception.error != l->error))) {
            fail_msg("%s: vector %u error %#x", l->what, kit_cpu->exception.vector,
                     kit_cpu->exception.error);
        }
        uint16_t expected = good ? l->selector : before.selector;
        assert_int_equal(kit_cpu->seg[reg].selector, expected);
    }
}

static void test_data_segment_loads_are_checked(void **state)
{
    (void)state;
    static const struct load loads[] = {
        {"null", 3, 3, SYS_NO_EXCEPTION, 0},
        {"same level", KIT_DATA3 | 3, 3, SYS_NO_EXCEPTION, 0},
        {"less privileged data in ring 0", KIT_DATA3 | 3, 0, SYS_NO_EXCEPTION, 0},
        {"RPL below CPL does not help", KIT_DATA0, 3, SYS_GP, KIT_DATA0},
        {"RPL above DPL", KIT_DATA0 | 3, 0, SYS_GP, KIT_DATA0},
        {"read-only", KIT_RODATA3 | 3, 3, SYS_NO_EXCEPTION, 0},
        {"readable code", KIT_CODE3 | 3, 3, SYS_NO_EXCEPTION, 0},
        {"conforming code of any level", KIT_CODE0_CONF | 3, 3, SYS_NO_EXCEPTION, 0},
        {"execute-only code", KIT_XCODE3 | 3, 3, SYS_GP, KIT_XCODE3},
        {"system descriptor", KIT_TSS_SEL, 0, SYS_GP, KIT_TSS_SEL},
        {"absent", KIT_DATA3_ABSENT | 3, 3, SYS_NP, KIT_DATA3_ABSENT},
        {"outside of the GDT", 0x1000, 0, SYS_GP, 0x1000},
        {"no LDT", 0x0f, 3, SYS_GP, 0x0c},
    };
    try_loads(SYS_DS, loads, sizeof(loads) / sizeof(loads[0]));
}

static void test_stack_segment_loads_are_checked(void **state)
{
    (void)state;
    static const struct load loads[] = {
        {"null", 0, 0, SYS_GP, 0},
        {"same level", KIT_DATA3 | 3, 3, SYS_NO_EXCEPTION, 0},
        {"RPL is not CPL", KIT_DATA0 | 3, 0, SYS_GP, KIT_DATA0},
        {"DPL is not CPL", KIT_DATA3, 0, SYS_GP, KIT_DATA3},
        {"read-only", KIT_RODATA3 | 3, 3, SYS_GP, KIT_RODATA3},
        {"code", KIT_CODE3 | 3, 3, SYS_GP, KIT_CODE3},
        {"absent", KIT_DATA3_ABSENT | 3, 3, SYS_SSF, KIT_DATA3_ABSENT},
    };
    try_loads(SYS_SS, loads, sizeof(loads) / sizeof(loads[0]));
}

static void test_null_stack_segment_is_for_64_bit_kernels_only(void **state)
{
    (void)state;
    kit_long(0, true);
    assert_true(sys_seg_load(kit_cpu, SYS_SS, 0));
    sys_mode_update(kit_cpu);
    assert_int_equal(sys_cpl(kit_cpu), 0);
    kit_long(3, true);
    assert_false(sys_seg_load(kit_cpu, SYS_SS, 3));
    kit_assert_exception(SYS_EXCEPTION, SYS_GP, 0);
    kit_long(0, false);
    assert_false(sys_seg_load(kit_cpu, SYS_SS, 0));
}

static void test_a_load_sets_the_accessed_bit_in_the_table(void **state)
{
    (void)state;
    kit_desc(KIT_DATA3, 0x1234, 0xfff, 0xf2);
    assert_true(sys_seg_load(kit_cpu, SYS_ES, KIT_DATA3));
    assert_int_equal(kit_get(KIT_GDT + KIT_DATA3 + 5, 1), 0xf3);
    assert_int_equal(kit_cpu->seg[SYS_ES].attr, 0xf3);
    assert_int_equal(kit_cpu->seg[SYS_ES].base, 0x1234);
    assert_int_equal(kit_cpu->seg[SYS_ES].limit, 0xfff);
}

static void test_ldt_selectors_are_looked_up_in_the_ldt(void **state)
{
    (void)state;
    kit_put(KIT_LDT + 8, kit_get(KIT_GDT + KIT_DATA0, 8), 8);
    struct sys_insn in = kit_insn();
    in.modrm = 0xd0; /* rm: EAX */
    kit_cpu->gpr[X86_RAX] = KIT_LDT_SEL;
    kit_assert_done(sys_insn_lldt(kit_cpu, &in));
    assert_true(sys_seg_load(kit_cpu, SYS_ES, 0x0c));
    assert_false(sys_seg_load(kit_cpu, SYS_ES, 0x104));
    kit_assert_exception(SYS_EXCEPTION, SYS_GP, 0x104);
}

static void test_a_table_on_an_absent_page_is_a_page_fault(void **state)
{
    (void)state;
    kit_page(KIT_GDT, KIT_ABSENT);
    kit_cpu->mode |= 3; /* whatever the CPL: a supervisor's access */
    assert_false(sys_seg_load(kit_cpu, SYS_ES, KIT_DATA3 | 3));
    assert_int_equal(kit_cpu->exception.addr, KIT_GDT + KIT_DATA3);
    kit_assert_exception(SYS_EXCEPTION, SYS_PF, 0);
}

static void test_offsets_are_held_against_the_limit(void **state)
{
    (void)state;
    uint64_t linear;
    kit_cpu->seg[SYS_DS].base = 0x10000;
    kit_cpu->seg[SYS_DS].limit = 0xfff;
    assert_true(sys_linear(kit_cpu, SYS_DS, 0xffc, 4, SYS_READ, &linear));
    assert_int_equal(linear, 0x10ffc);
    assert_false(sys_linear(kit_cpu, SYS_DS, 0xffd, 4, SYS_READ, &linear));
    kit_assert_exception(SYS_EXCEPTION, SYS_GP, 0);
    kit_cpu->seg[SYS_SS].limit = 0xfff;
    assert_false(sys_linear(kit_cpu, SYS_SS, 0x1000, 1, SYS_READ, &linear));
    kit_assert_exception(SYS_EXCEPTION, SYS_SSF, 0);
}

static void test_expand_down_segments_begin_above_their_limit(void **state)
{
    (void)state;
    uint64_t linear;
    assert_true(sys_seg_load(kit_cpu, SYS_DS, KIT_DOWN0));
    assert_false(sys_linear(kit_cpu, SYS_DS, 0xfff, 1, SYS_READ, &linear));
    kit_assert_exception(SYS_EXCEPTION, SYS_GP, 0);
    assert_true(sys_linear(kit_cpu, SYS_DS, 0x1000, 1, SYS_READ, &linear));
    assert_true(sys_linear(kit_cpu, SYS_DS, UINT32_MAX, 1, SYS_READ, &linear));
    assert_false(sys_linear(kit_cpu, SYS_DS, UINT32_MAX, 2, SYS_READ, &linear));
    kit_assert_exception(SYS_EXCEPTION, SYS_GP, 0);
}

static void test_types_allow_or_forbid_accesses(void **state)
{
    (void)state;
    uint64_t linear;
    kit_protected(3);
    assert_true(sys_seg_load(kit_cpu, SYS_DS, KIT_RODATA3 | 3));
    assert_true(sys_linear(kit_cpu, SYS_DS, 0, 1, SYS_READ, &linear));
    assert_false(sys_linear(kit_cpu, SYS_DS, 0, 1, SYS_READ | SYS_WRITE, &linear));
    kit_assert_exception(SYS_EXCEPTION, SYS_GP, 0);
    assert_false(sys_linear(kit_cpu, SYS_CS, 0, 1, SYS_WRITE, &linear));
    kit_assert_exception(SYS_EXCEPTION, SYS_GP, 0);
    assert_true(sys_seg_load(kit_cpu, SYS_DS, 0));
    assert_false(sys_linear(kit_cpu, SYS_DS, 0, 1, SYS_READ, &linear));
    kit_assert_exception(SYS_EXCEPTION, SYS_GP, 0);
}

static void test_64_bit_addresses_are_canonical_and_only_fs_and_gs_have_bases(void **state)
{
    (void)state;
    uint64_t linear;
    kit_long(0, true);
    kit_cpu->seg[SYS_DS].base = 0x1000;
    kit_cpu->seg[SYS_GS].base = 0xffff800000000000;
    assert_true(sys_linear(kit_cpu, SYS_DS, 0x10, 8, SYS_READ, &linear));
    assert_int_equal(linear, 0x10);
    assert_true(sys_linear(kit_cpu, SYS_GS, 0x10, 8, SYS_READ, &linear));
    assert_int_equal(linear, 0xffff800000000010);
    assert_false(sys_linear(kit_cpu, SYS_DS, 0x800000000000, 1, SYS_READ, &linear));
    kit_assert_exception(SYS_EXCEPTION, SYS_GP, 0);
    assert_false(sys_linear(kit_cpu, SYS_SS, 0x7ffffffffffc, 8, SYS_READ, &linear));
    kit_assert_exception(SYS_EXCEPTION, SYS_SSF, 0);
    kit_cpu->cr4 |= SYS_CR4_LA57;
    assert_true(sys_linear(kit_cpu, SYS_DS, 0x800000000000, 1, SYS_READ, &linear));
}

static void test_real_mode_loads_keep_the_limit(void **state)
{
    (void)state;
    uint64_t linear;
    kit_real();
    kit_cpu->seg[SYS_DS].limit = UINT32_MAX;
    assert_true(sys_seg_load(kit_cpu, SYS_DS, 0x1234));
    assert_int_equal(kit_cpu->seg[SYS_DS].base, 0x12340);
    assert_true(sys_linear(kit_cpu, SYS_DS, 0x100000, 4, SYS_READ | SYS_WRITE, &linear));
    assert_int_equal(linear, 0x112340);
    assert_false(sys_linear(kit_cpu, SYS_ES, 0xffff, 2, SYS_READ, &linear));
    kit_assert_exception(SYS_EXCEPTION, SYS_GP, 0);
}

static void test_mov_to_ss_shadows_once(void **state)
{
    (void)state;
    struct sys_insn in = kit_insn();
    in.modrm = 0xd0; /* SS, rm: EAX */
    kit_cpu->gpr[X86_RAX] = KIT_DATA0;
    kit_assert_done(sys_insn_mov_to_seg(kit_cpu, &in));
    assert_true(kit_cpu->shadow);
    assert_int_equal(kit_cpu->rip, KIT_CODE + 2);
    kit_assert_done(sys_insn_mov_to_seg(kit_cpu, &in));
    assert_false(kit_cpu->shadow);
}

static void test_push_of_a_segment_writes_the_low_half_of_its_slot(void **state)
{
    (void)state;
    struct sys_insn in = kit_insn();
    uint64_t top = kit_cpu->gpr[X86_RSP];
    in.opcode = 0x06;
    kit_put(top - 4, 0xddccbbaa, 4);
    kit_assert_done(sys_insn_push_seg(kit_cpu, &in));
    assert_int_equal(kit_cpu->gpr[X86_RSP], top - 4);
    assert_int_equal(kit_get(top - 4, 4), 0xddcc0000 | KIT_DATA0);
    in.opcode = 0x1f;
    kit_assert_done(sys_insn_pop_seg(kit_cpu, &in));
    assert_int_equal(kit_cpu->gpr[X86_RSP], top);
    assert_int_equal(kit_cpu->seg[SYS_DS].selector, KIT_DATA0);
}

static void test_lar_lsl_and_verify_answer_in_zf(void **state)
{
    (void)state;
    kit_protected(3);
    struct sys_insn in = kit_insn();
    in.modrm = 0xc8; /* reg: ECX, rm: EAX */
    kit_cpu->gpr[X86_RAX] = KIT_DATA3 | 3;
    kit_assert_done(sys_insn_lar(kit_cpu, &in));
    assert_true(kit_cpu->rflags & X86_ZF);
    assert_int_equal(kit_cpu->gpr[X86_RCX], 0xc0f300);
    kit_assert_done(sys_insn_lsl(kit_cpu, &in));
    assert_int_equal(kit_cpu->gpr[X86_RCX], UINT32_MAX);
    kit_assert_done(sys_insn_verw(kit_cpu, &in));
    assert_true(kit_cpu->rflags & X86_ZF);

    kit_cpu->gpr[X86_RAX] = KIT_DATA0 | 3;
    kit_assert_done(sys_insn_lar(kit_cpu, &in));
    assert_false(kit_cpu->rflags & X86_ZF);
    assert_int_equal(kit_cpu->gpr[X86_RCX], UINT32_MAX);
    kit_cpu->gpr[X86_RAX] = KIT_RODATA3 | 3;
    kit_assert_done(sys_insn_verr(kit_cpu, &in));
    assert_true(kit_cpu->rflags & X86_ZF);
    kit_assert_done(sys_insn_verw(kit_cpu, &in));
    assert_false(kit_cpu->rflags & X86_ZF);
    kit_real();
    kit_assert_exception(sys_insn_lar(kit_cpu, &in), SYS_UD, 0);
}

static void test_ltr_marks_the_tss_busy(void **state)
{
    (void)state;
    struct sys_insn in = kit_insn();
    in.modrm = 0xd8;
    kit_cpu->gpr[X86_RAX] = KIT_TSS2_SEL;
    kit_assert_done(sys_insn_ltr(kit_cpu, &in));
    assert_int_equal(kit_cpu->tr.base, KIT_TSS2);
    assert_int_equal(kit_get(KIT_GDT + KIT_TSS2_SEL + 5, 1), 0x8b);
    kit_assert_exception(sys_insn_ltr(kit_cpu, &in), SYS_GP, KIT_TSS2_SEL);
    kit_long(0, true);
    in = kit_insn();
    in.modrm = 0xd8;
    kit_cpu->gpr[X86_RAX] = KIT_TSS2_SEL;
    kit_system_desc_64(KIT_TSS2_SEL, 0xffffffff80001000, 0x67, 0x89);
    kit_assert_done(sys_insn_ltr(kit_cpu, &in));
    assert_int_equal(kit_cpu->tr.base, 0xffffffff80001000);
}

/* The upper half of a descriptor of 16 bytes: bits 8 to 12 of its second doubleword, where
 * a descriptor of its own would have its type, have to be 0. The others are nothing. */
static void test_the_upper_half_of_a_system_descriptor_has_no_type(void **state)
{
    (void)state;
    kit_long(0, true);
    struct sys_insn ltr = kit_insn(), lldt = kit_insn();
    ltr.modrm = 0xd8;
    lldt.modrm = 0xd0;
    for (unsigned bit = 0; bit < 32; bit++) {
        bool type = bit >= 8 && bit <= 12;
        kit_system_desc_64(KIT_TSS2_SEL, KIT_TSS2, 0x67, 0x89);
        kit_put(KIT_GDT + KIT_TSS2_SEL + 12, 1u << bit, 4);
        kit_cpu->gpr[X86_RAX] = KIT_TSS2_SEL;
        kit_cpu->rip = ltr.ip;
        enum sys_result r = sys_insn_ltr(kit_cpu, &ltr);
        if (type) {
            kit_assert_exception(r, SYS_GP, KIT_TSS2_SEL);
        } else {
            kit_assert_done(r);
        }
        kit_system_desc_64(KIT_LDT_SEL, KIT_LDT, 0xff, 0x82);
        kit_put(KIT_GDT + KIT_LDT_SEL + 12, 1u << bit, 4);
        kit_cpu->gpr[X86_RAX] = KIT_LDT_SEL;
        kit_cpu->rip = lldt.ip;
        r = sys_insn_lldt(kit_cpu, &lldt);
        if (type) {
            kit_assert_exception(r, SYS_GP, KIT_LDT_SEL);
        } else {
            kit_assert_done(r);
            assert_int_equal(kit_cpu->ldtr.base, KIT_LDT);
        }
    }
}

static void test_lgdt_takes_24_bits_with_a_16_bit_operand(void **state)
{
    (void)state;
    struct sys_insn in = kit_insn_mem(KIT_DATA);
    kit_put(KIT_DATA, 0x1234, 2);
    kit_put(KIT_DATA + 2, 0xaabbccdd, 4);
    kit_assert_done(sys_insn_lgdt(kit_cpu, &in));
    assert_int_equal(kit_cpu->gdtr.base, 0xaabbccdd);
    assert_int_equal(kit_cpu->gdtr.limit, 0x1234);
    in.opsize_prefix = true;
    kit_assert_done(sys_insn_lgdt(kit_cpu, &in));
    assert_int_equal(kit_cpu->gdtr.base, 0xbbccdd);
}

static void test_umip_keeps_tables_from_users(void **state)
{
    (void)state;
    kit_protected(3);
    struct sys_insn in = kit_insn_mem(KIT_DATA);
    kit_assert_done(sys_insn_sgdt(kit_cpu, &in));
    assert_int_equal(kit_get(KIT_DATA + 2, 4), KIT_GDT);
    kit_cpu->cr4 |= SYS_CR4_UMIP;
    kit_assert_exception(sys_insn_sgdt(kit_cpu, &in), SYS_GP, 0);
    kit_assert_exception(sys_insn_str(kit_cpu, &in), SYS_GP, 0);
}

static void test_io_permission_bitmap_lets_ports_through(void **state)
{
    (void)state;
    kit_protected(3);
    kit_cpu->tr.limit = 0x68 + 0x10;
    kit_put(KIT_TSS + 0x68, 0xfffffffffffffff0, 8);
    assert_true(sys_io_allowed(kit_cpu, 0, 4));
    assert_false(sys_io_allowed(kit_cpu, 1, 4));
    kit_assert_exception(SYS_EXCEPTION, SYS_GP, 0);
    assert_false(sys_io_allowed(kit_cpu, 0x3f8, 1));
    kit_assert_exception(SYS_EXCEPTION, SYS_GP, 0);
    kit_cpu->rflags |= SYS_RF_IOPL;
    sys_mode_update(kit_cpu);
    assert_true(sys_io_allowed(kit_cpu, 0x3f8, 1));
    kit_vm86(3);
    assert_false(sys_io_allowed(kit_cpu, 0x3f8, 1));
}

#define KIT_TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_data_segment_loads_are_checked),
        KIT_TEST(test_stack_segment_loads_are_checked),
        KIT_TEST(test_null_stack_segment_is_for_64_bit_kernels_only),
        KIT_TEST(test_a_load_sets_the_accessed_bit_in_the_table),
        KIT_TEST(test_ldt_selectors_are_looked_up_in_the_ldt),
        KIT_TEST(test_a_table_on_an_absent_page_is_a_page_fault),
        KIT_TEST(test_offsets_are_held_against_the_limit),
        KIT_TEST(test_expand_down_segments_begin_above_their_limit),
        KIT_TEST(test_types_allow_or_forbid_accesses),
        KIT_TEST(test_64_bit_addresses_are_canonical_and_only_fs_and_gs_have_bases),
        KIT_TEST(test_real_mode_loads_keep_the_limit),
        KIT_TEST(test_mov_to_ss_shadows_once),
        KIT_TEST(test_push_of_a_segment_writes_the_low_half_of_its_slot),
        KIT_TEST(test_lar_lsl_and_verify_answer_in_zf),
        KIT_TEST(test_ltr_marks_the_tss_busy),
        KIT_TEST(test_the_upper_half_of_a_system_descriptor_has_no_type),
        KIT_TEST(test_lgdt_takes_24_bits_with_a_16_bit_operand),
        KIT_TEST(test_umip_keeps_tables_from_users),
        KIT_TEST(test_io_permission_bitmap_lets_ports_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
