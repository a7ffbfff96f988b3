/* What banks keep of machine checks, and when #MC or the end follows. */
#include "kit.h"

#include "x86sys/interrupt.h"
#include "x86sys/model.h"
#include "x86sys/msr.h"

#define OVER (1ULL << 62)
#define EN   (1ULL << 60)
#define UC   SYS_MC_UC
#define VAL  SYS_MC_VAL
#define MCIP SYS_MCG_STATUS_MCIP
#define RIPV SYS_MCG_STATUS_RIPV

enum { BANK = 3 };

static uint64_t msr(uint32_t index)
{
    uint64_t value = 0;
    assert_true(sys_msr_read(ops_cpu, index, &value));
    return value;
}

static uint64_t bank(unsigned reg)
{
    return msr(SYS_MSR_MC0_CTL + 4 * BANK + reg);
}

static enum sys_mc_outcome inject(uint64_t status, uint64_t addr)
{
    const struct sys_machine_check mc = {
        .bank = BANK, .status = status, .mcg_status = RIPV | MCIP, .addr = addr, .misc = addr + 1};
    return sys_cpu_machine_check(&ops_cpu->cpu, &mc);
}

static bool pending(void)
{
    return (atomic_load(&ops_cpu->interrupt) & SYS_INT_MCE) != 0;
}

/* Takes it; whether the CPU lives on. */
static bool take(void)
{
    bool alive = true;
    assert_true(pending());
    sys_take_interrupts(ops_cpu, &alive);
    return alive;
}

/* An interrupt gate for #MC, to a handler at OPS_CODE + 0x100. */
static void gate(void)
{
    const uint32_t at = 0x4000, handler = OPS_CODE + 0x100;
    const uint64_t gdt[] = {0, 0x00af9b000000ffffULL, 0x00cf93000000ffffULL};
    const uint32_t low[4] = {(8u << 16) | (handler & 0xffff), (handler & 0xffff0000u) | 0x8e00, 0,
                             0};
    memcpy(ops_ram(at + 16 * SYS_MC), low, sizeof low);
    memcpy(ops_ram(0x5000), gdt, sizeof gdt);
    ops_cpu->idtr = (struct sys_seg){.base = at, .limit = 0xfff};
    ops_cpu->gdtr = (struct sys_seg){.base = 0x5000, .limit = sizeof gdt - 1};
}

static int ready(void **state)
{
    ops_setup(state);
    current_cpu = &ops_cpu->cpu; /* as on its thread */
    ops_long(0);
    gate();
    ops_cpu->cr4 |= SYS_CR4_MCE;
    return 0;
}

static void test_a_corrected_error_is_only_recorded(void **state)
{
    (void)state;
    assert_int_equal(inject(VAL | EN | 0x135, 0x1000), SYS_MC_RECORDED);
    assert_true(bank(1) == (VAL | EN | 0x135));
    assert_int_equal(bank(2), 0x1000);
    assert_int_equal(bank(3), 0x1001);
    assert_int_equal(msr(SYS_MSR_MCG_STATUS), 0);
    assert_false(pending());
}

static void test_a_later_corrected_error_takes_the_place_of_an_earlier_one(void **state)
{
    (void)state;
    inject(VAL | EN | 1, 0x1000);
    inject(VAL | EN | 2, 0x2000);
    assert_true(bank(1) == (VAL | OVER | EN | 2));
    assert_int_equal(bank(2), 0x2000);
}

static void test_a_corrected_error_leaves_an_uncorrected_one_alone(void **state)
{
    (void)state;
    assert_true(sys_msr_write(ops_cpu, SYS_MSR_MCG_CTL, 0));
    inject(VAL | UC | 1, 0x1000);
    assert_int_equal(inject(VAL | 2, 0x2000), SYS_MC_RECORDED);
    assert_true(bank(1) == (VAL | UC | OVER | 1));
    assert_int_equal(bank(2), 0x1000);
}

