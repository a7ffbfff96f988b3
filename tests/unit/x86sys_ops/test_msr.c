/* Which values MSRs take, and that the others are refused with nothing changed. */
#include "kit.h"

#include "x86sys/msr.h"

#define EFER   SYS_MSR_EFER
#define NONCAN 0x0000800000000000ULL

struct rule {
    const char *model;
    uint32_t msr;
    uint64_t value;
    bool good;
};

static const struct rule rules[] = {
    {"max", EFER, SYS_EFER_SCE | SYS_EFER_NXE | SYS_EFER_LME, true},
    {"max", EFER, 1 << 12, false}, /* SVME */
    {"max", EFER, 1 << 1, false},
    {"max,-nx", EFER, SYS_EFER_NXE, false},
    {"max,-lm", EFER, SYS_EFER_LME, false},
    {"max", SYS_MSR_LSTAR, 0xffff800000000000ULL, true},
    {"max", SYS_MSR_LSTAR, NONCAN, false},
    {"max", SYS_MSR_FS_BASE, NONCAN, false},
    {"max", SYS_MSR_KERNEL_GS_BASE, NONCAN, false},
    {"max", SYS_MSR_SYSENTER_EIP, NONCAN, false},
    {"max", SYS_MSR_PAT, 0x0007010600070106ULL, true},
    {"max", SYS_MSR_PAT, 0x0007010600070206ULL, false},
    {"max", SYS_MSR_PAT, 0x0007010600070108ULL, false},
    {"max", SYS_MSR_TSC_AUX, 0xffffffff, true},
    {"max", SYS_MSR_TSC_AUX, 1ULL << 32, false},
    {"max,-rdtscp,-rdpid", SYS_MSR_TSC_AUX, 0, false},
    {"max", SYS_MSR_MTRR_DEF_TYPE, 0xc06, true},
    {"max", SYS_MSR_MTRR_DEF_TYPE, 0xc02, false},
    {"max", SYS_MSR_MTRR_DEF_TYPE, 0x100c06, false},
    {"max", 0x200, 0x80000006, true},
    {"max", 0x200, 0x80000002, false},
    {"max", 0x200, 1ULL << 40, false},
    {"max", 0x201, 0xff80000800, true},
    {"max", 0x201, 0xff80000801, false},
    {"max", 0x250, 0x0606060606060606ULL, true},
    {"max", 0x26f, 0x0606060606060602ULL, false},
    {"max", SYS_MSR_MTRR_CAP, 0, false},
    {"max", SYS_MSR_MCG_CAP, 0, false},
    {"max", SYS_MSR_MCG_CTL, UINT64_MAX, true},
    {"max", SYS_MSR_MCG_CTL, 5, false},
    {"max", SYS_MSR_MC0_CTL, UINT64_MAX, true},
    {"max", SYS_MSR_MC0_CTL, 0x1234, false},
    {"max", SYS_MSR_MC0_CTL + 1, 0, true},
    {"max", SYS_MSR_MC0_CTL + 1, 1, false},
    {"max", SYS_MSR_ARCH_CAPABILITIES, 0, false},
    {"kvm64", SYS_MSR_SPEC_CTRL, 7, true},
    {"kvm64", SYS_MSR_SPEC_CTRL, 8, false},
    {"kvm64", SYS_MSR_PRED_CMD, 1, true},
    {"kvm64", SYS_MSR_PRED_CMD, 2, false},
    {"max", SYS_MSR_DEBUGCTL, 3, true},
    {"max", SYS_MSR_DEBUGCTL, 1 << 16, false},
    {"x86-64-v2", 0x10b, 1, false},                /* FLUSH_CMD: no model has it in CPUID */
    {"max", SYS_MSR_APIC_BASE, 0xfee00900, false}, /* there is no APIC here */
    {"max", 0x12345678, 0, false},
    {"max", 0xc0001234, 0, false},
};

static void test_values_are_taken_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct rule *r = &rules[i];
        ops_model(r->model);
        uint64_t before = 0, after = 0;
        bool readable = sys_msr_read(ops_cpu, r->msr, &before);
        if (sys_msr_write(ops_cpu, r->msr, r->value) != r->good) {
            fail_msg("%s: MSR %x %s %llx", r->model, r->msr, r->good ? "refuses" : "takes",
                     (unsigned long long)r->value);
        }
        if (!r->good && readable) {
            assert_true(sys_msr_read(ops_cpu, r->msr, &after));
            assert_int_equal(before, after);
        }
    }
}

/* An APIC that has all modes and all registers. */

static bool apic_set_base(void *apic, uint64_t value)
{
    (void)apic;
    (void)value;
    return true;
}

static bool apic_read_msr(void *apic, uint32_t msr, uint64_t *value)
{
    (void)apic;
    (void)msr;
    *value = 0;
    return true;
}

static bool apic_write_msr(void *apic, uint32_t msr, uint64_t value)
{
    (void)apic;
    (void)msr;
    (void)value;
    return true;
}

static const struct sys_apic_ops apic_ops = {
    .set_base = apic_set_base, .read_msr = apic_read_msr, .write_msr = apic_write_msr};

static void test_apic_modes_are_those_that_cpuid_shows(void **state)
{
    static const struct {
        const char *model;
        bool x2apic, deadline;
    } models[] = {
        {"max", true, true}, {"max,-x2apic", false, true}, {"max,-tsc-deadline", true, false}};
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        uint64_t value;
        ops_model(models[i].model);
        ops_cpu->apic_ops = &apic_ops;
        assert_true(sys_msr_write(ops_cpu, SYS_MSR_APIC_BASE, 0xfee00900));
        assert_int_equal(sys_msr_write(ops_cpu, SYS_MSR_APIC_BASE, 0xfee00d00), models[i].x2apic);
        assert_int_equal(sys_msr_write(ops_cpu, SYS_MSR_TSC_DEADLINE, 1), models[i].deadline);
        assert_int_equal(sys_msr_read(ops_cpu, SYS_MSR_TSC_DEADLINE, &value), models[i].deadline);
    }
}

