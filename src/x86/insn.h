/* One decoded guest instruction, in the form that lowering works from. */
#ifndef MORTISE_X86_INSN_H
#define MORTISE_X86_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "x86/emit.h"

enum x86_insn_class {
    X86_INSN_COPY,    /* runs as it is, its memory operand replaced if `mem` says so */
    X86_INSN_XSTATE,  /* XSAVE, XRSTOR and their kin where the host hides components */
    X86_INSN_LEA_RIP, /* LEA of a rip-relative address: a constant */
    X86_INSN_JMP,     /* direct, to `target` */
    X86_INSN_JCC,     /* direct, condition `cc` */
    X86_INSN_LOOP,    /* LOOP, LOOPE, LOOPNE, JRCXZ, JECXZ: short only */
    X86_INSN_CALL,    /* direct */
    X86_INSN_JMP_IND, /* through register or memory */
    X86_INSN_CALL_IND,
    X86_INSN_RET,        /* near; pops `imm` more bytes */
    X86_INSN_FAR_RETURN, /* RETF, IRET: pops of `op_size` bytes each */
    X86_INSN_SEG,        /* FS or GS override on an operand at register `base` that the
                            opcode implies: strings, XLAT, MASKMOV, CLZERO */
    X86_INSN_SYSCALL,
    X86_INSN_INT3,
    X86_INSN_INT80,
    X86_INSN_EMULATE,    /* rare ones done in C: emulate.c */
    X86_INSN_ILLEGAL,    /* #UD */
    X86_INSN_PRIVILEGED, /* #GP whatever the state */
};

enum x86_mem_kind {
    X86_MEM_AS_IS, /* none, or one that means the same in the copy */
    X86_MEM_RIP,   /* rip-relative: `target` is its absolute address */
    X86_MEM_SEG,   /* FS or GS override */
};

struct x86_insn {
    uint64_t pc;
    uint8_t bytes[15];
    uint8_t len;
    uint8_t cls;                /* enum x86_insn_class */
    uint8_t mem;                /* enum x86_mem_kind */
    uint8_t encoding;           /* enum x86_encoding */
    int8_t cc;                  /* condition of a Jcc */
    bool seg_gs;                /* X86_MEM_SEG: GS, not FS */
    bool addr32;                /* address-size prefix on a memory operand */
    bool vsib;                  /* the index is a vector register */
    bool high_byte;             /* uses AH..BH: cannot take a REX prefix */
    bool reg_operand;           /* JMP_IND, CALL_IND: through register `base` */
    uint8_t dest;               /* GPR wholly overwritten and not read, or X86_NONE */
    uint8_t base, index, scale; /* of the memory operand; registers or X86_NONE */
    uint8_t opcode_off;         /* legacy: offset of the first opcode byte; VEX, EVEX, XOP: of the
                                   first byte of that prefix */
    uint8_t modrm_off;          /* offset of ModRM */
    uint8_t imm_off;            /* offset of what follows ModRM, SIB and displacement */
    uint8_t rex;                /* the REX prefix, 0: none */
    uint8_t op_size;            /* FAR_RETURN */
    uint16_t imm;               /* RET, RETF */
    uint16_t gprs;              /* bit n: GPR n is read or written, implicitly too */
    int64_t disp;               /* displacement of the memory operand */
    uint64_t target;            /* direct branches and rip-relative operands */
};

enum x86_encoding { X86_ENC_LEGACY, X86_ENC_VEX2, X86_ENC_VEX3, X86_ENC_EVEX };

static inline uint64_t x86_insn_next(const struct x86_insn *in)
{
    return in->pc + in->len;
}

/* Decodes the instruction at pc from len bytes. Returns 0; -EAGAIN if len
 * is too short to tell; an instruction that doesn't exist comes as
 * X86_INSN_ILLEGAL of length 1 (or PRIVILEGED, if only too long). Any
 * thread; no locks. */
int x86_decode(struct x86_insn *in, uint64_t pc, const uint8_t *bytes, size_t len);

/* Writes the instruction with its memory operand replaced by m (not
 * rip-relative ones with a VSIB index) and without segment or address-size
 * prefix. */
void x86_reencode(struct emit *e, const struct x86_insn *in, const struct emit_mem *m);

#endif
