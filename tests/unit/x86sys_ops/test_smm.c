/* System management mode: there and back. */
#include "kit.h"

#include "x86sys/system_insns.h"

#define AREA (0x30000 + 0xfe00)

static uint64_t area(unsigned at, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, ops_ram(AREA + at), size);
    return value;
}

static void area_put(unsigned at, uint64_t value, unsigned size)
{
    memcpy(ops_ram(AREA + at), &value, size);
}

static void test_a_round_trip_changes_nothing(void **state)
{
    (void)state;
    ops_long(3);
    for (unsigned i = 0; i < X86_GPRS; i++) {
        ops_cpu->gpr[i] = 0x1111111111111111ULL * i;
    }
    ops_cpu->rflags = 0x246;
    ops_cpu->seg[SYS_GS].base = 0xffff888000001000ULL;
    static struct sys_cpu before;
    memcpy(&before, ops_cpu, offsetof(struct sys_cpu, tlb));

    sys_smm_enter(ops_cpu);
    assert_true(ops_cpu->in_smm);
    assert_int_equal(ops_cpu->rip, 0x8000);
    assert_int_equal(ops_cpu->seg[SYS_CS].base, 0x30000);
    assert_int_equal(ops_cpu->seg[SYS_CS].selector, 0x3000);
    assert_int_equal(ops_cpu->cr0 & 1, 0);
    assert_int_equal(ops_cpu->efer, 0);
    assert_true(ops_cpu->nmi_blocked);
    assert_int_equal(area(0xfc, 4), 0x20064);
    assert_int_equal(area(0x1f8, 8), before.gpr[X86_RAX]);
    assert_int_equal(area(0x180, 8), before.gpr[X86_R15]);
    assert_int_equal(area(0x178, 8), before.rip);

    ops_cpu->gpr[X86_RAX] = 0;
    ops_assert_done(OPS("\x0f\xaa"));
    assert_false(ops_cpu->in_smm);
    assert_false(ops_cpu->nmi_blocked);
    assert_memory_equal(ops_cpu->gpr, before.gpr, sizeof before.gpr);
    assert_memory_equal(ops_cpu->seg, before.seg, sizeof before.seg);
    assert_int_equal(ops_cpu->rip, before.rip);
    assert_int_equal(ops_cpu->rflags, before.rflags);
    assert_int_equal(ops_cpu->cr0, before.cr0);
    assert_int_equal(ops_cpu->cr3, before.cr3);
    assert_int_equal(ops_cpu->cr4, before.cr4);
    assert_int_equal(ops_cpu->efer, before.efer);
    assert_int_equal(ops_cpu->mode, before.mode);
}

static void test_rsm_goes_back_to_hlt_unless_the_handler_says_no(void **state)
{
    (void)state;
    ops_flat32();
    assert_int_equal(OPS("\xf4"), SYS_HALT);
    const uint64_t behind = ops_cpu->rip;
    sys_smm_enter(ops_cpu);
    assert_false(ops_cpu->halted);
    assert_int_equal(area(0xc8, 2), 1 << 8); /* no port instruction; HLT */
    assert_int_equal(OPS("\x0f\xaa"), SYS_HALT);
    assert_true(ops_cpu->halted);
    assert_int_equal(ops_cpu->rip, behind);
    sys_smm_enter(ops_cpu);
    area_put(0xc9, 0, 1);
    ops_assert_done(OPS("\x0f\xaa"));
    assert_false(ops_cpu->halted);
    assert_int_equal(ops_cpu->rip, behind);
}

static void test_smbase_moves_at_rsm(void **state)
{
    (void)state;
    ops_flat32();
    sys_smm_enter(ops_cpu);
    area_put(0x100, 0x50000, 4);
    ops_assert_done(OPS("\x0f\xaa"));
    assert_int_equal(ops_cpu->smbase, 0x50000);
    sys_smm_enter(ops_cpu);
    assert_int_equal(ops_cpu->seg[SYS_CS].base, 0x50000);
}

static void test_rsm_is_for_smm(void **state)
{
    (void)state;
    ops_long(0);
    ops_assert_fault(OPS("\x0f\xaa"), SYS_UD);
}

static void test_a_bad_save_area_makes_a_state_that_exists(void **state)
{
    (void)state;
    ops_flat32();
    sys_smm_enter(ops_cpu);
    for (unsigned at = 0; at < 0x200; at += 8) {
        area_put(at, UINT64_MAX, 8);
    }
    assert_int_equal(OPS("\x0f\xaa"), SYS_HALT);
    assert_int_equal(ops_cpu->cr3 >> 52, 0);
    assert_int_equal(ops_cpu->cr4 & 1 << 13, 0);
    assert_int_equal(ops_cpu->rflags & SYS_RF_VM, 0);
    assert_true(ops_cpu->efer & SYS_EFER_LMA);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, ops_setup, ops_teardown)
    const struct CMUnitTest tests[] = {
        T(test_a_round_trip_changes_nothing),
        T(test_rsm_goes_back_to_hlt_unless_the_handler_says_no),
        T(test_smbase_moves_at_rsm),
        T(test_rsm_is_for_smm),
        T(test_a_bad_save_area_makes_a_state_that_exists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
