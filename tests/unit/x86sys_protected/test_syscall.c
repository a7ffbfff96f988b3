/* SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS, and the instructions about IF. */
#include "kit.h"

#define STAR_BASES (0x0023ull << 48 | 0x0008ull << 32 | 0x12345678)

static void system_calls(void)
{
    kit_cpu->star = STAR_BASES;
    kit_cpu->lstar = 0xffffffff81000000;
    kit_cpu->cstar = 0xffffffff82000000;
    kit_cpu->sfmask = X86_IF | X86_TF | X86_DF;
    kit_cpu->sysenter_cs = KIT_CODE0;
    kit_cpu->sysenter_esp = 0xffff800000007000;
    kit_cpu->sysenter_eip = 0xffffffff83000000;
}

static void test_syscall_of_64_bit_code(void **state)
{
    (void)state;
    kit_long(3, true);
    system_calls();
    kit_cpu->rflags |= X86_IF | X86_CF | X86_RF;
    struct sys_insn in = kit_insn();
    kit_assert_done(sys_insn_syscall(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, 0xffffffff81000000);
    assert_int_equal(kit_cpu->gpr[X86_RCX], KIT_CODE + 2);
    assert_int_equal(kit_cpu->gpr[X86_R11], X86_IF | X86_CF | (uint64_t)SYS_RF_ONE);
    assert_int_equal(kit_cpu->rflags, X86_CF | (uint64_t)SYS_RF_ONE);
    assert_int_equal(kit_cpu->seg[SYS_CS].selector, 0x08);
    assert_int_equal(kit_cpu->seg[SYS_SS].selector, 0x10);
    assert_int_equal(kit_cpu->mode & (3 | SYS_MODE_CODE64), SYS_MODE_CODE64);
    assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK3 - 0x100);
}

