/* A pending x87 exception at whatever waits for it: the host refuses the instruction, and
 * the guest gets #MF there. One that is refused where no point has been noted ends the
 * process, so that each is tried. */
#include <string.h>

#include "bare.h"
#include "x86/insn.h"
#include "x86sys/emulate.h"
#include "x86sys/insn.h"
#include "x86sys/stubs.h"

enum { DATA = 0x20000, HANDLER = 0x7000, MODRM_RBX = 0x03, MODRM_REGS = 0xc1 };

struct forms {
    uint8_t prefix; /* 0: none */
    uint8_t map;    /* 1: 0F, 2: 0F 38, 3: 0F 3A */
    uint8_t first, last;
    uint8_t extension; /* in ModRM's reg field */
    bool immediate;
};

/* MMX registers, and the conversions from and to them. */
static const struct forms mmx[] = {
    {0, 1, 0x2a, 0x2a, 0, false}, {0, 1, 0x2c, 0x2d, 0, false},    {0x66, 1, 0x2c, 0x2d, 0, false},
    {0, 1, 0x60, 0x6b, 0, false}, {0, 1, 0x6e, 0x6f, 0, false},    {0, 1, 0x70, 0x70, 0, true},
    {0, 1, 0x71, 0x73, 2, true},  {0, 1, 0x71, 0x72, 4, true},     {0, 1, 0x71, 0x73, 6, true},
    {0, 1, 0x74, 0x77, 0, false}, {0, 1, 0x7e, 0x7f, 0, false},    {0, 1, 0xc4, 0xc5, 0, true},
    {0, 1, 0xd1, 0xd5, 0, false}, {0, 1, 0xd7, 0xe5, 0, false},    {0, 1, 0xe7, 0xef, 0, false},
    {0, 1, 0xf1, 0xfe, 0, false}, {0xf2, 1, 0xd6, 0xd6, 0, false}, {0xf3, 1, 0xd6, 0xd6, 0, false},
    {0, 2, 0x00, 0x0b, 0, false}, {0, 2, 0x1c, 0x1e, 0, false},    {0, 3, 0x0f, 0x0f, 0, true},
};

static void run_behind_division_by_zero(const uint8_t *insn, size_t size)
{
    static const uint8_t divide[] = {
        0xdb, 0xe3,                         /* fninit */
        0xbb, 0x00, 0x00, 0x02, 0x00,       /* mov ebx, DATA */
        0x48, 0x89, 0xdf,                   /* mov rdi, rbx */
        0x41, 0xbe, 0x00, 0x00, 0x00, 0x00, /* mov r14d, 0 */
        0xd9, 0x2b,                         /* fldcw [rbx] */
        0xd9, 0xe8,                         /* fld1 */
        0xd9, 0xee,                         /* fldz */
        0xde, 0xf9,                         /* fdivp */
    };
    static const uint8_t handler[] = {0x41, 0xbe, SYS_MF, 0, 0, 0, 0xf4}; /* mov r14d, 16; hlt */
    const uint16_t control = 0x37b;
    uint8_t code[sizeof(divide) + 16];
    memcpy(code, divide, sizeof(divide));
    memcpy(code + sizeof(divide), insn, size);
    code[sizeof(divide) + size] = 0xf4; /* hlt */
    bare_load_bytes(code, sizeof(divide) + size + 1);
    bare_start_64();
    sys_host_fault_init(); /* cmocka has handlers of its own meanwhile */
    bare_cpu->cr0 |= SYS_CR0_NE;
    sys_mode_update(bare_cpu);
    memcpy(bare_ram + HANDLER, handler, sizeof(handler));
    bare_set_handler(bare_cpu, SYS_MF, HANDLER);
    memcpy(bare_ram + DATA, &control, sizeof(control));
    bare_run();
}

static bool exists(const uint8_t *insn, size_t size)
{
    struct sys_insn in;
    const uint32_t mode = SYS_MODE_CODE64 | SYS_MODE_PE | SYS_MODE_OSFXSR;
    return sys_decode(&in, mode, 0, 0, insn, size) == 0 && in.fault == SYS_NO_EXCEPTION;
}