static void test_an_uncorrected_error_is_written_over_a_corrected_one(void **state)
{
    (void)state;
    inject(VAL | 1, 0x1000);
    assert_int_equal(inject(VAL | UC | EN | 2, 0x2000), SYS_MC_RAISED);
    assert_true(bank(1) == (VAL | OVER | UC | EN | 2));
    assert_int_equal(bank(2), 0x2000);
}

static void test_an_uncorrected_error_raises_vector_18(void **state)
{
    (void)state;
    uint64_t sp = ops_cpu->gpr[X86_RSP];
    ops_cpu->halted = true;
    assert_int_equal(inject(VAL | UC | EN | 7, 0x1000), SYS_MC_RAISED);
    assert_int_equal(msr(SYS_MSR_MCG_STATUS), RIPV | MCIP);
    assert_true(sys_interrupt_pending(ops_cpu));
    assert_true(take());
    assert_int_equal(ops_cpu->rip, OPS_CODE + 0x100);
    assert_false(ops_cpu->halted);
    assert_false(pending());
    /* SS, RSP, RFLAGS, CS, RIP; no error code. */
    assert_int_equal(ops_cpu->gpr[X86_RSP], sp - 40);
}

static void test_mcip_is_set_whatever_was_asked_for(void **state)
{
    (void)state;
    const struct sys_machine_check mc = {.bank = 0, .status = VAL | UC, .mcg_status = RIPV};
    assert_int_equal(sys_cpu_machine_check(&ops_cpu->cpu, &mc), SYS_MC_RAISED);
    assert_int_equal(msr(SYS_MSR_MCG_STATUS), RIPV | MCIP);
}

static void test_a_second_one_while_the_first_is_in_progress_is_the_end(void **state)
{
    (void)state;
    assert_int_equal(inject(VAL | UC | 1, 0x1000), SYS_MC_RAISED);
    assert_true(take());
    assert_int_equal(inject(VAL | UC | 2, 0x2000), SYS_MC_IN_PROGRESS);
    assert_int_equal(bank(2), 0x1000);
    assert_false(take());
    /* A reset forgets it. */
    sys_cpu_reset(&ops_cpu->cpu);
    ops_long(0);
    gate();
    ops_cpu->cr4 |= SYS_CR4_MCE;
    assert_int_equal(inject(VAL | UC | 3, 0x3000), SYS_MC_RAISED);
    assert_true(take());
}

static void test_one_after_the_handler_has_cleared_mcip_is_delivered(void **state)
{
    (void)state;
    assert_int_equal(inject(VAL | UC | 1, 0x1000), SYS_MC_RAISED);
    assert_true(take());
    assert_true(sys_msr_write(ops_cpu, SYS_MSR_MCG_STATUS, 0));
    assert_int_equal(inject(VAL | UC | 2, 0x2000), SYS_MC_RAISED);
    assert_true(take());
}

static void test_without_cr4_mce_it_is_the_end(void **state)
{
    (void)state;
    ops_cpu->cr4 &= ~(uint64_t)SYS_CR4_MCE;
    assert_int_equal(inject(VAL | UC, 0x1000), SYS_MC_NOT_ENABLED);
    assert_false(take());
}

static void test_a_cpu_that_waits_for_a_sipi_is_ended_too(void **state)
{
    (void)state;
    ops_cpu->cr4 = 0;
    ops_cpu->wait_sipi = ops_cpu->halted = true;
    assert_int_equal(inject(VAL | UC, 0x1000), SYS_MC_NOT_ENABLED);
    assert_true(sys_interrupt_pending(ops_cpu));
    assert_false(take());
}

