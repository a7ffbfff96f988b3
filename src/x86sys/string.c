/* Lowering of string instructions. REP MOVS and REP STOS run as themselves on host
 * addresses where what they touch lies in one page each that the TLB knows and DF is
 * clear: kernels copy and clear memory with them. All else is executed by C, a page
 * at a time.
 *
 * The checks change nothing but scratch registers, so C begins where they failed. */
#include "x86sys/translate.h"

enum { OP_MOVS = 0xa4, OP_STOS = 0xaa };

#define CHECKS 4u

/* Offsets of what is kept in memory meanwhile. */
#define AT_LIMIT offsetof(struct sys_cpu, scratch[2]) /* 4096 - bytes */
#define AT_DELTA offsetof(struct sys_cpu, scratch[3]) /* source: host - linear address */

/* The jumps to C of one instruction. */
struct checks {
    uintptr_t field[CHECKS];
    unsigned count;
};

static bool is_movs(const struct sys_insn *in)
{
    return (in->opcode & 0xfe) == OP_MOVS;
}

bool sys_string_is_inline(const struct sys_translation *t, const struct sys_insn *in)
{
    if (in->cls != SYS_INSN_STRING || !in->rep || t->mode & SYS_MODE_ONE_INSN ||
        in->fault != SYS_NO_EXCEPTION) {
        return false;
    }
    if (!is_movs(in) && (in->opcode & 0xfe) != OP_STOS) {
        return false;
    }
    if (t->mode & SYS_MODE_AC && in->opcode & 1) {
        return false;
    }
    if (is_movs(in) && (in->seg == SYS_FS || in->seg == SYS_GS)) {
        return false;
    }
    return t->mode & SYS_MODE_CODE64 ? in->addr_size == 8
                                     : in->addr_size == 4 && t->mode & SYS_MODE_FLAT;
}

static unsigned shift_of(const struct sys_insn *in)
{
    unsigned size = in->opcode & 1 ? in->op_size : 1;
    return size == 8 ? 3 : size == 4 ? 2 : size - 1;
}

static void check(struct emit *e, struct checks *c, uint8_t cc)
{
    emit_u8(e, 0x0f);
    emit_u8(e, 0x80 | cc);
    c->field[c->count++] = emit_pc(e);
    emit_u32(e, 0);
}

/* In 32-bit modes the upper halves mean nothing. */
static void emit_cut(struct sys_translation *t, bool movs)
{
    static const uint8_t cut_ecx_edi[] = {0x89, 0xc9, 0x89, 0xff};
    static const uint8_t cut_esi[] = {0x89, 0xf6};
    if (t->mode & SYS_MODE_CODE64) {
        return;
    }
    emit_bytes(&t->e, cut_ecx_edi, sizeof cut_ecx_edi);
    if (movs) {
        emit_bytes(&t->e, cut_esi, sizeof cut_esi);
    }
}

/* DF is clear; the bytes are a page at most: leaves 4096 - bytes in memory. */
static void emit_limits(struct emit *e, struct checks *c, unsigned shift)
{
    static const uint8_t test_df[] = {0x9c,                              /* pushfq */
                                      0xf6, 0x44, 0x24, 0x01, 0x04,      /* test byte [rsp+1], 4 */
                                      0x48, 0x8d, 0x64, 0x24, 0x08};     /* lea rsp, [rsp+8] */
    static const uint8_t cmp_rcx[] = {0x48, 0x81, 0xf9};                 /* imm32 */
    static const uint8_t bytes[] = {0x49, 0x89, 0xcd, 0x49, 0xc1, 0xe5}; /* r13 = rcx << imm8 */
    static const uint8_t limit[] = {0x41, 0xbe, 0x00, 0x10, 0x00, 0x00,  /* mov r14d, 4096 */
                                    0x4d, 0x29, 0xee};                   /* sub r14, r13 */
    enum { CC_NZ = 5, CC_A = 7 };
    emit_bytes(e, test_df, sizeof test_df);
    check(e, c, CC_NZ);
    emit_bytes(e, cmp_rcx, sizeof cmp_rcx);
    emit_u32(e, 4096u >> shift);
    check(e, c, CC_A);
    emit_bytes(e, bytes, sizeof bytes);
    emit_u8(e, (uint8_t)shift);
    emit_bytes(e, limit, sizeof limit);
    emit_store_state(e, AT_LIMIT, SYS_HOST_S1);
}

