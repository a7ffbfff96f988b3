/* Decoding in system mode: what depends on the mode, and what other parts rely on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "x86/emit.h"
#include "x86sys/insn.h"
#include "x86sys/state.h"

enum {
    BITS64 = SYS_MODE_PE | SYS_MODE_CODE64 | SYS_MODE_FLAT | SYS_MODE_OSFXSR | SYS_MODE_AVX |
             SYS_MODE_AVX512,
    BITS32 = SYS_MODE_PE | SYS_MODE_CODE32 | SYS_MODE_STACK32 | SYS_MODE_FLAT | SYS_MODE_OSFXSR,
    REAL = 0,
    IP = 0x1000,
    ARITHMETIC = SYS_RF_ARITH,
};

static struct sys_insn in;

static void decode(uint32_t mode, const char *bytes, size_t len)
{
    uint8_t buf[15];
    memset(buf, 0x90, sizeof(buf));
    memcpy(buf, bytes, len);
    assert_int_equal(sys_decode(&in, mode, IP, IP, buf, sizeof(buf)), 0);
    if (in.cls != SYS_INSN_ILLEGAL && in.cls != SYS_INSN_TOO_LONG) {
        assert_int_equal(in.len, len);
    }
}
#define DECODE(mode, bytes) decode((uint32_t)(mode), bytes, sizeof(bytes) - 1)

static void test_an_incomplete_instruction_asks_for_more(void **state)
{
    (void)state;
    assert_int_equal(sys_decode(&in, BITS64, IP, IP, (const uint8_t *)"\x48\x8b", 2), -EAGAIN);
    assert_int_equal(sys_decode(&in, BITS64, IP, IP, (const uint8_t *)"\x0f\x18", 2), -EAGAIN);
    assert_int_equal(sys_decode(&in, BITS64, IP, IP, (const uint8_t *)"", 0), -EAGAIN);
}

static void test_more_than_15_bytes_raise_gp(void **state)
{
    (void)state;
    uint8_t buf[15];
    memset(buf, 0x66, sizeof(buf));
    assert_int_equal(sys_decode(&in, BITS64, IP, IP, buf, sizeof(buf)), 0);
    assert_int_equal(in.cls, SYS_INSN_TOO_LONG);
    assert_int_equal(in.fault, SYS_GP);
}

/* Thirteen or twelve prefixes, and what is behind them reaches beyond the 15th byte. */
static void test_15_bytes_always_suffice(void **state)
{
    (void)state;
    decode(BITS64, "\x4c\x4c\x4e\x4c\x4c\x4c\x4c\x4c\x4c\x4c\x4c\x4c\x4c\x2f\x4c", 15);
    assert_int_equal(in.cls, SYS_INSN_ILLEGAL);
    decode(BITS64, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x0f\x0d", 15);
    assert_int_equal(in.cls, SYS_INSN_TOO_LONG);
    decode(BITS64, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x0f\x0d\x04", 15);
    assert_int_equal(in.cls, SYS_INSN_TOO_LONG);
}

static void test_40_is_a_prefix_in_64_bit_mode_only(void **state)
{
    (void)state;
    DECODE(BITS64, "\x40\x88\xe0"); /* mov al, spl */
    assert_int_equal(in.rex, 0x40);
    assert_false(in.high_byte);
    DECODE(BITS32, "\x40"); /* inc eax */
    assert_int_equal(in.cls, SYS_INSN_DATA);
    assert_int_equal(in.op_size, 4);
    DECODE(REAL, "\x40"); /* inc ax */
    assert_int_equal(in.op_size, 2);
}

static void test_high_byte_registers_are_marked_where_they_are_named(void **state)
{
    (void)state;
    DECODE(BITS64, "\x88\xe0"); /* mov al, ah */
    assert_true(in.high_byte);
    assert_int_equal(in.high_byte_places, 1 << SYS_PLACE_REG);
}

static void test_rip_relative_operands_hold_their_offset(void **state)
{
    (void)state;
    DECODE(BITS64, "\x48\x8b\x05\x10\x00\x00\x00"); /* mov rax, [rip + 0x10] */
    assert_true(in.rip_relative);
    assert_int_equal(in.disp, IP + 7 + 0x10);
    assert_int_equal(in.base, X86_NONE);
    assert_int_equal(in.mem_size, 8);
    assert_int_equal(in.mem_access, SYS_READ);
}

static void test_the_default_segment_follows_the_base(void **state)
{
    (void)state;
    DECODE(BITS32, "\x8b\x45\x04"); /* mov eax, [ebp + 4] */
    assert_int_equal(in.seg, SYS_SS);
    DECODE(BITS32, "\x3e\x8b\x45\x04");
    assert_int_equal(in.seg, SYS_DS);
    DECODE(REAL, "\x8b\x02"); /* mov ax, [bp + si] */
    assert_int_equal(in.seg, SYS_SS);
    assert_int_equal(in.base, X86_RBP);
    assert_int_equal(in.index, X86_RSI);
    assert_int_equal(in.addr_size, 2);
    DECODE(BITS64, "\x65\x48\x8b\x04\x25\x00\x00\x00\x00"); /* mov rax, gs:[0] */
    assert_int_equal(in.seg, SYS_GS);
    DECODE(BITS64, "\x2e\x8b\x00"); /* a CS prefix means nothing in 64-bit mode */
    assert_int_equal(in.seg, SYS_DS);
}

static void test_x87_raises_nm_while_ts_or_em_is_set(void **state)
{
    (void)state;
    DECODE(BITS64, "\xd9\xc0");
    assert_int_equal(in.cls, SYS_INSN_DATA);
    assert_int_equal(in.fault, SYS_NO_EXCEPTION);
    DECODE(BITS64 | SYS_MODE_FPU_NM | SYS_MODE_TS, "\xd9\xc0");
    assert_int_equal(in.fault, SYS_NM);
}

static void test_wait_raises_nm_only_with_mp(void **state)
{
    (void)state;
    DECODE(BITS64 | SYS_MODE_TS | SYS_MODE_FPU_NM, "\x9b");
    assert_int_equal(in.fault, SYS_NO_EXCEPTION);
    DECODE(BITS64 | SYS_MODE_TS | SYS_MODE_FPU_NM | SYS_MODE_MP, "\x9b");
    assert_int_equal(in.fault, SYS_NM);
}

static void test_sse_wants_osfxsr_and_no_em(void **state)
{
    (void)state;
    DECODE(BITS64, "\x66\x0f\xef\xc1");
    assert_int_equal(in.cls, SYS_INSN_DATA);
    DECODE(BITS64 & ~SYS_MODE_OSFXSR, "\x66\x0f\xef\xc1");
    assert_int_equal(in.fault, SYS_UD);
    DECODE(BITS64 | SYS_MODE_FPU_EM | SYS_MODE_FPU_NM, "\x66\x0f\xef\xc1");
    assert_int_equal(in.fault, SYS_UD);
    DECODE(BITS64 | SYS_MODE_TS | SYS_MODE_FPU_NM, "\x66\x0f\xef\xc1");
    assert_int_equal(in.fault, SYS_NM);
}

static void test_sse_instructions_without_vectors_need_nothing(void **state)
{
    (void)state;
    DECODE(REAL | SYS_MODE_TS, "\x0f\xae\xf0"); /* mfence */
    assert_int_equal(in.fault, SYS_NO_EXCEPTION);
    DECODE(BITS64 | SYS_MODE_TS, "\xf2\x48\x0f\x38\xf1\xc1"); /* crc32 */
    assert_int_equal(in.fault, SYS_NO_EXCEPTION);
}

static void test_vex_is_undefined_where_the_os_has_not_enabled_it(void **state)
{
    (void)state;
    DECODE(BITS64 & ~SYS_MODE_AVX, "\xc5\xf5\xfc\xc2"); /* vpaddb */
    assert_int_equal(in.fault, SYS_UD);
    DECODE(BITS64 & ~SYS_MODE_AVX, "\xc4\xe2\x78\xf2\xc1"); /* andn: no vector */
    assert_int_equal(in.fault, SYS_NO_EXCEPTION);
    DECODE(BITS64 & ~SYS_MODE_AVX512, "\x62\xf1\x7c\x48\x58\xc1"); /* vaddps zmm */
    assert_int_equal(in.fault, SYS_UD);
    DECODE(REAL, "\xc5\xf5\xfc\xc2");
    assert_int_equal(in.fault, SYS_UD);
}

static void test_lock_without_a_lockable_operand_is_undefined(void **state)
{
    (void)state;
    DECODE(BITS64, "\xf0\x01\x08"); /* lock add [rax], ecx */
    assert_true(in.lock);
    assert_int_equal(in.mem_access, SYS_READ | SYS_WRITE);
    DECODE(BITS64, "\xf0\x01\xc8"); /* lock add eax, ecx */
    assert_int_equal(in.cls, SYS_INSN_ILLEGAL);
    DECODE(BITS64, "\xf0\x8b\x08"); /* lock mov */
    assert_int_equal(in.cls, SYS_INSN_ILLEGAL);
}

static void test_hint_nops_never_access_memory(void **state)
{
    (void)state;
    DECODE(BITS64, "\x0f\x18\x00");
    assert_int_equal(in.cls, SYS_INSN_NOP);
    DECODE(BITS64, "\xf3\x0f\x1e\xfa"); /* endbr64 */
    assert_int_equal(in.cls, SYS_INSN_NOP);
    DECODE(BITS64, "\x0f\x0d\x08"); /* prefetchw */
    assert_int_equal(in.cls, SYS_INSN_NOP);
    DECODE(REAL, "\x0f\x1b\x06\x34\x12"); /* 16-bit address */
    assert_int_equal(in.cls, SYS_INSN_NOP);
}

static void test_sse_operands_are_aligned_but_for_some(void **state)
{
    (void)state;
    DECODE(BITS64, "\x0f\x28\x00"); /* movaps */
    assert_true(in.mem_aligned);
    DECODE(BITS64, "\x0f\x10\x00"); /* movups */
    assert_false(in.mem_aligned);
    DECODE(BITS64, "\x66\x0f\xfc\x00"); /* paddb xmm0, [rax] */
    assert_true(in.mem_aligned);
    DECODE(BITS64, "\xf3\x0f\x58\x00"); /* addss */
    assert_false(in.mem_aligned);
    DECODE(BITS64, "\xc5\xf5\xfc\x00"); /* vpaddb */
    assert_false(in.mem_aligned);
    DECODE(BITS64, "\xc5\xfc\x28\x00"); /* vmovaps */
    assert_true(in.mem_aligned);
    DECODE(BITS64, "\x48\x0f\xc7\x08"); /* cmpxchg16b */
    assert_true(in.mem_aligned);
}

static void test_flags_written_for_sure_are_dead_before(void **state)
{
    (void)state;
    DECODE(BITS64, "\x01\xc8"); /* add */
    assert_int_equal(in.flags_written, ARITHMETIC);
    assert_int_equal(in.flags_read, 0);
    DECODE(BITS64, "\xff\xc0"); /* inc leaves CF */
    assert_int_equal(in.flags_written, ARITHMETIC & ~X86_CF);
    DECODE(BITS64, "\x11\xc8"); /* adc */
    assert_int_equal(in.flags_read, X86_CF);
}

static void test_flags_perhaps_not_written_stay_alive(void **state)
{
    (void)state;
    DECODE(BITS64, "\xd3\xe0"); /* shl eax, cl: none if CL is 0 */
    assert_int_equal(in.flags_read & ARITHMETIC, ARITHMETIC);
    DECODE(BITS64, "\xc1\xe0\x20"); /* shl eax, 32: the same as 0 */
    assert_int_equal(in.flags_read & ARITHMETIC, ARITHMETIC);
    DECODE(BITS64, "\xc1\xe0\x05");
    assert_int_equal(in.flags_read, 0);
    DECODE(BITS64, "\xf3\xa6"); /* repe cmpsb: none if RCX is 0 */
    assert_int_equal(in.flags_read & ARITHMETIC, ARITHMETIC);
}

static void test_partly_written_registers_count_as_read(void **state)
{
    (void)state;
    DECODE(BITS64, "\x89\xc8"); /* mov eax, ecx */
    assert_int_equal(in.gprs_read, 1 << X86_RCX);
    assert_int_equal(in.gprs_written, 1 << X86_RAX);
    DECODE(BITS64, "\x66\x89\xc8"); /* mov ax, cx */
    assert_int_equal(in.gprs_read, 1 << X86_RCX | 1 << X86_RAX);
    DECODE(BITS64, "\x0f\xbc\xc1"); /* bsf eax, ecx: stays if ECX is 0 */
    assert_int_equal(in.gprs_read, 1 << X86_RCX | 1 << X86_RAX);
}

static void test_direct_branches_wrap_at_their_operand_size(void **state)
{
    (void)state;
    uint8_t back[15] = {0xe9, 0xfa, 0xef}; /* jmp IP + 3 - 0x1006 */
    assert_int_equal(sys_decode(&in, REAL, IP, IP, back, sizeof(back)), 0);
    assert_int_equal(in.cls, SYS_INSN_JMP);
    assert_int_equal(in.target, 0xfffd);
}

static void test_far_transfers_and_segment_moves_are_for_c(void **state)
{
    (void)state;
    DECODE(BITS32, "\xea\x78\x56\x34\x12\x08\x00"); /* jmp 0x8:0x12345678 */
    assert_int_equal(in.cls, SYS_INSN_C);
    assert_int_equal(in.imm, 0x12345678);
    assert_int_equal(in.imm2, 8);
    DECODE(BITS32, "\x8e\xd8"); /* mov ds, eax */
    assert_int_equal(in.cls, SYS_INSN_C);
    DECODE(BITS32, "\x1f"); /* pop ds */
    assert_int_equal(in.cls, SYS_INSN_C);
    DECODE(BITS32, "\x5f"); /* pop edi */
    assert_int_equal(in.cls, SYS_INSN_STACK);
    DECODE(BITS64, "\x0f\x22\xc0"); /* mov cr0, rax */
    assert_int_equal(in.cls, SYS_INSN_C);
}

static void test_pop_to_an_address_on_rsp_counts_its_increment(void **state)
{
    (void)state;
    DECODE(BITS64, "\x8f\x44\x24\x08"); /* pop [rsp + 8] */
    assert_int_equal(in.disp, 16);
}

static void test_masks_say_which_bytes_can_fault(void **state)
{
    (void)state;
    DECODE(BITS64, "\x62\xf1\x7c\x49\x58\x00"); /* vaddps zmm0{k1}, zmm0, [rax] */
    assert_int_equal(in.mask, SYS_MASK_EACH);
    assert_int_equal(in.mask_reg, 1);
    assert_int_equal(in.mask_bits, 16);
    assert_int_equal(in.elem_size, 4);
    DECODE(BITS64, "\x62\xf1\x7c\x48\x58\x00"); /* no mask */
    assert_int_equal(in.mask, SYS_MASK_NONE);
    DECODE(BITS64, "\xc4\xe2\x79\x2c\x01"); /* vmaskmovps xmm0, xmm0, [rcx] */
    assert_int_equal(in.mask, SYS_MASK_EACH);
    assert_false(in.mask_is_k);
}

static void test_a_broadcast_is_masked_by_all_the_bits_of_its_vector(void **state)
{
    (void)state;
    DECODE(BITS64, "\x62\xf1\x7c\x59\x58\x00"); /* vaddps zmm0{k1}, zmm0, [rax]{1to16} */
    assert_int_equal(in.mask_bits, 1);
    assert_int_equal(in.mask_folds, 16);
    DECODE(BITS64, "\x62\xf1\x7c\x39\xc2\x00\x01"); /* vcmpps k0{k1}, ymm0, [rax]{1to8}, 1 */
    assert_int_equal(in.mask_folds, 8);
    DECODE(BITS64, "\x62\xf3\x7d\x1a\x66\x1b\xaa"); /* vfpclassps k3{k2}, [rbx]{1to4}, 0xaa */
    assert_int_equal(in.mask_folds, 4);
    DECODE(BITS64, "\x62\xf3\xfd\x5a\x66\x1b\xaa"); /* vfpclasspd k3{k2}, [rbx]{1to8}, 0xaa */
    assert_int_equal(in.mask_folds, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_incomplete_instruction_asks_for_more),
        cmocka_unit_test(test_more_than_15_bytes_raise_gp),
        cmocka_unit_test(test_15_bytes_always_suffice),
        cmocka_unit_test(test_40_is_a_prefix_in_64_bit_mode_only),
        cmocka_unit_test(test_high_byte_registers_are_marked_where_they_are_named),
        cmocka_unit_test(test_rip_relative_operands_hold_their_offset),
        cmocka_unit_test(test_the_default_segment_follows_the_base),
        cmocka_unit_test(test_x87_raises_nm_while_ts_or_em_is_set),
        cmocka_unit_test(test_wait_raises_nm_only_with_mp),
        cmocka_unit_test(test_sse_wants_osfxsr_and_no_em),
        cmocka_unit_test(test_sse_instructions_without_vectors_need_nothing),
        cmocka_unit_test(test_vex_is_undefined_where_the_os_has_not_enabled_it),
        cmocka_unit_test(test_lock_without_a_lockable_operand_is_undefined),
        cmocka_unit_test(test_hint_nops_never_access_memory),
        cmocka_unit_test(test_sse_operands_are_aligned_but_for_some),
        cmocka_unit_test(test_flags_written_for_sure_are_dead_before),
        cmocka_unit_test(test_flags_perhaps_not_written_stay_alive),
        cmocka_unit_test(test_partly_written_registers_count_as_read),
        cmocka_unit_test(test_direct_branches_wrap_at_their_operand_size),
        cmocka_unit_test(test_far_transfers_and_segment_moves_are_for_c),
        cmocka_unit_test(test_pop_to_an_address_on_rsp_counts_its_increment),
        cmocka_unit_test(test_masks_say_which_bytes_can_fault),
        cmocka_unit_test(test_a_broadcast_is_masked_by_all_the_bits_of_its_vector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
