/* Masked accesses off the fast path. Where the TLB says yes, a masked instruction runs
 * as it is: all of its operand is accessible. Where it doesn't, only the bytes from
 * the first selected element to the last may be asked for, since others may lie on a
 * page that is not there; the host CPU leaves alone what is masked out, so what lies
 * around them at the host address doesn't matter. */
#include "x86sys/emit_masked.h"

#define OFFSET_OF_FIRST (offsetof(struct sys_cpu, scratch) + 16)
#define SPARE           (offsetof(struct sys_cpu, scratch) + 24)

static void emit(struct emit *e, const uint8_t *bytes, size_t n)
{
    emit_bytes(e, bytes, n);
}

#define EMIT(e, ...) emit((e), (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

/* Clears all but the lowest bits of S1. */
static void emit_keep_bits(struct emit *e, unsigned bits)
{
    uint8_t shift = (uint8_t)(64 - bits);
    if (bits < 64) {
        EMIT(e, 0x49, 0xc1, 0xe6, shift); /* shl r14, shift */
        EMIT(e, 0x49, 0xc1, 0xee, shift); /* shr r14, shift */
    }
}

/* S1 = the mask, with what does not count shifted out; ZF if nothing is left. */
static void emit_mask(struct emit *e, const struct sys_insn *in)
{
    if (in->mask_is_k) {
        EMIT(e, 0xc4, 0x61, 0xfb, 0x93, (uint8_t)(0xf0 | in->mask_reg)); /* kmovq r14, k */
    } else { /* vmovmskps or vmovmskpd r14d, ymm */
        EMIT(e, 0xc4, in->mask_reg & 8 ? 0x41 : 0x61, in->elem_size == 8 ? 0x7d : 0x7c, 0x50,
             (uint8_t)(0xf0 | (in->mask_reg & 7)));
    }
    emit_keep_bits(e, in->mask_bits * in->mask_folds);
    for (unsigned n = in->mask_folds / 2; n; n /= 2) { /* or its upper half into the lower one */
        struct emit_mem kept = emit_gs(SPARE);
        emit_mov_mem_reg(e, &kept, SYS_HOST_S1);
        EMIT(e, 0x49, 0xc1, 0xee, (uint8_t)(n * in->mask_bits)); /* shr r14, half */
        emit_op_mem(e, 0, true, 0x0b, SYS_HOST_S1, &kept, 0);
        emit_keep_bits(e, n * in->mask_bits);
    }
    EMIT(e, 0x4d, 0x85, 0xf6); /* test r14, r14 */
}

/* EAX = offset of the first byte, ECX = number of bytes. */
static void emit_extent(struct emit *e, const struct sys_insn *in)
{
    if (in->mask == SYS_MASK_PACKED) {
        EMIT(e, 0x31, 0xc0);                   /* xor eax, eax */
        EMIT(e, 0xf3, 0x49, 0x0f, 0xb8, 0xce); /* popcnt rcx, r14 */
    } else {
        EMIT(e, 0x49, 0x0f, 0xbc, 0xc6); /* bsf rax, r14 */
        EMIT(e, 0x49, 0x0f, 0xbd, 0xce); /* bsr rcx, r14 */
        EMIT(e, 0x29, 0xc1);             /* sub ecx, eax */
        EMIT(e, 0xff, 0xc1);             /* inc ecx */
    }
    EMIT(e, 0x6b, 0xc0, in->elem_size); /* imul eax, eax, size */
    EMIT(e, 0x6b, 0xc9, in->elem_size); /* imul ecx, ecx, size */
}

static size_t slot(uint8_t reg)
{
    return offsetof(struct sys_cpu, slot) + 8UL * reg;
}

void sys_emit_masked_slow_call(struct sys_translation *t, const struct sys_insn *in,
                               uint32_t access, uintptr_t resume)
{
    struct emit *e = &t->e;
    struct emit_mem first = emit_gs(OFFSET_OF_FIRST);
    struct emit_mem sum = {.base = X86_RCX, .index = X86_NONE, .disp = (int64_t)(access << 16)};
    emit_mask(e, in);
    EMIT(e, 0x75, 0); /* jnz */
    size_t over = e->len;
    emit_load_state(e, SYS_HOST_S0, offsetof(struct sys_cpu, self));
    struct emit_mem nowhere = {
        .base = SYS_HOST_S0, .index = X86_NONE, .disp = offsetof(struct sys_cpu, bounce.data)};
    emit_lea(e, SYS_HOST_S0, &nowhere);
    emit_jmp(e, resume);
    if (!e->overflow) {
        e->rw[over - 1] = (uint8_t)(e->len - over);
    }
    emit_store_state(e, slot(X86_RAX), X86_RAX);
    emit_store_state(e, slot(X86_RCX), X86_RCX);
    emit_extent(e, in);
    emit_store_state(e, OFFSET_OF_FIRST, X86_RAX);
    EMIT(e, 0x49, 0x01, 0xc5); /* add r13, rax */
    emit_lea(e, SYS_HOST_S1, &sum);
    emit_load_state(e, X86_RAX, slot(X86_RAX));
    emit_load_state(e, X86_RCX, slot(X86_RCX));
    sys_emit_slow_call_sized(t);
    emit_op_mem(e, 0, true, 0x2b, SYS_HOST_S0, &first, 0);
}