/* S0 = host - linear address of what the register points to. The entry hits if the
 * offset from its tag is within the limit. */
static void emit_lookup(struct sys_translation *t, struct checks *c, uint8_t reg, bool write)
{
    enum { CC_A = 7 };
    struct emit *e = &t->e;
    unsigned mmu = (t->mode & SYS_MODE_MMU) >> SYS_MODE_MMU_SHIFT;
    size_t entries = offsetof(struct sys_cpu, tlb) + offsetof(struct sys_tlb, e) +
                     mmu * sizeof(t->cpu->tlb.e[0]);
    size_t tag =
        write ? offsetof(struct sys_tlb_entry, write) : offsetof(struct sys_tlb_entry, read);
    struct emit_mem limit = emit_gs(AT_LIMIT);
    emit_mov_reg_reg(e, SYS_HOST_S0, reg);
    sys_emit_tlb_index(e);
    sys_emit_s0_with_entry(e, 0x2b, entries + tag);
    emit_op_mem(e, 0, true, 0x3b, SYS_HOST_S0, &limit, 0); /* cmp r13, limit */
    check(e, c, CC_A);
    sys_emit_s0_with_entry(e, 0x03, entries + offsetof(struct sys_tlb_entry, host));
    const uint8_t sub_r13_reg[] = {0x49, 0x29, (uint8_t)(0xc5 | reg << 3)};
    emit_bytes(e, sub_r13_reg, sizeof sub_r13_reg);
}

/* op rsi, r14; op rdi, r13 */
static void emit_move_pointers(struct emit *e, uint8_t opcode, bool movs)
{
    const uint8_t rsi[] = {0x4c, opcode, 0xf6};
    const uint8_t rdi[] = {0x4c, opcode, 0xef};
    if (movs) {
        emit_bytes(e, rsi, sizeof rsi);
    }
    emit_bytes(e, rdi, sizeof rdi);
}

static void emit_rep(struct emit *e, const struct sys_insn *in, unsigned shift)
{
    if (shift == 1) {
        emit_u8(e, 0x66);
    }
    emit_u8(e, 0xf3);
    if (shift == 3) {
        emit_u8(e, 0x48);
    }
    emit_u8(e, in->opcode);
}

static void emit_c(struct sys_translation *t, struct sys_slow *s)
{
    uintptr_t here = emit_pc(&t->e);
    for (unsigned i = 0; i < CHECKS - 1; i++) {
        if (s->arg[i]) {
            emit_patch_rel32(&t->e, (uintptr_t)s->arg[i], here);
        }
    }
    sys_lower_c(t, s->in);
}

static void lower_rep(struct sys_translation *t, const struct sys_insn *in)
{
    struct emit *e = &t->e;
    struct checks c = {.count = 0};
    bool movs = is_movs(in);
    unsigned shift = shift_of(in);
    sys_flags_save(t);
    emit_cut(t, movs);
    emit_limits(e, &c, shift);
    if (movs) {
        emit_lookup(t, &c, X86_RSI, false);
        emit_store_state(e, AT_DELTA, SYS_HOST_S0);
    }
    emit_lookup(t, &c, X86_RDI, true);
    if (movs) {
        emit_load_state(e, SYS_HOST_S1, AT_DELTA);
    }
    emit_move_pointers(e, 0x01, movs);
    emit_rep(e, in, shift);
    emit_move_pointers(e, 0x29, movs);
    emit_cut(t, movs);
    struct sys_slow *s = sys_slow_add(t, c.field[0], emit_c, in);
    for (unsigned i = 1; i < c.count; i++) {
        s->arg[i - 1] = c.field[i];
    }
}

void sys_lower_string(struct sys_translation *t, const struct sys_insn *in)
{
    if (sys_string_is_inline(t, in)) {
        lower_rep(t, in);
    } else {
        sys_lower_c(t, in);
    }
}
