/* cpu->mode: what each part of the state adds to it. */
#include "kit.h"

static uint32_t mode(void)
{
    sys_mode_update(kit_cpu);
    return kit_cpu->mode;
}

static void test_real_mode_after_reset(void **state)
{
    (void)state;
    sys_reset_registers(kit_cpu, false);
    assert_int_equal(mode(), SYS_MODE_IOPL | SYS_MMU_KERNEL_USER << SYS_MODE_MMU_SHIFT);
    assert_int_equal(kit_cpu->seg[SYS_CS].base + kit_cpu->rip, 0xfffffff0);
}

static void test_sizes_come_from_cs_and_ss(void **state)
{
    (void)state;
    const uint32_t sizes = SYS_MODE_CODE32 | SYS_MODE_CODE64 | SYS_MODE_STACK32 | SYS_MODE_FLAT;
    kit_protected(0);
    assert_int_equal(mode() & sizes, SYS_MODE_CODE32 | SYS_MODE_STACK32 | SYS_MODE_FLAT);
    kit_cpu->seg[SYS_CS].attr &= (uint16_t)~SYS_SEG_DB;
    assert_int_equal(mode() & sizes, SYS_MODE_STACK32 | SYS_MODE_FLAT);
    kit_long(0, true);
    assert_int_equal(mode() & sizes, SYS_MODE_CODE64 | SYS_MODE_FLAT);
    kit_long(3, false);
    assert_int_equal(mode() & sizes, SYS_MODE_CODE32 | SYS_MODE_STACK32 | SYS_MODE_FLAT);
    /* L means nothing outside of IA-32e mode. */
    kit_protected(0);
    kit_cpu->seg[SYS_CS].attr |= SYS_SEG_L;
    assert_int_equal(mode() & SYS_MODE_CODE64, 0);
}

static void test_flat_needs_usable_segments_without_base_or_limit(void **state)
{
    (void)state;
    static const uint8_t regs[] = {SYS_ES, SYS_CS, SYS_SS, SYS_DS};
    for (unsigned i = 0; i < sizeof(regs); i++) {
        struct sys_seg *s = &kit_cpu->seg[regs[i]];
        kit_protected(3);
        s->base = 0x1000;
        assert_int_equal(mode() & SYS_MODE_FLAT, 0);
        kit_protected(3);
        s->limit = 0xfffff;
        assert_int_equal(mode() & SYS_MODE_FLAT, 0);
        kit_protected(3);
        s->attr &= (uint16_t)~SYS_SEG_RW;
        assert_int_equal(mode() & SYS_MODE_FLAT, 0);
    }
    kit_protected(3);
    kit_cpu->seg[SYS_FS].base = 0x1000;
    assert_int_equal(mode() & SYS_MODE_FLAT, SYS_MODE_FLAT);
    kit_protected(3);
    kit_cpu->seg[SYS_DS] = (struct sys_seg){0};
    assert_int_equal(mode() & SYS_MODE_FLAT, 0);
}

static void test_cpl_is_the_dpl_of_ss(void **state)
{
    (void)state;
    kit_protected(3);
    assert_int_equal(mode() & 3, 3);
    kit_protected(1);
    assert_int_equal(mode() & 3, 1);
    kit_vm86(0);
    assert_int_equal(mode() & (3 | SYS_MODE_VM | SYS_MODE_PE), 3 | SYS_MODE_VM | SYS_MODE_PE);
    /* Between setting CR0.PE and the far jump: ring 0 whatever CS says. */
    kit_real();
    kit_cpu->seg[SYS_CS].selector = 0xf003;
    kit_cpu->cr0 |= SYS_CR0_PE;
    assert_int_equal(mode() & (3 | SYS_MODE_PE), SYS_MODE_PE);
}