static void test_what_is_written_is_read_back(void **state)
{
    (void)state;
    static const uint32_t msrs[] = {SYS_MSR_STAR,        SYS_MSR_LSTAR,          SYS_MSR_CSTAR,
                                    SYS_MSR_FS_BASE,     SYS_MSR_GS_BASE,        SYS_MSR_TSC_AUX,
                                    SYS_MSR_SYSENTER_CS, SYS_MSR_KERNEL_GS_BASE, 0x200,
                                    SYS_MSR_SFMASK,      SYS_MSR_SYSENTER_ESP};
    for (size_t i = 0; i < sizeof msrs / sizeof msrs[0]; i++) {
        uint64_t value = 0x10000000 + 0x1000 * i, back = 0;
        assert_true(sys_msr_write(ops_cpu, msrs[i], value));
        assert_true(sys_msr_read(ops_cpu, msrs[i], &back));
        assert_int_equal(back, value);
    }
}

static void test_debugctl_does_not_promise_what_it_does_not_do(void **state)
{
    (void)state;
    uint64_t back = 1;
    assert_true(sys_msr_write(ops_cpu, SYS_MSR_DEBUGCTL, 3));
    assert_true(sys_msr_read(ops_cpu, SYS_MSR_DEBUGCTL, &back));
    assert_int_equal(back, 0);
}

static void test_lme_stays_while_paging(void **state)
{
    (void)state;
    ops_long(0);
    assert_false(sys_msr_write(ops_cpu, EFER, 0));
    assert_true(sys_msr_write(ops_cpu, EFER, SYS_EFER_LME));
    assert_true(ops_cpu->efer & SYS_EFER_LMA);
}

static void test_the_tsc_and_its_adjustment_move_together(void **state)
{
    (void)state;
    uint64_t now, adjust;
    assert_true(sys_msr_write(ops_cpu, SYS_MSR_TSC, 1000));
    assert_true(sys_msr_read(ops_cpu, SYS_MSR_TSC, &now));
    assert_true(now >= 1000 && now < 1000 + sys_tsc_hz() * 60);
    assert_true(sys_msr_read(ops_cpu, SYS_MSR_TSC_ADJUST, &adjust));
    assert_true((int64_t)adjust < 0);
    assert_true(sys_msr_write(ops_cpu, SYS_MSR_TSC_ADJUST, adjust + (1ULL << 50)));
    assert_true(sys_msr_read(ops_cpu, SYS_MSR_TSC, &now));
    assert_true(now >= 1ULL << 50);
}

static void test_deadlines_lie_where_the_clock_will_be(void **state)
{
    (void)state;
    struct cpu *c = &ops_cpu->cpu;
    uint64_t now = sys_cpu_tsc(c);
    int64_t a = sys_cpu_tsc_to_ns(c, now + sys_tsc_hz() * 1000);
    int64_t b = sys_cpu_tsc_to_ns(c, now + sys_tsc_hz() * 2000);
    assert_in_range((b - a) / 1000000000, 940, 1000);
    assert_int_equal(sys_cpu_tsc_to_ns(c, UINT64_MAX), INT64_MAX);
    assert_true(sys_msr_write(ops_cpu, SYS_MSR_TSC, 1ULL << 63));
    assert_int_equal(sys_cpu_tsc_to_ns(c, UINT64_MAX - 1), INT64_MAX);
    assert_int_equal(sys_cpu_tsc_to_ns(c, 1), 0);
}

static void test_rdmsr_is_for_the_kernel(void **state)
{
    (void)state;
    ops_long(3);
    ops_cpu->gpr[X86_RCX] = EFER;
    ops_assert_fault(OPS("\x0f\x32"), SYS_GP);
    ops_assert_fault(OPS("\x0f\x30"), SYS_GP);
    ops_long(0);
    ops_cpu->gpr[X86_RCX] = EFER;
    ops_cpu->gpr[X86_RDX] = UINT64_MAX;
    ops_assert_done(OPS("\x0f\x32"));
    assert_int_equal(ops_cpu->gpr[X86_RAX], SYS_EFER_LME | SYS_EFER_LMA);
    assert_int_equal(ops_cpu->gpr[X86_RDX], 0);
    assert_int_equal(ops_cpu->rip, OPS_CODE + 2);
}

static void test_a_guest_needs_no_page_table_isolation(void **state)
{
    (void)state;
    uint64_t caps;
    ops_model("x86-64-v2");
    assert_true(sys_msr_read(ops_cpu, SYS_MSR_ARCH_CAPABILITIES, &caps));
    assert_true(caps & 1);      /* RDCL_NO */
    assert_true(caps & 1 << 5); /* MDS_NO */
    assert_true(caps & 1 << 1); /* IBRS_ALL */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, ops_setup, ops_teardown)
    const struct CMUnitTest tests[] = {
        T(test_values_are_taken_or_refused),
        T(test_apic_modes_are_those_that_cpuid_shows),
        T(test_what_is_written_is_read_back),
        T(test_debugctl_does_not_promise_what_it_does_not_do),
        T(test_lme_stays_while_paging),
        T(test_the_tsc_and_its_adjustment_move_together),
        T(test_deadlines_lie_where_the_clock_will_be),
        T(test_rdmsr_is_for_the_kernel),
        T(test_a_guest_needs_no_page_table_isolation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