static void test_syscall_of_compatibility_mode_goes_to_cstar(void **state)
{
    (void)state;
    kit_long(3, false);
    system_calls();
    struct sys_insn in = kit_insn();
    kit_assert_done(sys_insn_syscall(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, 0xffffffff82000000);
    assert_true(kit_cpu->mode & SYS_MODE_CODE64);
}

static void test_syscall_needs_efer_sce(void **state)
{
    (void)state;
    kit_long(3, true);
    kit_cpu->efer &= ~(uint64_t)SYS_EFER_SCE;
    struct sys_insn in = kit_insn();
    kit_assert_exception(sys_insn_syscall(kit_cpu, &in), SYS_UD, 0);
}

static void test_sysret_to_both_sizes(void **state)
{
    (void)state;
    for (unsigned wide = 0; wide < 2; wide++) {
        kit_long(0, true);
        system_calls();
        kit_cpu->gpr[X86_RCX] = 0x7fff00001000;
        kit_cpu->gpr[X86_R11] = UINT64_MAX;
        struct sys_insn in = kit_insn();
        in.rex = wide ? 0x48 : 0;
        kit_assert_done(sys_insn_sysret(kit_cpu, &in));
        assert_int_equal(kit_cpu->rip, wide ? 0x7fff00001000 : 0x1000);
        assert_int_equal(kit_cpu->seg[SYS_CS].selector, wide ? 0x33 : 0x23);
        assert_int_equal(kit_cpu->seg[SYS_SS].selector, 0x2b);
        assert_int_equal(kit_cpu->mode & (3 | SYS_MODE_CODE64), wide ? 3 | SYS_MODE_CODE64 : 3);
        assert_int_equal(kit_cpu->rflags, 0x3c7fd7);
    }
}

static void test_sysret_to_a_non_canonical_address_faults_in_ring_0(void **state)
{
    (void)state;
    kit_long(0, true);
    system_calls();
    kit_cpu->gpr[X86_RCX] = 0x800000000000;
    struct sys_insn in = kit_insn();
    in.rex = 0x48;
    kit_assert_exception(sys_insn_sysret(kit_cpu, &in), SYS_GP, 0);
    assert_int_equal(sys_cpl(kit_cpu), 0);
    kit_long(3, true);
    kit_assert_exception(sys_insn_sysret(kit_cpu, &in), SYS_GP, 0);
}

static void test_sysenter_and_sysexit(void **state)
{
    (void)state;
    kit_long(3, false);
    system_calls();
    kit_cpu->rflags |= X86_IF;
    struct sys_insn in = kit_insn();
    kit_assert_done(sys_insn_sysenter(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, 0xffffffff83000000);
    assert_int_equal(kit_cpu->gpr[X86_RSP], 0xffff800000007000);
    assert_int_equal(kit_cpu->mode & (3 | SYS_MODE_CODE64), SYS_MODE_CODE64);
    assert_false(kit_cpu->rflags & X86_IF);

    kit_cpu->gpr[X86_RDX] = 0x8048000;
    kit_cpu->gpr[X86_RCX] = 0xffffd000;
    in = kit_insn();
    kit_assert_done(sys_insn_sysexit(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, 0x8048000);
    assert_int_equal(kit_cpu->gpr[X86_RSP], 0xffffd000);
    assert_int_equal(kit_cpu->seg[SYS_CS].selector, (KIT_CODE0 + 16) | 3);
    assert_int_equal(kit_cpu->mode & (3 | SYS_MODE_CODE32), 3 | SYS_MODE_CODE32);
}

static void test_sysenter_in_protected_mode_has_32_bits(void **state)
{
    (void)state;
    kit_protected(3);
    system_calls();
    struct sys_insn in = kit_insn();
    kit_assert_done(sys_insn_sysenter(kit_cpu, &in));
    assert_int_equal(kit_cpu->rip, 0x83000000);
    assert_int_equal(kit_cpu->gpr[X86_RSP], 0x7000);
    assert_int_equal(kit_cpu->mode & (3 | SYS_MODE_CODE32), SYS_MODE_CODE32);
    kit_protected(3);
    kit_cpu->sysenter_cs = 3;
    kit_assert_exception(sys_insn_sysenter(kit_cpu, &in), SYS_GP, 0);
    kit_assert_exception(sys_insn_sysexit(kit_cpu, &in), SYS_GP, 0);
}

static void test_swapgs(void **state)
{
    (void)state;
    kit_long(0, true);
    kit_cpu->kernel_gs_base = 0xffff888000000000;
    kit_cpu->seg[SYS_GS].base = 0x1234;
    struct sys_insn in = kit_insn();
    kit_assert_done(sys_insn_swapgs(kit_cpu, &in));
    assert_int_equal(kit_cpu->seg[SYS_GS].base, 0xffff888000000000);
    assert_int_equal(kit_cpu->kernel_gs_base, 0x1234);
    kit_long(3, true);
    kit_assert_exception(sys_insn_swapgs(kit_cpu, &in), SYS_GP, 0);
    kit_protected(0);
    kit_assert_exception(sys_insn_swapgs(kit_cpu, &in), SYS_UD, 0);
}

static void test_cli_and_sti_obey_iopl(void **state)
{
    (void)state;
    struct sys_insn in = kit_insn();
    kit_assert_done(sys_insn_sti(kit_cpu, &in));
    assert_true(kit_cpu->rflags & X86_IF && kit_cpu->shadow);
    kit_cpu->shadow = false;
    kit_assert_done(sys_insn_sti(kit_cpu, &in));
    assert_false(kit_cpu->shadow);
    kit_assert_done(sys_insn_cli(kit_cpu, &in));
    assert_false(kit_cpu->rflags & X86_IF);
    kit_protected(3);
    kit_assert_exception(sys_insn_cli(kit_cpu, &in), SYS_GP, 0);
    kit_assert_exception(sys_insn_sti(kit_cpu, &in), SYS_GP, 0);
    kit_cpu->cr4 |= SYS_CR4_PVI;
    kit_assert_done(sys_insn_sti(kit_cpu, &in));
    assert_int_equal(kit_cpu->rflags, SYS_RF_VIF | SYS_RF_ONE);
    kit_assert_done(sys_insn_cli(kit_cpu, &in));
    assert_int_equal(kit_cpu->rflags, SYS_RF_ONE);
    kit_cpu->rflags |= SYS_RF_VIP;
    kit_assert_exception(sys_insn_sti(kit_cpu, &in), SYS_GP, 0);
}

static void test_popf_changes_what_the_level_may(void **state)
{
    (void)state;
    const uint64_t all = 0x3f7fd7; /* with IOPL, IF, VM, RF, VIF, VIP */
    struct sys_insn in;
    kit_protected(0);
    in = kit_insn();
    kit_put(kit_cpu->gpr[X86_RSP], all, 4);
    kit_assert_done(sys_insn_popf(kit_cpu, &in));
    assert_int_equal(kit_cpu->rflags, 0x247fd7);
    kit_protected(3);
    in = kit_insn();
    kit_put(kit_cpu->gpr[X86_RSP], all, 4);
    kit_assert_done(sys_insn_popf(kit_cpu, &in));
    assert_int_equal(kit_cpu->rflags, 0x244dd7);
    kit_protected(3);
    kit_cpu->rflags |= SYS_RF_IOPL;
    sys_mode_update(kit_cpu);
    kit_put(kit_cpu->gpr[X86_RSP], 0x200, 4);
    kit_assert_done(sys_insn_popf(kit_cpu, &in));
    assert_int_equal(kit_cpu->rflags, SYS_RF_IOPL | (uint64_t)X86_IF | SYS_RF_ONE);
    assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK3 - 0x100 + 4);
}

static void test_pushf_and_popf_of_vm86(void **state)
{
    (void)state;
    kit_vm86(0);
    struct sys_insn in = kit_insn();
    kit_assert_exception(sys_insn_pushf(kit_cpu, &in), SYS_GP, 0);
    kit_cpu->cr4 |= SYS_CR4_VME;
    kit_cpu->rflags |= SYS_RF_VIF;
    kit_assert_done(sys_insn_pushf(kit_cpu, &in));
    assert_int_equal(kit_get(KIT_STACK3 - 2, 2), SYS_RF_IOPL | (uint64_t)X86_IF | SYS_RF_ONE);
    kit_put(KIT_STACK3 - 2, X86_CF, 2);
    kit_assert_done(sys_insn_popf(kit_cpu, &in));
    assert_int_equal(kit_cpu->rflags, X86_CF | (uint64_t)SYS_RF_VM | SYS_RF_ONE);
    in.opsize_prefix = true;
    kit_assert_exception(sys_insn_pushf(kit_cpu, &in), SYS_GP, 0);
}

static void test_hlt_is_for_ring_0(void **state)
{
    (void)state;
    struct sys_insn in = kit_insn();
    assert_int_equal(sys_insn_hlt(kit_cpu, &in), SYS_HALT);
    assert_true(kit_cpu->halted);
    assert_int_equal(kit_cpu->rip, KIT_CODE + 2);
    kit_protected(3);
    kit_assert_exception(sys_insn_hlt(kit_cpu, &in), SYS_GP, 0);
}

#define KIT_TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_syscall_of_64_bit_code),
        KIT_TEST(test_syscall_of_compatibility_mode_goes_to_cstar),
        KIT_TEST(test_syscall_needs_efer_sce),
        KIT_TEST(test_sysret_to_both_sizes),
        KIT_TEST(test_sysret_to_a_non_canonical_address_faults_in_ring_0),
        KIT_TEST(test_sysenter_and_sysexit),
        KIT_TEST(test_sysenter_in_protected_mode_has_32_bits),
        KIT_TEST(test_swapgs),
        KIT_TEST(test_cli_and_sti_obey_iopl),
        KIT_TEST(test_popf_changes_what_the_level_may),
        KIT_TEST(test_pushf_and_popf_of_vm86),
        KIT_TEST(test_hlt_is_for_ring_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
