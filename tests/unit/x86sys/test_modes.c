/* Payloads that go through the modes of the processor besides plain 64-bit code:
 * virtual-8086 mode, hardware tasks, 16-bit protected mode, compatibility mode, and
 * debugging. */
#include "bare.h"

static void run(const char *name, void (*start)(void))
{
    bare_load(name);
    start();
    bare_run();
    assert_int_equal(bare_reg(X86_RAX), 0x600d);
}

static void test_virtual_8086_mode_under_a_monitor(void **state)
{
    (void)state;
    /* First opcode bytes: with IOPL 0 CLI, STI, PUSHF and INT trap, with IOPL 3 only
     * INT arrives; both: the limit, MOV from CR0, LAR, HLT. */
    static const uint8_t seen[] = {0xfa, 0xfb, 0x9c, 0xcd, 0xa1, 0x67, 0x0f, 0x0f,
                                   0xf4, 0xee, 0x21, 0xa1, 0x67, 0x0f, 0x0f, 0xf4};
    run("vm86", bare_start_32);
    for (unsigned i = 0; i < sizeof(seen); i++) {
        assert_int_equal(bare_read(BARE_RESULTS + i, 1), seen[i]);
    }
    assert_int_equal(bare_reg(X86_RBX), SYS_RF_IOPL | (uint64_t)X86_IF | SYS_RF_ONE);
}

static void test_hardware_tasks(void **state)
{
    (void)state;
    run("tasks", bare_start_32);
}

struct fault {
    uint8_t vector;
    uint16_t error;
};

static void test_16_bit_protected_mode(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {SYS_GP, 0},  {SYS_GP, 0},    {SYS_GP, 0x10}, {SYS_NP, 0x50}, {SYS_GP, 0},
        {SYS_SSF, 0}, {SYS_GP, 0x28}, {SYS_GP, 0x28}, {SYS_GP, 0},
    };
    run("prot16", bare_start_32);
    for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        assert_int_equal(bare_read(BARE_RESULTS + 4 * i, 2), faults[i].vector);
        assert_int_equal(bare_read(BARE_RESULTS + 4 * i + 2, 2), faults[i].error);
    }
}

static void test_32_bit_programs_under_a_64_bit_kernel(void **state)
{
    (void)state;
    run("compat", bare_start_64);
}

static void test_single_steps_and_breakpoints(void **state)
{
    (void)state;
    run("debug64", bare_start_64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_virtual_8086_mode_under_a_monitor),
        cmocka_unit_test(test_hardware_tasks),
        cmocka_unit_test(test_16_bit_protected_mode),
        cmocka_unit_test(test_32_bit_programs_under_a_64_bit_kernel),
        cmocka_unit_test(test_single_steps_and_breakpoints),
    };
    return cmocka_run_group_tests(tests, bare_setup, bare_teardown);
}
