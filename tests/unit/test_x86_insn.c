/* Decoding into struct x86_insn, and re-encoding with another memory
 * operand: what comes out must be the same instruction but for the operand,
 * by an independent decoding of the result. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <Zydis/Zydis.h>

#include "x86/insn.h"

#define PC 0x551000400000ULL

struct bytes {
    uint8_t len;
    uint8_t b[15];
};

/* With an FS or GS override, or rip-relative. */
static const struct bytes replaced[] = {
    {9, {0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0}},    /* mov rax, fs:[0x28] */
    {5, {0x64, 0x48, 0x2b, 0x45, 0xf8}},                   /* sub rax, fs:[rbp-8] */
    {5, {0x65, 0x4c, 0x8b, 0x14, 0xf1}},                   /* mov r10, gs:[rcx+rsi*8] */
    {5, {0x64, 0x42, 0x88, 0x24, 0x29}},                   /* mov fs:[rcx+r13], spl */
    {4, {0x64, 0x88, 0x24, 0x19}},                         /* mov fs:[rcx+rbx], ah */
    {7, {0x64, 0x66, 0x0f, 0x6f, 0x44, 0x24, 0x10}},       /* movdqa xmm0, fs:[rsp+0x10] */
    {8, {0x64, 0x66, 0x41, 0x0f, 0x3a, 0x0f, 0x00, 0x07}}, /* palignr xmm0, fs:[r8], 7 */
    {5, {0x64, 0xc5, 0xfd, 0x6f, 0x01}},                   /* vmovdqa ymm0, fs:[rcx] */
    {6, {0x64, 0xc4, 0xc1, 0x7d, 0x6f, 0x01}},             /* vmovdqa ymm0, fs:[r9] */
    {8, {0x64, 0x62, 0xf1, 0x7c, 0x48, 0x10, 0x41, 0x01}}, /* vmovups zmm0, fs:[rcx+64] */
    {8,
     {0x64, 0x62, 0xf1, 0x7c, 0x58, 0x58, 0x41, 0x01}}, /* vaddps zmm0, zmm0, fs:[rcx+4]{1to16} */
    {7, {0x64, 0xc4, 0xe2, 0x69, 0x90, 0x0c, 0x98}},    /* vpgatherdd xmm1, fs:[rax+xmm3*4], xmm2 */
    {5, {0x64, 0xf0, 0x48, 0x0f, 0xb1}},                /* patched below: lock cmpxchg */
    {8, {0x64, 0xc7, 0x00, 0x44, 0x33, 0x22, 0x11}},    /* mov dword fs:[rax], imm32 */
    {7, {0x48, 0x8b, 0x05, 0x10, 0, 0, 0}},             /* mov rax, [rip+16] */
    {8, {0x48, 0x83, 0x3d, 0x10, 0, 0, 0, 0x05}},       /* cmp qword [rip+16], 5 */
    {10, {0x66, 0x0f, 0x3a, 0x22, 0x05, 0x10, 0, 0, 0, 0x01}}, /* pinsrd xmm0, [rip+16], 1 */
    {8, {0xc5, 0xfd, 0x6f, 0x05, 0x10, 0, 0, 0}},              /* vmovdqa ymm0, [rip+16] */
    {10, {0x62, 0xf1, 0x7c, 0x48, 0x10, 0x05, 0x10, 0, 0, 0}}, /* vmovups zmm0, [rip+16] */
};

static void zydis(const uint8_t *b, size_t n, ZydisDecodedInstruction *zi, ZydisDecodedOperand *ops)
{
    ZydisDecoder d;
    ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    assert_true(ZYAN_SUCCESS(ZydisDecoderDecodeFull(&d, b, n, zi, ops)));
    assert_int_equal(zi->length, n);
}

static void assert_same_but_memory(const struct x86_insn *in, const uint8_t *out, size_t n,
                                   uint8_t base)
{
    ZydisDecodedInstruction a, b;
    ZydisDecodedOperand aops[ZYDIS_MAX_OPERAND_COUNT], bops[ZYDIS_MAX_OPERAND_COUNT];
    zydis(in->bytes, in->len, &a, aops);
    zydis(out, n, &b, bops);
    assert_int_equal(a.mnemonic, b.mnemonic);
    assert_int_equal(a.operand_count, b.operand_count);
    assert_int_equal(a.avx.broadcast.mode, b.avx.broadcast.mode);
    assert_int_equal(a.avx.mask.reg, b.avx.mask.reg);
    for (unsigned i = 0; i < a.operand_count; i++) {
        assert_int_equal(aops[i].type, bops[i].type);
        assert_int_equal(aops[i].size, bops[i].size);
        if (aops[i].type == ZYDIS_OPERAND_TYPE_REGISTER) {
            assert_int_equal(aops[i].reg.value, bops[i].reg.value);
        } else if (aops[i].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
            assert_int_equal(aops[i].imm.value.u, bops[i].imm.value.u);
        } else if (aops[i].type == ZYDIS_OPERAND_TYPE_MEMORY) {
            assert_int_equal(bops[i].mem.base, ZYDIS_REGISTER_RAX + base);
            assert_int_equal(aops[i].mem.index, bops[i].mem.index);
            assert_int_equal(bops[i].mem.disp.value, in->disp);
        }
    }
    assert_false(b.attributes & (ZYDIS_ATTRIB_HAS_SEGMENT_FS | ZYDIS_ATTRIB_HAS_SEGMENT_GS));
}

