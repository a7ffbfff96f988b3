/* Single steps over code that is translated already, TF set by an instruction that C
 * executes from within guest code; repeated string instructions between their iterations. */
#include <string.h>

#include "bare.h"

enum { IDT = 0x6000, HANDLER = 0x7000, PASSES = 3, STEPS = 5, OTHERS = 5, ELEMENTS = 4 };

static void put(uint64_t address, uint64_t value, unsigned size)
{
    memcpy(bare_ram + address, &value, size);
}

static void test_each_pass_has_the_same_steps(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0xbb, PASSES,       0,    0,    0,                      /* mov ebx, PASSES */
        0x9c,                                                   /* 1: pushfq */
        0x48, 0x81,         0x0c, 0x24, 0,    1,    0,    0,    /* or qword [rsp], 0x100 */
        0x9d,                                                   /* popfq */
        0x90, 0x90,                                             /* nop; nop */
        0x9c,                                                   /* pushfq */
        0x48, 0x81,         0x24, 0x24, 0xff, 0xfe, 0xff, 0xff, /* and qword [rsp], ~0x100 */
        0x9d,                                                   /* popfq: the last step */
        0x90,                                                   /* nop */
        0xff, 0xcb,                                             /* dec ebx */
        0x75, (uint8_t)-27,                                     /* jnz 1b */
        0xf4,                                                   /* hlt */
    };
    static const uint8_t handler[] = {0x41, 0xff, 0xc6, 0x48, 0xcf}; /* inc r14d; iretq */
    bare_load_bytes(code, sizeof(code));
    memcpy(bare_ram + HANDLER, handler, sizeof(handler));
    put(IDT + 16 * SYS_DB, (uint64_t)HANDLER | 0x08 << 16 | 0x8eULL << 40, 8);
    bare_start_64();
    bare_cpu->idtr = (struct sys_seg){.base = IDT, .limit = 0xfff};
    bare_run();
    assert_int_equal(bare_reg(X86_R14), PASSES * STEPS);
}

/* REP STOSB of ELEMENTS bytes among OTHERS. The handler counts in R14 how often it is called and in
 * R13 how often RF is set in the flags that it finds. It leaves with RF set if it is told so, which
 * is for this one: on with the instruction. */
static void run_string(bool stepping, bool set_rf)
{
    static const uint8_t code[] = {
        0xb9, ELEMENTS, 0,    0,    0,       /* mov ecx, ELEMENTS */
        0xbf, 0,        0x80, 0,    0,       /* mov edi, BARE_RESULTS */
        0xf3, 0xaa,                          /* rep stosb */
        0x9c,                                /* pushfq */
        0x48, 0x0f,     0xba, 0x34, 0x24, 8, /* btr qword [rsp], 8 */
        0x9d,                                /* popfq: the last step */
        0xf4,                                /* hlt */
    };
    uint8_t handler[] = {
        0x41, 0xff, 0xc6,                         /* inc r14d */
        0x48, 0x0f, 0xba, 0x64, 0x24, 0x10, 0x10, /* bt qword [rsp+16], 16 */
        0x41, 0x83, 0xd5, 0x00,                   /* adc r13d, 0 */
        0x48, 0x0f, 0xba, 0x6c, 0x24, 0x10, 0x10, /* bts qword [rsp+16], 16 */
        0x48, 0xcf,                               /* iretq */
    };
    enum { BTS_AT = 14, BTS_SIZE = 7, STRING_AT = 10 };
    if (!set_rf) {
        memset(handler + BTS_AT, 0x90, BTS_SIZE);
    }
    bare_load_bytes(code, sizeof(code));
    memcpy(bare_ram + HANDLER, handler, sizeof(handler));
    bare_start_64();
    bare_set_handler(bare_cpu, SYS_DB, HANDLER);
    if (stepping) {
        bare_cpu->rflags |= X86_TF;
    } else {
        bare_cpu->dr[0] = BARE_LOAD + STRING_AT;
        bare_cpu->dr[7] = 0x401;
    }
    sys_mode_update(bare_cpu);
    bare_run();
    assert_int_equal(bare_reg(X86_RCX), 0);
}

static void test_a_breakpoint_on_a_repeated_string_instruction_is_met_once(void **state)
{
    (void)state;
    run_string(false, true);
    assert_int_equal(bare_reg(X86_R14), 1);
    assert_int_equal(bare_reg(X86_R13), 0);
}

static void test_rf_is_pushed_between_iterations(void **state)
{
    (void)state;
    run_string(true, false);
    assert_int_equal(bare_reg(X86_R14), OTHERS + ELEMENTS);
    assert_int_equal(bare_reg(X86_R13), ELEMENTS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_pass_has_the_same_steps),
        cmocka_unit_test(test_a_breakpoint_on_a_repeated_string_instruction_is_met_once),
        cmocka_unit_test(test_rf_is_pushed_between_iterations),
    };
    return cmocka_run_group_tests(tests, bare_setup, bare_teardown);
}