static void test_what_is_switched_off_is_recorded_without_en(void **state)
{
    (void)state;
    assert_true(sys_msr_write(ops_cpu, SYS_MSR_MC0_CTL + 4 * BANK, 0));
    assert_int_equal(inject(VAL | UC | EN | 1, 0x1000), SYS_MC_MASKED);
    assert_true(bank(1) == (VAL | UC | 1));
    assert_false(pending());
    assert_true(sys_msr_write(ops_cpu, SYS_MSR_MC0_CTL + 4 * BANK, UINT64_MAX));
    assert_true(sys_msr_write(ops_cpu, SYS_MSR_MC0_CTL + 4 * BANK + 1, 0));
    assert_true(sys_msr_write(ops_cpu, SYS_MSR_MCG_CTL, 0));
    assert_int_equal(inject(VAL | UC | EN | 1, 0x1000), SYS_MC_MASKED);
    assert_int_equal(msr(SYS_MSR_MCG_STATUS), 0);
}

static void test_there_are_as_many_banks_as_mcg_cap_says(void **state)
{
    (void)state;
    unsigned banks = msr(SYS_MSR_MCG_CAP) & 0xff;
    uint64_t value;
    assert_true(sys_msr_read(ops_cpu, SYS_MSR_MC0_CTL + 4 * banks - 1, &value));
    assert_false(sys_msr_read(ops_cpu, SYS_MSR_MC0_CTL + 4 * banks, &value));
    struct sys_machine_check mc = {.bank = banks, .status = VAL};
    assert_int_equal(sys_cpu_machine_check(&ops_cpu->cpu, &mc), SYS_MC_NOT_THERE);
    mc.bank--;
    assert_int_equal(sys_cpu_machine_check(&ops_cpu->cpu, &mc), SYS_MC_RECORDED);
}

static void test_software_recovery_is_intel_s(void **state)
{
    (void)state;
    ops_model("kvm64");
    assert_int_equal(msr(SYS_MSR_MCG_CAP), SYS_MC_BANKS | 1 << 8 | 1 << 24);
    ops_model("qemu64");
    assert_int_equal(msr(SYS_MSR_MCG_CAP), SYS_MC_BANKS | 1 << 8);
}

static void test_without_the_feature_there_is_nothing(void **state)
{
    (void)state;
    uint64_t value = 0;
    ops_model("max,-mca,-mce");
    assert_false(sys_cpuid(ops_cpu, 1, 0).edx & (1u << 7 | 1u << 14));
    assert_int_equal(inject(VAL, 0), SYS_MC_NOT_THERE);
    assert_false(sys_msr_read(ops_cpu, SYS_MSR_MCG_CAP, &value));
    assert_false(sys_msr_write(ops_cpu, SYS_MSR_MC0_CTL, 0));
    ops_model("max");
    assert_int_equal(sys_cpuid(ops_cpu, 1, 0).edx & (1u << 7 | 1u << 14), 1u << 7 | 1u << 14);
}

static int done(void **state)
{
    current_cpu = NULL;
    return ops_teardown(state);
}

#define MC_TEST(name) cmocka_unit_test_setup_teardown(name, ready, done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MC_TEST(test_a_corrected_error_is_only_recorded),
        MC_TEST(test_a_later_corrected_error_takes_the_place_of_an_earlier_one),
        MC_TEST(test_a_corrected_error_leaves_an_uncorrected_one_alone),
        MC_TEST(test_an_uncorrected_error_is_written_over_a_corrected_one),
        MC_TEST(test_an_uncorrected_error_raises_vector_18),
        MC_TEST(test_mcip_is_set_whatever_was_asked_for),
        MC_TEST(test_a_second_one_while_the_first_is_in_progress_is_the_end),
        MC_TEST(test_one_after_the_handler_has_cleared_mcip_is_delivered),
        MC_TEST(test_without_cr4_mce_it_is_the_end),
        MC_TEST(test_a_cpu_that_waits_for_a_sipi_is_ended_too),
        MC_TEST(test_what_is_switched_off_is_recorded_without_en),
        MC_TEST(test_there_are_as_many_banks_as_mcg_cap_says),
        MC_TEST(test_software_recovery_is_intel_s),
        MC_TEST(test_without_the_feature_there_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