/* Whether there is such an instruction. */
static bool waits(const uint8_t *insn, size_t size)
{
    if (!exists(insn, size)) {
        return false;
    }
    run_behind_division_by_zero(insn, size);
    if (bare_reg(X86_R14) != SYS_MF) {
        print_error("%02x %02x %02x %02x does not wait\n", insn[0], insn[1], insn[2], insn[3]);
    }
    assert_int_equal(bare_reg(X86_R14), SYS_MF);
    return true;
}

static bool mmx_waits(const struct forms *f, uint8_t opcode, uint8_t modrm)
{
    static const uint8_t maps[] = {0, 0, 0x38, 0x3a};
    uint8_t insn[15] = {0};
    size_t n = 0;
    if (f->prefix) {
        insn[n++] = f->prefix;
    }
    insn[n++] = 0x0f;
    if (f->map > 1) {
        insn[n++] = maps[f->map];
    }
    insn[n++] = opcode;
    if (opcode != 0x77) { /* EMMS */
        insn[n++] = (uint8_t)(modrm | f->extension << 3);
    }
    return waits(insn, n + f->immediate);
}

static void test_every_mmx_instruction_waits(void **state)
{
    (void)state;
    unsigned in_registers = 0, in_memory = 0;
    for (size_t i = 0; i < sizeof(mmx) / sizeof(mmx[0]); i++) {
        for (unsigned opcode = mmx[i].first; opcode <= mmx[i].last; opcode++) {
            in_registers += mmx_waits(&mmx[i], (uint8_t)opcode, MODRM_REGS);
            if (opcode != 0x2a) { /* CVTPI2PS: processors differ */
                in_memory += mmx_waits(&mmx[i], (uint8_t)opcode, MODRM_RBX);
            }
        }
    }
    assert_in_range(in_registers, 80, 120);
    assert_in_range(in_memory, 70, 110);
}

/* What a guest has in the host's memory goes by way of other registers. */
static void test_a_move_to_a_register_that_is_kept_in_memory_waits(void **state)
{
    (void)state;
    static const uint8_t moves[][15] = {
        {0x41, 0x0f, 0x7e, 0xc6}, /* movd r14d, mm0 */
        {0x41, 0x0f, 0x7e, 0x07}, /* movd [r15], mm0 */
        {0x41, 0x0f, 0x6e, 0xc7}, /* movd mm0, r15d */
        {0x4d, 0x0f, 0x7e, 0xfd}, /* movq r13, mm7 */
        {0x44, 0x0f, 0xd7, 0xf1}, /* pmovmskb r14d, mm1 */
    };
    for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        assert_true(waits(moves[i], 4));
    }
}

/* By the SDM: FNCLEX, FNINIT, FNSAVE, FNSTCW, FNSTENV and FNSTSW. */
static bool never_waits(uint8_t opcode, uint8_t modrm)
{
    unsigned extension = modrm >> 3 & 7;
    if (modrm < 0xc0) {
        return extension >= 6 && (opcode == 0xd9 || opcode == 0xdd);
    }
    return (opcode == 0xdb && modrm >= 0xe0 && modrm <= 0xe4) || (opcode == 0xdf && modrm == 0xe0);
}

static unsigned x87_waits(uint8_t opcode, uint8_t modrm)
{
    const uint8_t insn[15] = {opcode, modrm};
    return !never_waits(opcode, modrm) && waits(insn, 2);
}

static void test_every_x87_instruction_waits_but_control_instructions(void **state)
{
    (void)state;
    static const uint8_t fwait[15] = {0x9b};
    unsigned number = waits(fwait, 1);
    for (unsigned opcode = 0xd8; opcode <= 0xdf; opcode++) {
        for (unsigned extension = 0; extension < 8; extension++) {
            number += x87_waits((uint8_t)opcode, (uint8_t)(MODRM_RBX | extension << 3));
        }
        for (unsigned modrm = 0xc0; modrm <= 0xff; modrm++) {
            number += x87_waits((uint8_t)opcode, (uint8_t)modrm);
        }
    }
    assert_in_range(number, 450, 580);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_mmx_instruction_waits),
        cmocka_unit_test(test_a_move_to_a_register_that_is_kept_in_memory_waits),
        cmocka_unit_test(test_every_x87_instruction_waits_but_control_instructions),
    };
    return cmocka_run_group_tests(tests, bare_setup, bare_teardown);
}
