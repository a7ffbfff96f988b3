/* Control and debug registers: what may be written, what follows. */
#include "kit.h"

#include "x86sys/ops.h"

#define CR0_PG ((uint64_t)SYS_CR0_PG)

static void test_cr0_refuses_what_cannot_be(void **state)
{
    (void)state;
    ops_flat32();
    uint64_t before = ops_cpu->cr0;
    assert_false(sys_cr0_set(ops_cpu, CR0_PG));                  /* without PE */
    assert_false(sys_cr0_set(ops_cpu, SYS_CR0_PE | SYS_CR0_NW)); /* without CD */
    assert_false(sys_cr0_set(ops_cpu, SYS_CR0_PE | 1ULL << 32));
    assert_int_equal(ops_cpu->cr0, before);
    assert_true(sys_cr0_set(ops_cpu, SYS_CR0_PE | SYS_CR0_NE | SYS_CR0_WP));
    assert_true(ops_cpu->cr0 & SYS_CR0_ET);
}

static void test_long_mode_begins_with_paging(void **state)
{
    (void)state;
    ops_flat32();
    ops_cpu->efer = SYS_EFER_LME;
    assert_false(sys_cr0_set(ops_cpu, SYS_CR0_PE | CR0_PG)); /* without PAE */
    assert_true(sys_cr4_set(ops_cpu, SYS_CR4_PAE));
    assert_true(sys_cr0_set(ops_cpu, SYS_CR0_PE | CR0_PG));
    assert_true(ops_cpu->efer & SYS_EFER_LMA);
    assert_false(sys_cr4_set(ops_cpu, 0));
    assert_true(sys_cr0_set(ops_cpu, SYS_CR0_PE)); /* from compatibility mode */
    assert_false(ops_cpu->efer & SYS_EFER_LMA);
}

static void test_paging_stays_on_in_64_bit_code(void **state)
{
    (void)state;
    ops_long(0);
    assert_false(sys_cr0_set(ops_cpu, SYS_CR0_PE));
    assert_true(ops_cpu->cr0 & CR0_PG);
}

static void test_cr4_takes_what_the_model_has(void **state)
{
    (void)state;
    ops_model("x86-64-v1");
    ops_flat32();
    assert_false(sys_cr4_set(ops_cpu, SYS_CR4_SMEP));
    assert_false(sys_cr4_set(ops_cpu, SYS_CR4_FSGSBASE));
    assert_false(sys_cr4_set(ops_cpu, SYS_CR4_OSXSAVE));
    assert_false(sys_cr4_set(ops_cpu, 1 << 13)); /* VMXE */
    assert_true(sys_cr4_set(ops_cpu, SYS_CR4_PAE | SYS_CR4_PGE | SYS_CR4_OSFXSR));
}

static void test_pcid_needs_long_mode_and_a_clean_cr3(void **state)
{
    (void)state;
    ops_flat32();
    assert_false(sys_cr4_set(ops_cpu, SYS_CR4_PCIDE));
    ops_long(0);
    ops_cpu->cr3 |= 1 << 3;
    assert_false(sys_cr4_set(ops_cpu, ops_cpu->cr4 | SYS_CR4_PCIDE));
    ops_cpu->cr3 &= ~0xfffULL;
    assert_true(sys_cr4_set(ops_cpu, ops_cpu->cr4 | SYS_CR4_PCIDE));
    uint64_t cr3 = ops_cpu->cr3;
    assert_true(sys_cr3_set(ops_cpu, cr3 | 5 | 1ULL << 63));
    assert_int_equal(ops_cpu->cr3, cr3 | 5);
}

static void test_cr3_beyond_physical_memory_is_refused(void **state)
{
    (void)state;
    ops_long(0);
    assert_false(sys_cr3_set(ops_cpu, 1ULL << 50));
    assert_false(sys_cr3_set(ops_cpu, ops_cpu->cr3 | 1ULL << 63)); /* no PCIDs */
}

static void test_pae_directory_is_checked_with_cr3(void **state)
{
    (void)state;
    ops_flat32();
    assert_true(sys_cr4_set(ops_cpu, SYS_CR4_PAE));
    memset(ops_ram(0x9000), 0, 64);
    assert_true(sys_cr3_set(ops_cpu, 0x9000));
    assert_true(sys_cr0_set(ops_cpu, SYS_CR0_PE | CR0_PG));
    *ops_ram(0xa000) = 0x07; /* reserved bits of a present entry */
    assert_false(sys_cr3_set(ops_cpu, 0xa000));
    assert_int_equal(ops_cpu->cr3, 0x9000);
}

static void test_user_code_may_not(void **state)
{
    (void)state;
    ops_long(3);
    ops_assert_fault(OPS("\x0f\x20\xc0"), SYS_GP); /* mov rax, cr0 */
    ops_assert_fault(OPS("\x0f\x22\xd8"), SYS_GP); /* mov cr3, rax */
    ops_assert_fault(OPS("\x0f\x21\xf8"), SYS_GP); /* mov rax, dr7 */
    ops_assert_fault(OPS("\x0f\x06"), SYS_GP);     /* clts */
    ops_assert_fault(OPS("\x0f\x01\x38"), SYS_GP); /* invlpg [rax] */
    ops_assert_fault(OPS("\x0f\x09"), SYS_GP);     /* wbinvd */
    ops_assert_fault(OPS("\x0f\x01\xca"), SYS_UD); /* clac */
    ops_cpu->cr4 |= SYS_CR4_TSD;
    ops_assert_fault(OPS("\x0f\x31"), SYS_GP); /* rdtsc */
    ops_cpu->cr4 |= SYS_CR4_UMIP;
    ops_assert_fault(OPS("\x0f\x01\xe0"), SYS_GP); /* smsw eax */
}