static void test_mmu_mode_follows_cpl_smap_and_ac(void **state)
{
    (void)state;
    kit_long(0, true);
    assert_int_equal((mode() & SYS_MODE_MMU) >> SYS_MODE_MMU_SHIFT, SYS_MMU_KERNEL_USER);
    kit_cpu->cr4 |= SYS_CR4_SMAP;
    assert_int_equal((mode() & SYS_MODE_MMU) >> SYS_MODE_MMU_SHIFT, SYS_MMU_KERNEL);
    kit_cpu->rflags |= X86_AC;
    assert_int_equal((mode() & SYS_MODE_MMU) >> SYS_MODE_MMU_SHIFT, SYS_MMU_KERNEL_USER);
    kit_long(3, true);
    assert_int_equal((mode() & SYS_MODE_MMU) >> SYS_MODE_MMU_SHIFT, SYS_MMU_USER);
}

static void test_fpu_and_vector_state(void **state)
{
    (void)state;
    const uint32_t vex = SYS_MODE_AVX | SYS_MODE_AVX512;
    kit_long(0, true);
    kit_cpu->cr0 |= SYS_CR0_TS | SYS_CR0_MP;
    assert_int_equal(mode() & (SYS_MODE_FPU_NM | SYS_MODE_TS | SYS_MODE_MP | SYS_MODE_FPU_EM),
                     SYS_MODE_FPU_NM | SYS_MODE_TS | SYS_MODE_MP);
    kit_cpu->cr0 ^= SYS_CR0_TS | SYS_CR0_EM;
    assert_int_equal(mode() & (SYS_MODE_FPU_NM | SYS_MODE_TS | SYS_MODE_FPU_EM),
                     SYS_MODE_FPU_NM | SYS_MODE_FPU_EM);
    kit_cpu->xcr0 = 7;
    assert_int_equal(mode() & vex, 0);
    kit_cpu->cr4 |= SYS_CR4_OSXSAVE | SYS_CR4_OSFXSR;
    assert_int_equal(mode() & (vex | SYS_MODE_OSFXSR), SYS_MODE_AVX | SYS_MODE_OSFXSR);
    kit_cpu->xcr0 = 0xe7;
    assert_int_equal(mode() & vex, vex);
    kit_cpu->rflags |= SYS_RF_VM;
    kit_cpu->efer = 0;
    assert_int_equal(mode() & vex, 0);
}

static void test_iopl_debug_step_and_shadow(void **state)
{
    (void)state;
    kit_protected(3);
    assert_int_equal(mode() & SYS_MODE_IOPL, 0);
    kit_cpu->rflags |= SYS_RF_IOPL | (uint64_t)X86_TF;
    assert_int_equal(mode() & (SYS_MODE_IOPL | SYS_MODE_TF), SYS_MODE_IOPL | SYS_MODE_TF);
    kit_cpu->dr[7] |= 1 << 4;
    assert_int_equal(mode() & SYS_MODE_DEBUG, SYS_MODE_DEBUG);
    kit_cpu->shadow = true;
    assert_int_equal(mode() & SYS_MODE_SHADOW, SYS_MODE_SHADOW);
}

static void test_an_interrupt_that_became_possible_asks_for_attention(void **state)
{
    (void)state;
    kit_protected(0);
    atomic_store(&kit_cpu->cpu.exit_request, 0);
    atomic_store(&kit_cpu->interrupt, SYS_INT_HARD);
    mode();
    assert_int_equal(atomic_load(&kit_cpu->cpu.exit_request), 0);
    struct sys_insn in = kit_insn();
    kit_assert_done(sys_insn_sti(kit_cpu, &in));
    assert_int_equal(atomic_load(&kit_cpu->cpu.exit_request), CPU_EXIT_INTERRUPT);
}

#define KIT_TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_real_mode_after_reset),
        KIT_TEST(test_sizes_come_from_cs_and_ss),
        KIT_TEST(test_flat_needs_usable_segments_without_base_or_limit),
        KIT_TEST(test_cpl_is_the_dpl_of_ss),
        KIT_TEST(test_mmu_mode_follows_cpl_smap_and_ac),
        KIT_TEST(test_fpu_and_vector_state),
        KIT_TEST(test_iopl_debug_step_and_shadow),
        KIT_TEST(test_an_interrupt_that_became_possible_asks_for_attention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
