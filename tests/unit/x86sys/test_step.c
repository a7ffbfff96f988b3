/* Single steps over code that is translated already, TF set by an instruction that C
 * executes from within guest code. */
#include <string.h>

#include "bare.h"

enum { IDT = 0x6000, HANDLER = 0x7000, PASSES = 3, STEPS = 5 };

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_pass_has_the_same_steps),
    };
    return cmocka_run_group_tests(tests, bare_setup, bare_teardown);
}
