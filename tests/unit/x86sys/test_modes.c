/* Payloads that go through the modes of the processor besides plain 64-bit code:
 * virtual-8086 mode, hardware tasks, 16-bit protected mode, compatibility mode, and
 * debugging. */
#include <string.h>

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

/* 16-bit code at offset 0 of a segment with this limit. Returns the vector that ends it, 0:
 * it comes to its HLT. */
static unsigned run_with_limit(uint32_t limit)
{
    bare_cpu->seg[SYS_CS].base = BARE_LOAD;
    bare_cpu->seg[SYS_CS].limit = limit;
    bare_cpu->rip = 0;
    bare_cpu->halted = false;
    bare_cpu->gpr[X86_RAX] = bare_cpu->gpr[X86_RBX] = 0;
    bare_cpu->gpr[X86_RSP] = 0x7000;
    sys_mode_update(bare_cpu);
    bare_run();
    return (unsigned)bare_reg(X86_RBX);
}

static void load_16(const uint8_t *code, size_t size)
{
    enum { HANDLER = 0x7000 };
    static const uint8_t handler[] = {0xb3, SYS_GP, 0xf4}; /* mov bl, 13; hlt */
    static const uint8_t entry[] = {0, 0, HANDLER >> 4 & 0xff, HANDLER >> 12};
    bare_load_bytes(code, size);
    bare_start_real();
    memcpy(bare_ram + HANDLER, handler, sizeof(handler));
    memcpy(bare_ram + 4UL * SYS_GP, entry, sizeof(entry));
}

/* The same bytes at the same place, by way of segments with different limits. */
static void test_code_ends_at_its_segments_limit_whoever_ran_it_before(void **state)
{
    (void)state;
    static const uint8_t line[] = {0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0xf4}; /* inc ax; ...; hlt */
    static const uint8_t jump[] = {0x40, 0xeb, 0x05, 0, 0, 0, 0, 0, 0x40, 0xf4}; /* ... to 8 */
    static const uint8_t turn[] = {0x40, 0xb9, 0x07, 0x00, 0xff, 0xe1, 0, 0x40, 0xf4}; /* jmp cx */
    load_16(line, sizeof(line));
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(run_with_limit(0xffff), 0);
        assert_int_equal(bare_reg(X86_RAX), 6);
        assert_int_equal(run_with_limit(3), SYS_GP);
        assert_int_equal(bare_reg(X86_RAX), 4);
        assert_int_equal(run_with_limit(4), SYS_GP);
        assert_int_equal(bare_reg(X86_RAX), 5);
    }
    load_16(jump, sizeof(jump));
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(run_with_limit(0xffff), 0);
        assert_int_equal(bare_reg(X86_RAX), 2);
        assert_int_equal(run_with_limit(7), SYS_GP);
        assert_int_equal(bare_reg(X86_RAX), 1);
    }
    load_16(turn, sizeof(turn));
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(run_with_limit(0xffff), 0);
        assert_int_equal(bare_reg(X86_RAX), 2);
        assert_int_equal(run_with_limit(6), SYS_GP);
        assert_int_equal(bare_reg(X86_RAX), 1);
    }
}

/* At address 0, where jumps go through the jump cache. */
static void test_flat_code_and_code_with_a_limit_have_their_own_jumps(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0xe8, 0xfb, 0x0f, 0x00, 0x00, /* call a page further on */
        0xf4,                         /* hlt */
    };
    static const uint8_t function[] = {0x40, 0xc3}; /* inc eax; ret */
    static const uint8_t handler[] = {0xb3, SYS_GP, 0xf4};
    enum { HANDLER = 0x7000, IDT = 0x6000 };
    static const uint8_t gate[] = {HANDLER & 0xff, HANDLER >> 8, 0x18, 0, 0, 0x8e, 0, 0};
    bare_load_bytes(code, sizeof(code));
    memcpy(bare_ram + BARE_LOAD + 0x1000, function, sizeof(function));
    memcpy(bare_ram + HANDLER, handler, sizeof(handler));
    memcpy(bare_ram + IDT + 8UL * SYS_GP, gate, sizeof(gate));
    static const uint32_t limits[] = {UINT32_MAX, BARE_LOAD + 0xfff, UINT32_MAX - 0xfff,
                                      BARE_LOAD + 0x1000, UINT32_MAX};
    for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        bare_start_32();
        bare_cpu->idtr = (struct sys_seg){.base = IDT, .limit = 8 * (SYS_GP + 1) - 1};
        bare_cpu->seg[SYS_CS].limit = limits[i];
        bare_cpu->gpr[X86_RAX] = bare_cpu->gpr[X86_RBX] = 0;
        sys_mode_update(bare_cpu);
        bare_run();
        bool whole = limits[i] > BARE_LOAD + 0x1000;
        assert_int_equal(bare_reg(X86_RBX), whole ? 0 : SYS_GP);
        assert_int_equal(bare_reg(X86_RAX), limits[i] != BARE_LOAD + 0xfff);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_virtual_8086_mode_under_a_monitor),
        cmocka_unit_test(test_hardware_tasks),
        cmocka_unit_test(test_16_bit_protected_mode),
        cmocka_unit_test(test_32_bit_programs_under_a_64_bit_kernel),
        cmocka_unit_test(test_single_steps_and_breakpoints),
        cmocka_unit_test(test_code_ends_at_its_segments_limit_whoever_ran_it_before),
        cmocka_unit_test(test_flat_code_and_code_with_a_limit_have_their_own_jumps),
    };
    return cmocka_run_group_tests(tests, bare_setup, bare_teardown);
}
