/* Inside the translator: one translation in the making. Only src/x86 uses
 * this header; all of it belongs to the translating thread. */
#ifndef MORTISE_X86_TRANSLATE_H
#define MORTISE_X86_TRANSLATE_H

#include "exec/tb.h"
#include "x86/emit.h"
#include "x86/insn.h"
#include "x86/stubs.h"

#define X86_TB_MAX_INSNS      128
#define X86_TB_MAX_EXITS      24
#define X86_RESTARTS_PER_INSN 6
#define X86_RESTARTS_MORE     20 /* besides those: the entry, and a long instruction at the end */
#define X86_TB_MAX_RESTARTS                                                                        \
    (X86_RESTARTS_MORE + X86_RESTARTS_PER_INSN * X86_TB_MAX_INSNS + 2 * X86_TB_MAX_EXITS)
#define X86_TB_MAX_LITERALS 4

struct translation {
    struct emit e;
    uint64_t pc;
    unsigned insn_count;
    struct x86_insn insns[X86_TB_MAX_INSNS];
    uint16_t insn_off[X86_TB_MAX_INSNS]; /* host offset of each, once emitted */

    unsigned exit_count;
    struct tb_exit exits[X86_TB_MAX_EXITS]; /* pc and field filled while lowering */

    unsigned restart_count;
    struct tb_restart restarts[X86_TB_MAX_RESTARTS];

    unsigned literal_count; /* 64-bit constants behind the code */
    uint64_t literals[X86_TB_MAX_LITERALS];
    uintptr_t literal_fields[X86_TB_MAX_LITERALS]; /* rel32 that refers to each */
};

/* Instructions per TB at the most. Immutable after x86_engine_init. */
extern unsigned x86_translate_max_insns;

/* Translates the guest code at pc: fetches, decodes, lowers, and publishes a
 * TB or (limit == 1) only registers it: a TB for one execution, whose page
 * is not protected. Takes mmap_lock; not inside. Returns the TB; NULL with
 * *why = -ENOSPC (cache full: flush) or -EFAULT (not executable; *fault is
 * the first address that isn't). */
struct tb *x86_translate(struct cpu *cpu, uint64_t pc, uint64_t limit, int *why, uint64_t *fault);

/* Lowers one instruction; ends_tb tells whether the block ends with it. */
void x86_lower(struct translation *t, const struct x86_insn *in);
bool x86_insn_ends_tb(const struct x86_insn *in);

/* What follows is for lowering. */

/* From here on the guest is about to execute `in`, with the registers of
 * the mask in their slots. */
void x86_restart_at(struct translation *t, const struct x86_insn *in, uint16_t saved);
/* As above with nothing saved; what is emitted next for `in` is one host
 * instruction (or begins with one and says more about the rest). Goes on
 * with the point before it while guest and host advance alike. */
void x86_restart_run(struct translation *t, const struct x86_insn *in);
/* As x86_restart_at, about to execute what follows `in`. */
void x86_restart_after(struct translation *t, const struct x86_insn *in, uint16_t saved);
/* The guest's pc is in the host's RAX; RAX itself and `saved` in slots. */
void x86_restart_rax(struct translation *t, uint16_t saved);
/* The guest's pc is the target of an exit. */
void x86_restart_exit(struct translation *t, unsigned exit, uint16_t saved);

/* A patchable jump (cc < 0: unconditional) to a guest address. Its stub is
 * written when the block is finished. Returns the exit's number. */
unsigned x86_lower_exit(struct translation *t, int cc, uint64_t target);

/* The branches, and what leaves to C (branch.c). */
void x86_lower_branch(struct translation *t, const struct x86_insn *in);
void x86_lower_special(struct translation *t, const struct x86_insn *in);

void x86_lower_far_return(struct translation *t, const struct x86_insn *in); /* far.c */
void x86_lower_seg(struct translation *t, const struct x86_insn *in);        /* seg.c */
unsigned x86_seg_exits(const struct x86_insn *in); /* how many exits that makes */

/* The end of an indirect branch: RAX holds the target, RAX and RCX are in
 * their slots. */
void x86_lower_jump_through_cache(struct translation *t);

/* Leaves with *special* for the instruction itself; all registers are the
 * guest's. */
void x86_lower_exit_special(struct translation *t, const struct x86_insn *in,
                            enum x86_special what);

/* The memory operand of `in` as the host can reach it without FS, GS or
 * rip: emits what computes it into `scratch` (already saved). */
struct emit_mem x86_lower_address(struct translation *t, const struct x86_insn *in, uint8_t scratch,
                                  uint8_t scratch2);

#endif
