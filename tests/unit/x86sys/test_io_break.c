/* Breakpoints on ports (DR7's R/W field 2, with CR4.DE). */
#include "bare.h"

#include <string.h>

enum { PORT = 0x42, ON_IO = 2, ON_ACCESS = 3 };

#define HANDLER_AT 16

/* IN, or INS, from DX, and what its #DB finds: DR6 in RDX, the return address in RAX.
 * Without a #DB, RDX stays what it was. */
static void run_with(const uint8_t *insn, size_t size, unsigned kind, bool de, uint16_t port)
{
    static const uint8_t handler[] = {0x58, 0x0f, 0x21, 0xf2, 0xf4}; /* pop rax; mov rdx, dr6 */
    uint8_t code[HANDLER_AT + sizeof(handler)] = {0};
    memcpy(code, insn, size);
    code[size] = 0xf4;
    memcpy(code + HANDLER_AT, handler, sizeof(handler));
    bare_load_bytes(code, sizeof(code));
    bare_start_64();
    bare_set_handler(bare_cpu, SYS_DB, BARE_LOAD + HANDLER_AT);
    bare_cpu->gpr[X86_RDX] = port;
    bare_cpu->gpr[X86_RDI] = BARE_RESULTS;
    bare_cpu->cr4 |= de ? SYS_CR4_DE : 0;
    bare_cpu->dr[0] = PORT;
    bare_cpu->dr[7] = 0x401 | kind << 16; /* one byte */
    sys_mode_update(bare_cpu);
    bare_run();
}

static void assert_hit(size_t size)
{
    assert_int_equal(bare_reg(X86_RAX), BARE_LOAD + size);
    assert_int_equal(bare_reg(X86_RDX) & 15, 1);
}

static void test_a_breakpoint_on_a_port_traps_behind_the_access(void **state)
{
    (void)state;
    static const uint8_t in_al[] = {0xec}, out_al[] = {0xee}, insb[] = {0x6c};
    run_with(in_al, sizeof(in_al), ON_IO, true, PORT);
    assert_hit(sizeof(in_al));
    run_with(out_al, sizeof(out_al), ON_IO, true, PORT);
    assert_hit(sizeof(out_al));
    run_with(insb, sizeof(insb), ON_IO, true, PORT);
    assert_hit(sizeof(insb));
}

static void test_a_wide_access_that_touches_the_port_counts(void **state)
{
    (void)state;
    static const uint8_t in_eax[] = {0xed};
    run_with(in_eax, sizeof(in_eax), ON_IO, true, PORT - 3);
    assert_hit(sizeof(in_eax));
    run_with(in_eax, sizeof(in_eax), ON_IO, true, PORT + 1);
    assert_int_equal(bare_reg(X86_RDX), PORT + 1);
}

static void test_ports_are_not_memory_to_a_breakpoint(void **state)
{
    (void)state;
    static const uint8_t in_al[] = {0xec}, load[] = {0x8a, 0x04, 0x25, PORT, 0, 0, 0};
    run_with(in_al, sizeof(in_al), ON_ACCESS, true, PORT);
    assert_int_equal(bare_reg(X86_RDX), PORT);
    run_with(load, sizeof(load), ON_IO, true, PORT);
    assert_int_equal(bare_reg(X86_RDX), PORT);
}

static void test_without_debugging_extensions_ports_have_no_breakpoints(void **state)
{
    (void)state;
    static const uint8_t in_al[] = {0xec};
    run_with(in_al, sizeof(in_al), ON_IO, false, PORT);
    assert_int_equal(bare_reg(X86_RDX), PORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_breakpoint_on_a_port_traps_behind_the_access),
        cmocka_unit_test(test_a_wide_access_that_touches_the_port_counts),
        cmocka_unit_test(test_ports_are_not_memory_to_a_breakpoint),
        cmocka_unit_test(test_without_debugging_extensions_ports_have_no_breakpoints),
    };
    return cmocka_run_group_tests(tests, bare_setup, bare_teardown);
}