static void test_reencode_changes_only_the_memory_operand(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(replaced) / sizeof(replaced[0]); i++) {
        for (uint8_t base = 0; base < X86_GPRS; base++) {
            struct x86_insn in;
            uint8_t out[32] = {0};
            uint8_t b[15];
            memcpy(b, replaced[i].b, sizeof(b));
            if (b[0] == 0x64 && b[1] == 0xf0) { /* lock cmpxchg fs:[rax], rcx */
                b[5] = 0x08;
            }
            assert_int_equal(x86_decode(&in, PC, b, sizeof(b)), 0);
            assert_int_equal(in.cls, X86_INSN_COPY);
            assert_int_not_equal(in.mem, X86_MEM_AS_IS);
            if (in.high_byte && (base & 8)) {
                continue;
            }
            struct emit e = {.rw = out, .cap = sizeof(out)};
            struct emit_mem m = {
                .base = base, .index = in.index, .scale = in.scale, .disp = in.disp};
            if (base == X86_RSP && in.index == X86_NONE) {
                continue; /* never a scratch register */
            }
            x86_reencode(&e, &in, &m);
            assert_false(e.overflow);
            assert_same_but_memory(&in, out, e.len, base);
        }
    }
}

static void test_decode_finds_rip_relative_targets(void **state)
{
    (void)state;
    struct x86_insn in;
    const uint8_t load[] = {0x48, 0x8b, 0x05, 0xf0, 0xff, 0xff, 0xff};
    assert_int_equal(x86_decode(&in, PC, load, sizeof(load)), 0);
    assert_int_equal(in.mem, X86_MEM_RIP);
    assert_int_equal(in.target, PC + 7 - 16);
    assert_int_equal(in.dest, X86_RAX);

    const uint8_t lea[] = {0x4c, 0x8d, 0x2d, 0x10, 0, 0, 0};
    assert_int_equal(x86_decode(&in, PC, lea, sizeof(lea)), 0);
    assert_int_equal(in.cls, X86_INSN_LEA_RIP);
    assert_int_equal(in.dest, X86_R13);
    assert_int_equal(in.target, PC + 7 + 16);
}

static void test_decode_classifies_control_flow(void **state)
{
    (void)state;
    static const struct {
        struct bytes code;
        enum x86_insn_class cls;
        uint64_t target;
    } cases[] = {
        {{2, {0xeb, 0xfe}}, X86_INSN_JMP, PC},
        {{5, {0xe8, 0x10, 0, 0, 0}}, X86_INSN_CALL, PC + 0x15},
        {{2, {0x75, 0x02}}, X86_INSN_JCC, PC + 4},
        {{6, {0x0f, 0x84, 0, 1, 0, 0}}, X86_INSN_JCC, PC + 0x106},
        {{2, {0xe2, 0xfe}}, X86_INSN_LOOP, PC},
        {{2, {0xe3, 0x10}}, X86_INSN_LOOP, PC + 0x12},
        {{1, {0xc3}}, X86_INSN_RET, 0},
        {{2, {0xf3, 0xc3}}, X86_INSN_RET, 0},
        {{2, {0xff, 0xe0}}, X86_INSN_JMP_IND, 0},
        {{3, {0x41, 0xff, 0xd3}}, X86_INSN_CALL_IND, 0},
        {{2, {0x0f, 0x05}}, X86_INSN_SYSCALL, 0},
        {{1, {0xcc}}, X86_INSN_INT3, 0},
        {{2, {0xcd, 0x80}}, X86_INSN_INT80, 0},
        {{2, {0x0f, 0xa2}}, X86_INSN_EMULATE, 0},
        {{1, {0xcb}}, X86_INSN_FAR_RETURN, 0},
        {{2, {0x48, 0xcf}}, X86_INSN_FAR_RETURN, 0},
        {{2, {0xff, 0x2b}}, X86_INSN_EMULATE, 0},
        {{2, {0x0f, 0x0b}}, X86_INSN_COPY, 0},
        {{1, {0xf4}}, X86_INSN_COPY, 0},
        {{1, {0x06}}, X86_INSN_ILLEGAL, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct x86_insn in;
        assert_int_equal(x86_decode(&in, PC, cases[i].code.b, sizeof(cases[i].code.b)), 0);
        assert_int_equal(in.cls, cases[i].cls);
        if (cases[i].target) {
            assert_int_equal(in.target, cases[i].target);
            assert_int_equal(in.len, cases[i].code.len);
        }
    }
}

static void test_decode_asks_for_more_bytes(void **state)
{
    (void)state;
    struct x86_insn in;
    const uint8_t code[] = {0x48, 0xb8, 1, 2, 3};
    assert_int_equal(x86_decode(&in, PC, code, sizeof(code)), -EAGAIN);
    assert_int_equal(x86_decode(&in, PC, code, 1), -EAGAIN);
}

static void test_patchable_field_never_crosses_eight_bytes(void **state)
{
    (void)state;
    for (uintptr_t at = 0; at < 8; at++) {
        for (int cc = -1; cc < 2; cc++) {
            uint8_t out[32];
            struct emit e = {.rw = out, .rx = 0x1000 + at, .cap = sizeof(out)};
            uintptr_t field = emit_patchable_jump(&e, cc, 0x2000);
            assert_true((field & 7) <= 4);
            assert_int_equal(field + 4, emit_pc(&e));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reencode_changes_only_the_memory_operand),
        cmocka_unit_test(test_decode_finds_rip_relative_targets),
        cmocka_unit_test(test_decode_classifies_control_flow),
        cmocka_unit_test(test_decode_asks_for_more_bytes),
        cmocka_unit_test(test_patchable_field_never_crosses_eight_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
