/* One decoded guest instruction in system mode: what lowering and the C
 * implementations of system instructions work from. Kept in a TB's metadata
 * for instructions that C executes. */
#ifndef MORTISE_X86SYS_INSN_H
#define MORTISE_X86SYS_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "x86sys/state.h"

enum sys_insn_class {
    SYS_INSN_DATA,    /* re-encoded: registers renamed, memory operand replaced (lower_data.c) */
    SYS_INSN_LEA,     /* address arithmetic, with the wrap of its address size */
    SYS_INSN_STACK,   /* PUSH, POP, PUSHF, POPF, PUSHA, POPA, ENTER, LEAVE without segment registers
                       */
    SYS_INSN_STRING,  /* MOVS, STOS, LODS, CMPS, SCAS with or without REP */
    SYS_INSN_JMP,     /* direct near; target */
    SYS_INSN_JCC,     /* direct; cc */
    SYS_INSN_LOOP,    /* LOOP*, J*CXZ */
    SYS_INSN_CALL,    /* direct near */
    SYS_INSN_JMP_IND, /* near, through register or memory */
    SYS_INSN_CALL_IND,
    SYS_INSN_RET, /* near; pops imm more bytes */
    SYS_INSN_C,   /* executed by sys_execute (emulate.h); ends the TB unless it says otherwise */
    SYS_INSN_NOP,
    SYS_INSN_ILLEGAL,  /* #UD */
    SYS_INSN_TOO_LONG, /* #GP: more than 15 bytes */
};

/* What the mask of a memory operand stands for. */
enum sys_mask {
    SYS_MASK_NONE,
    SYS_MASK_EACH,   /* an element per bit */
    SYS_MASK_PACKED, /* as many elements as bits are set, one behind the other */
};

/* Where an explicit register operand is encoded. */
enum sys_reg_place {
    SYS_PLACE_NONE,
    SYS_PLACE_REG,
    SYS_PLACE_RM,
    SYS_PLACE_VVVV,
    SYS_PLACE_OPCODE
};

struct sys_insn {
    uint64_t linear; /* of its first byte */
    uint64_t ip;     /* offset in CS of its first byte */
    uint8_t bytes[15];
    uint8_t len;
    uint16_t mnemonic; /* ZydisMnemonic */
    uint16_t isa_set;  /* ZydisISASet */
    uint8_t cls;       /* enum sys_insn_class */
    uint8_t code_size; /* 2, 4, 8: the mode it was decoded in */
    uint8_t
        op_size; /* effective operand size in bytes: 1, 2, 4, 8 (vector: bytes of the operand) */
    uint8_t addr_size; /* 2, 4, 8 */
    uint8_t encoding;  /* enum x86_encoding of x86/insn.h */
    uint8_t map;       /* 0: one-byte opcodes, 1: 0F, 2: 0F38, 3: 0F3A, others as Zydis has them */
    uint8_t opcode;
    bool has_modrm;
    uint8_t modrm;
    uint8_t rex; /* 0: none */
    uint8_t rep; /* 0, 0xf3, 0xf2: last of them */
    bool lock;
    bool opsize_prefix, addrsize_prefix;
    uint8_t opcode_off, modrm_off, imm_off; /* as in x86/insn.h */
    uint8_t gpr_places;                     /* bit SYS_PLACE_*: the register named there is a GPR */
    bool fixed_opsize; /* the operand-size prefix selects the opcode (or does nothing) */
    uint8_t fault;     /* not SYS_NO_EXCEPTION: raises this, whatever else is said of it, with error
                          code 0 where the vector has one. Class C, ILLEGAL or TOO_LONG then */
    int8_t cc;         /* Jcc */

    /* The memory operand, explicit or implied by the opcode (XLAT, MASKMOV, ...). */
    bool has_mem;
    bool vsib;
    bool rip_relative;   /* disp is then the absolute offset in CS */
    uint8_t seg;         /* enum sys_seg_reg: default or overridden */
    uint8_t base, index; /* enum x86_reg or X86_NONE */
    uint8_t scale;       /* shift: 0..3 */
    int64_t disp;        /* POP with an address based on RSP: counts its increment */
    uint16_t mem_size;   /* bytes accessed, 0: not accessed, or SYS_MEM_XSAVE: C knows */
    uint8_t mem_access;  /* SYS_READ | SYS_WRITE */
    bool mem_aligned;    /* #GP unless aligned to its size (SSE) */

    /* The memory operand by elements, where a mask keeps some from being accessed. */
    uint8_t mask;       /* enum sys_mask */
    uint8_t mask_reg;   /* opmask or vector register */
    uint8_t mask_bits;  /* how many of it count */
    uint8_t mask_folds; /* so many groups of them: broadcasts, an element for bits of each */
    uint8_t elem_size;  /* bytes of memory per bit; of vsib operands always */
    bool mask_is_k;     /* else the sign bits of a vector's elements */

    uint64_t imm, imm2; /* sign-extended as the instruction does */
    uint64_t target;    /* direct branches: offset in CS, cut to the operand size */

    uint16_t gprs_read, gprs_written;                    /* bit n: GPR n, implied ones too */
    bool high_byte;                                      /* names one of AH..BH... */
    uint8_t high_byte_places;                            /* ... here: bit SYS_PLACE_* */
    uint32_t flags_read, flags_written, flags_undefined; /* RFLAGS bits; written without being read
                                                            first are dead before it */
};

/* Decodes the instruction at linear address `linear` (offset ip in CS) from len
 * bytes, in the mode of cpu->mode. Returns 0; -EAGAIN if len is too short to
 * tell. What does not exist comes as SYS_INSN_ILLEGAL of length 1. Features are another
 * matter: sys_insn_is_in_model. */
int sys_decode(struct sys_insn *in, uint32_t mode, uint64_t ip, uint64_t linear,
               const uint8_t *bytes, size_t len);

/* Whether a CPU of this model has it; else it is #UD. (insn_features.c) */
bool sys_insn_is_in_model(const struct sys_insn *in, const struct sys_cpu_model *m);

/* Whether anything but a NOP-like continuation follows: the block ends behind it. */
bool sys_insn_ends_tb(const struct sys_insn *in);

static inline uint64_t sys_insn_next_ip(const struct sys_insn *in)
{
    uint64_t next = in->ip + in->len;
    return in->code_size == 8 ? next : in->code_size == 4 ? (uint32_t)next : (uint16_t)next;
}

#endif
