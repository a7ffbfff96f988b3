/* Reading the TSC tells the machine that the guest sees time go by. */
#include "bare.h"

#include "exec/cpu.h"

#define SECOND INT64_C(1000000000)

static const uint8_t inline_code[] = {
    0xf9,             /* stc */
    0x0f, 0x31,       /* rdtsc */
    0x0f, 0x92, 0xc1, /* setc cl */
    0xf4,             /* hlt */
};
static const uint8_t c_code[] = {
    0xf9,             /* stc */
    0x0f, 0x01, 0xf9, /* rdtscp */
    0x0f, 0x92, 0xc1, /* setc cl */
    0xf4,             /* hlt */
};

static uint64_t edx_eax(void)
{
    return bare_reg(X86_RDX) << 32 | bare_reg(X86_RAX);
}

/* Runs to HLT. The requests that guest code was left for before. */
static unsigned run(const uint8_t *code, size_t size)
{
    struct cpu *cpu = &bare_cpu->cpu;
    uint64_t before = sys_cpu_tsc(cpu);
    unsigned requests = 0;

    bare_load_bytes(code, size);
    bare_start_64();
    while (sys_cpu_exec(cpu) == SYS_EXIT_REQUEST) {
        requests |= atomic_exchange(&cpu->exit_request, 0);
    }
    assert_true(bare_cpu->halted);
    assert_in_range(edx_eax(), before, sys_cpu_tsc(cpu));
    assert_int_equal(bare_reg(X86_RCX) & 0xff, 1);
    return requests;
}

static void test_a_read_past_the_time_that_was_set_is_a_request(void **state)
{
    (void)state;
    sys_cpu_watch_clock(&bare_cpu->cpu, 0);
    assert_int_equal(run(inline_code, sizeof(inline_code)), CPU_EXIT_CLOCK);
    assert_int_equal(run(c_code, sizeof(c_code)), CPU_EXIT_CLOCK);
}

static void test_a_read_before_it_is_none(void **state)
{
    (void)state;
    /* A read that comes a second late, on a busy machine, is no failure. */
    for (int tries = 0; tries < 10; tries++) {
        sys_cpu_watch_clock(&bare_cpu->cpu, SECOND);
        if (run(inline_code, sizeof(inline_code)) == 0 && run(c_code, sizeof(c_code)) == 0) {
            return;
        }
    }
    fail_msg("each read was a request");
}

static void test_a_vcpu_that_was_never_told_makes_none(void **state)
{
    (void)state;
    assert_int_equal(run(inline_code, sizeof(inline_code)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_vcpu_that_was_never_told_makes_none),
        cmocka_unit_test(test_a_read_past_the_time_that_was_set_is_a_request),
        cmocka_unit_test(test_a_read_before_it_is_none),
    };

    return cmocka_run_group_tests(tests, bare_setup, bare_teardown);
}
