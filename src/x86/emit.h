/* Host code, byte by byte: a cursor into the writable alias of the code
 * cache, and the few instructions that the engine generates itself. All
 * addresses in generated code are RX addresses.
 *
 * Running out of room sets `overflow` and writes nothing more: the caller
 * checks once, at the end. Used by the thread that owns the memory. */
#ifndef MORTISE_X86_EMIT_H
#define MORTISE_X86_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "x86/state.h"

struct emit {
    uint8_t *rw;   /* where bytes are written */
    uintptr_t rx;  /* where they will be executed */
    size_t len;    /* bytes written */
    size_t cap;    /* bytes available */
    bool overflow; /* something did not fit */
};

/* A memory operand: [base + index << scale + disp]; registers or X86_NONE.
 * index is never RSP. With rip set it is [rip-relative: disp is the absolute
 * target], which must be in reach. With gs set it is gs:[disp]. */
#define X86_NONE 0xff
struct emit_mem {
    uint8_t base, index, scale;
    bool rip, gs;
    int64_t disp;
};

static inline uintptr_t emit_pc(const struct emit *e)
{
    return e->rx + e->len;
}

/* Whether n more bytes fit. */
static inline bool emit_room(struct emit *e, size_t n)
{
    if (e->cap - e->len < n) {
        e->overflow = true;
        return false;
    }
    return true;
}

static inline void emit_u8(struct emit *e, uint8_t v)
{
    if (emit_room(e, 1)) {
        e->rw[e->len++] = v;
    }
}

static inline void emit_bytes(struct emit *e, const uint8_t *bytes, size_t n)
{
    if (emit_room(e, n)) {
        memcpy(e->rw + e->len, bytes, n);
        e->len += n;
    }
}

static inline void emit_u32(struct emit *e, uint32_t v)
{
    if (emit_room(e, sizeof(v))) {
        memcpy(e->rw + e->len, &v, sizeof(v));
        e->len += sizeof(v);
    }
}

static inline void emit_u64(struct emit *e, uint64_t v)
{
    if (emit_room(e, sizeof(v))) {
        memcpy(e->rw + e->len, &v, sizeof(v));
        e->len += sizeof(v);
    }
}

/* Whether a rip-relative operand of an instruction ending at most 24 bytes
 * after the cursor reaches target. */
bool emit_in_reach(const struct emit *e, uint64_t target);

/* Multi-byte NOPs. */
void emit_nops(struct emit *e, size_t n);

/* ModRM, SIB and displacement; `tail` bytes of immediate follow the operand
 * (rip-relative displacements count from behind them). Never the disp8 form,
 * so that EVEX's compressed displacements do not come into play. */
void emit_modrm_mem(struct emit *e, uint8_t reg, const struct emit_mem *m, unsigned tail);

/* One instruction: optional prefix byte (0: none), REX.W as said, 1-byte
 * opcode, register field and memory operand. */
void emit_op_mem(struct emit *e, uint8_t prefix, bool w, uint8_t opcode, uint8_t reg,
                 const struct emit_mem *m, unsigned tail);

struct emit_mem emit_gs(size_t offset);

void emit_mov_reg_mem(struct emit *e, uint8_t reg, const struct emit_mem *m); /* 64 bit load */
void emit_mov_mem_reg(struct emit *e, const struct emit_mem *m, uint8_t reg); /* 64 bit store */
void emit_lea(struct emit *e, uint8_t reg, const struct emit_mem *m);         /* 64 bit */
void emit_mov_reg_reg(struct emit *e, uint8_t dst, uint8_t src);              /* 64 bit */
void emit_mov_imm(struct emit *e, uint8_t reg, uint64_t imm);                 /* shortest */
void emit_load_state(struct emit *e, uint8_t reg, size_t offset);             /* gs:[offset] */
void emit_store_state(struct emit *e, size_t offset, uint8_t reg);
void emit_save_slot(struct emit *e, uint8_t reg);    /* reg -> its slot */
void emit_restore_slot(struct emit *e, uint8_t reg); /* slot -> reg */

/* Jumps to code in the cache: rel32. */
void emit_jmp(struct emit *e, uintptr_t target);

/* A patchable jump (jmp: cc < 0, or jcc) whose rel32 does not cross an
 * 8-byte boundary; it is written as leading to `target`. Returns the RX
 * address of the rel32. */
uintptr_t emit_patchable_jump(struct emit *e, int cc, uintptr_t target);

/* Overwrites a rel32 written before by this emitter. */
void emit_patch_rel32(struct emit *e, uintptr_t field, uintptr_t target);

#endif
