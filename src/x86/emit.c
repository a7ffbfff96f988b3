/* Encodings of the engine's own instructions (Intel SDM volume 2, chapter
 * 2). Nothing here knows about guest code. */
#include "x86/emit.h"

#define REX_W 0x48
#define REX_R 0x44
#define REX_X 0x42
#define REX_B 0x41

bool emit_in_reach(const struct emit *e, uint64_t target)
{
    int64_t d = (int64_t)(target - emit_pc(e));
    return d > INT32_MIN + 64 && d < INT32_MAX - 64;
}

void emit_nops(struct emit *e, size_t n)
{
    static const uint8_t nops[9][9] = {
        {0x90},
        {0x66, 0x90},
        {0x0f, 0x1f, 0x00},
        {0x0f, 0x1f, 0x40, 0x00},
        {0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
        {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    };
    while (n) {
        size_t k = n < 9 ? n : 9;
        emit_bytes(e, nops[k - 1], k);
        n -= k;
    }
}

/* With no more displacement than needed, if it may be short: those of EVEX would be
 * scaled. */
static void emit_modrm_mem_as(struct emit *e, uint8_t reg, const struct emit_mem *m, unsigned tail,
                              bool may_be_short)
{
    uint8_t r = (uint8_t)((reg & 7) << 3);
    if (m->rip) {
        emit_u8(e, (uint8_t)(r | 5));
        int64_t next = (int64_t)emit_pc(e) + 4 + (int64_t)tail;
        emit_u32(e, (uint32_t)(int32_t)(m->disp - next));
        return;
    }
    uint8_t index = m->index == X86_NONE ? 4 : (uint8_t)(m->index & 7);
    uint8_t sib_hi = (uint8_t)((m->scale << 6) | (index << 3));
    if (m->base == X86_NONE) {
        emit_u8(e, (uint8_t)(r | 4)); /* mod 00, SIB without base */
        emit_u8(e, (uint8_t)(sib_hi | 5));
        emit_u32(e, (uint32_t)(int32_t)m->disp);
        return;
    }
    bool no_disp = m->disp == 0 && (m->base & 7) != 5; /* RBP, R13 need one */
    bool disp8 = !no_disp && may_be_short && m->disp >= INT8_MIN && m->disp <= INT8_MAX;
    uint8_t mod = no_disp ? 0 : disp8 ? 0x40 : 0x80;
    if (m->index == X86_NONE && (m->base & 7) != 4) { /* RSP, R12 need a SIB */
        emit_u8(e, (uint8_t)(mod | r | (m->base & 7)));
    } else {
        emit_u8(e, (uint8_t)(mod | r | 4));
        emit_u8(e, (uint8_t)(sib_hi | (m->base & 7)));
    }
    if (disp8) {
        emit_u8(e, (uint8_t)m->disp);
    } else if (!no_disp) {
        emit_u32(e, (uint32_t)(int32_t)m->disp);
    }
}

void emit_modrm_mem(struct emit *e, uint8_t reg, const struct emit_mem *m, unsigned tail)
{
    emit_modrm_mem_as(e, reg, m, tail, false);
}

void emit_op_mem(struct emit *e, uint8_t prefix, bool w, uint8_t opcode, uint8_t reg,
                 const struct emit_mem *m, unsigned tail)
{
    if (m->gs) {
        emit_u8(e, 0x65);
    }
    if (prefix) {
        emit_u8(e, prefix);
    }
    uint8_t rex = w ? REX_W : 0;
    if (reg & 8) {
        rex |= REX_R;
    }
    if (!m->rip && m->index != X86_NONE && (m->index & 8)) {
        rex |= REX_X;
    }
    if (!m->rip && m->base != X86_NONE && (m->base & 8)) {
        rex |= REX_B;
    }
    if (rex) {
        emit_u8(e, rex);
    }
    emit_u8(e, opcode);
    emit_modrm_mem_as(e, reg, m, tail, true);
}

struct emit_mem emit_gs(size_t offset)
{
    return (struct emit_mem){
        .base = X86_NONE, .index = X86_NONE, .gs = true, .disp = (int64_t)offset};
}

void emit_mov_reg_mem(struct emit *e, uint8_t reg, const struct emit_mem *m)
{
    emit_op_mem(e, 0, true, 0x8b, reg, m, 0);
}

void emit_mov_mem_reg(struct emit *e, const struct emit_mem *m, uint8_t reg)
{
    emit_op_mem(e, 0, true, 0x89, reg, m, 0);
}

void emit_lea(struct emit *e, uint8_t reg, const struct emit_mem *m)
{
    if (!m->rip && m->index == X86_NONE && m->base < X86_GPRS && m->disp == 0) {
        emit_mov_reg_reg(e, reg, m->base); /* processors rename it away */
    } else {
        emit_op_mem(e, 0, true, 0x8d, reg, m, 0);
    }
}

void emit_mov_reg_reg(struct emit *e, uint8_t dst, uint8_t src)
{
    uint8_t rex = REX_W;
    if (src & 8) {
        rex |= REX_R;
    }
    if (dst & 8) {
        rex |= REX_B;
    }
    emit_u8(e, rex);
    emit_u8(e, 0x89);
    emit_u8(e, (uint8_t)(0xc0 | ((src & 7) << 3) | (dst & 7)));
}

void emit_mov_imm(struct emit *e, uint8_t reg, uint64_t imm)
{
    if (imm <= UINT32_MAX) { /* mov r32, imm32 zero-extends */
        if (reg & 8) {
            emit_u8(e, REX_B);
        }
        emit_u8(e, (uint8_t)(0xb8 | (reg & 7)));
        emit_u32(e, (uint32_t)imm);
        return;
    }
    uint8_t rex = reg & 8 ? (REX_W | REX_B) : REX_W;
    emit_u8(e, rex);
    if ((int64_t)imm >= INT32_MIN && (int64_t)imm < 0) { /* sign-extended imm32 */
        emit_u8(e, 0xc7);
        emit_u8(e, (uint8_t)(0xc0 | (reg & 7)));
        emit_u32(e, (uint32_t)imm);
        return;
    }
    emit_u8(e, (uint8_t)(0xb8 | (reg & 7)));
    emit_u64(e, imm);
}

void emit_load_state(struct emit *e, uint8_t reg, size_t offset)
{
    struct emit_mem m = emit_gs(offset);
    emit_mov_reg_mem(e, reg, &m);
}

void emit_store_state(struct emit *e, size_t offset, uint8_t reg)
{
    struct emit_mem m = emit_gs(offset);
    emit_mov_mem_reg(e, &m, reg);
}

void emit_save_slot(struct emit *e, uint8_t reg)
{
    emit_store_state(e, offsetof(struct x86_cpu, slot) + 8UL * reg, reg);
}

void emit_restore_slot(struct emit *e, uint8_t reg)
{
    emit_load_state(e, reg, offsetof(struct x86_cpu, slot) + 8UL * reg);
}

static uint32_t rel32(uintptr_t field, uintptr_t target)
{
    return (uint32_t)(target - (field + 4));
}

void emit_jmp(struct emit *e, uintptr_t target)
{
    emit_u8(e, 0xe9);
    emit_u32(e, rel32(emit_pc(e), target));
}

uintptr_t emit_patchable_jump(struct emit *e, int cc, uintptr_t target)
{
    size_t opcode_len = cc < 0 ? 1 : 2;
    size_t in_word = (emit_pc(e) + opcode_len) & 7;
    if (in_word > 4) {
        emit_nops(e, 8 - in_word);
    }
    if (cc < 0) {
        emit_u8(e, 0xe9);
    } else {
        emit_u8(e, 0x0f);
        emit_u8(e, (uint8_t)(0x80 | cc));
    }
    uintptr_t field = emit_pc(e);
    emit_u32(e, rel32(field, target));
    return field;
}

void emit_patch_rel32(struct emit *e, uintptr_t field, uintptr_t target)
{
    size_t at = field - e->rx;
    if (e->overflow || at + 4 > e->len) {
        e->overflow = true;
        return;
    }
    uint32_t v = rel32(field, target);
    for (unsigned i = 0; i < 4; i++) {
        e->rw[at + i] = (uint8_t)(v >> (8 * i));
    }
}