static void test_moves_of_control_registers_are_whole(void **state)
{
    (void)state;
    ops_long(0);
    ops_cpu->cr2 = 0xffff888012345678ULL;
    ops_assert_done(OPS("\x41\x0f\x20\xd1")); /* mov r9, cr2 */
    assert_int_equal(ops_cpu->gpr[X86_R9], 0xffff888012345678ULL);
}

static void test_debug_registers_alias_without_de(void **state)
{
    (void)state;
    ops_long(0);
    ops_cpu->gpr[X86_RAX] = 0;
    ops_assert_done(OPS("\x0f\x23\xe0")); /* mov dr4, rax */
    assert_int_equal(ops_cpu->dr[6], 0xffff0ff0);
    ops_cpu->cr4 |= SYS_CR4_DE;
    ops_assert_fault(OPS("\x0f\x23\xe0"), SYS_UD);
    ops_cpu->gpr[X86_RAX] = 1ULL << 32;
    ops_assert_fault(OPS("\x0f\x23\xf8"), SYS_GP);
    ops_cpu->dr[7] |= 1 << 13;
    ops_assert_fault(OPS("\x0f\x21\xc0"), SYS_DB);
}

/* RF is the flag of one instruction, which clears it; here that is first seen when
 * breakpoints are switched on. */
static void test_a_breakpoint_behind_a_move_to_dr7_is_met(void **state)
{
    (void)state;
    ops_long(0);
    ops_cpu->rflags |= X86_RF;
    ops_cpu->dr[0] = OPS_CODE + 3;
    ops_cpu->gpr[X86_RAX] = 1;
    ops_assert_done(OPS("\x0f\x23\xf8"));
    assert_false(sys_debug_check(ops_cpu, ops_cpu->rip, 1, SYS_FETCH));
}

static void test_xcr0_takes_sets_that_exist(void **state)
{
    (void)state;
    ops_long(0);
    ops_cpu->gpr[X86_RCX] = 0;
    ops_cpu->gpr[X86_RDX] = 0;
    ops_cpu->gpr[X86_RAX] = 3;
    ops_assert_fault(OPS("\x0f\x01\xd1"), SYS_UD);
    assert_true(sys_cr4_set(ops_cpu, ops_cpu->cr4 | SYS_CR4_OSXSAVE));
    ops_assert_done(OPS("\x0f\x01\xd1"));
    assert_int_equal(ops_cpu->xcr0, 3);
    static const uint64_t bad[] = {0, 2, 5, 0x23, 0x67, 0xe3, 1ULL << 62 | 1};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ops_cpu->gpr[X86_RAX] = (uint32_t)bad[i];
        ops_cpu->gpr[X86_RDX] = bad[i] >> 32;
        ops_assert_fault(OPS("\x0f\x01\xd1"), SYS_GP);
    }
}

static void test_invpcid_checks_its_descriptor(void **state)
{
    (void)state;
    ops_long(0);
    ops_cpu->gpr[X86_RBX] = OPS_DATA;
    ops_cpu->gpr[X86_RAX] = 2;
    ops_assert_done(OPS("\x66\x0f\x38\x82\x03"));
    ops_cpu->rip = OPS_CODE;
    ops_cpu->gpr[X86_RAX] = 4;
    ops_assert_fault(OPS("\x66\x0f\x38\x82\x03"), SYS_GP);
    ops_cpu->gpr[X86_RAX] = 1;
    *ops_data(OPS_DATA) = 1; /* a PCID without CR4.PCIDE */
    ops_assert_fault(OPS("\x66\x0f\x38\x82\x03"), SYS_GP);
    ops_page(0, 0);
    ops_assert_fault(OPS("\x66\x0f\x38\x82\x03"), SYS_PF);
}

static void test_fsgsbase_works_when_on(void **state)
{
    (void)state;
    ops_long(3);
    ops_cpu->gpr[X86_RAX] = 0x123456789000;
    ops_assert_fault(OPS("\xf3\x48\x0f\xae\xd0"), SYS_UD); /* wrfsbase rax */
    ops_cpu->cr4 |= SYS_CR4_FSGSBASE;
    ops_assert_done(OPS("\xf3\x48\x0f\xae\xd0"));
    assert_int_equal(ops_cpu->seg[SYS_FS].base, 0x123456789000);
    ops_assert_done(OPS("\xf3\x0f\xae\xc3")); /* rdfsbase ebx */
    assert_int_equal(ops_cpu->gpr[X86_RBX], 0x56789000);
    ops_cpu->gpr[X86_RAX] = 1ULL << 63;
    ops_assert_fault(OPS("\xf3\x48\x0f\xae\xd8"), SYS_GP); /* wrgsbase rax */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, ops_setup, ops_teardown)
    const struct CMUnitTest tests[] = {
        T(test_cr0_refuses_what_cannot_be),
        T(test_long_mode_begins_with_paging),
        T(test_paging_stays_on_in_64_bit_code),
        T(test_cr4_takes_what_the_model_has),
        T(test_pcid_needs_long_mode_and_a_clean_cr3),
        T(test_cr3_beyond_physical_memory_is_refused),
        T(test_pae_directory_is_checked_with_cr3),
        T(test_user_code_may_not),
        T(test_moves_of_control_registers_are_whole),
        T(test_debug_registers_alias_without_de),
        T(test_a_breakpoint_behind_a_move_to_dr7_is_met),
        T(test_xcr0_takes_sets_that_exist),
        T(test_invpcid_checks_its_descriptor),
        T(test_fsgsbase_works_when_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
