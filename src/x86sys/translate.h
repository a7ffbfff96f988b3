/* Inside the translator of system mode: one translation in the making. Only
 * this room uses it; all of it belongs to the translating thread.
 *
 * Two owners meet here: translate.c and its neighbours (blocks, branches, stack,
 * entry and exit) and lower_data.c and its neighbours (operands). */
#ifndef MORTISE_X86SYS_TRANSLATE_H
#define MORTISE_X86SYS_TRANSLATE_H

#include "exec/tb.h"
#include "x86/emit.h"
#include "x86/insn.h"
#include "x86sys/insn.h"
#include "x86sys/reloc.h"

#define SYS_TB_MAX_INSNS  96
#define SYS_TB_MAX_EXITS  24
#define SYS_TB_MAX_SLOW   (4 * SYS_TB_MAX_INSNS)
#define SYS_TB_MAX_POINTS (4 * SYS_TB_MAX_INSNS)
#define SYS_TB_MAX_C      4

/* Host registers with a part to play. */
#define SYS_HOST_S0  X86_R13 /* scratch: the address of an access */
#define SYS_HOST_S1  X86_R14 /* scratch */
#define SYS_HOST_RSP X86_R15 /* the guest's RSP */

/* Guest GPRs that stay in cpu->gpr[], as bits: those that compilers take last, and so
 * use least. */
#define SYS_GPRS_IN_MEMORY (1u << X86_R11 | 1u << X86_R14 | 1u << X86_R15)

/* Where a guest GPR is while guest code runs: a host register, or X86_NONE for those
 * that stay in memory. R13 has the host's R11, the others that of the same name. */
static inline uint8_t sys_host_reg(uint8_t guest)
{
    switch (guest) {
    case X86_RSP:
        return SYS_HOST_RSP;
    case X86_R11:
    case X86_R14:
    case X86_R15:
        return X86_NONE;
    case X86_R13:
        return X86_R11;
    default:
        return guest;
    }
}

/* What a translation depends on of CS, besides the mode: its base and, in the upper half,
 * in what its limit differs from the usual one, since blocks end there. 0: code like most,
 * and the only one that jumps by the jump cache. Segments that are flat have no limit. */
static inline uint64_t sys_code_segment(const struct sys_cpu *cpu)
{
    const struct sys_seg *cs = &cpu->seg[SYS_CS];
    if (cpu->mode & (SYS_MODE_CODE64 | SYS_MODE_FLAT)) {
        return 0;
    }
    uint32_t usual = cpu->mode & SYS_MODE_CODE32 ? UINT32_MAX : UINT16_MAX;
    return (uint32_t)cs->base | (uint64_t)(cs->limit ^ usual) << 32;
}

static inline uint64_t sys_segment_base(uint64_t segment)
{
    return (uint32_t)segment;
}

struct sys_translation;

/* How a memory access is to be made: see sys_emit_access. */
struct sys_access_plan {
    uint32_t size;
    uint32_t access; /* SYS_READ | SYS_WRITE, and bits of enum sys_slow_access */
    void (*again)(struct sys_translation *t, const struct sys_insn *in, uint64_t arg);
    void (*address)(struct sys_translation *t, const struct sys_insn *in, uint64_t arg);
    uint64_t arg;    /* for both */
    unsigned recent; /* slot that is tried first, or 0: recent.c */
};

/* More about the `access` of a slow-path call, besides enum sys_access: sys_slow_check
 * looks at it. */
enum sys_slow_access {
    SYS_SLOW_STACK = 1 << 4,   /* not canonical: #SS, not #GP */
    SYS_SLOW_SEGMENT = 1 << 6, /* S0 is an offset in the segment whose number is in bits 8..10; it
                                  becomes the linear address, and no access is begun */
    SYS_SLOW_MISALIGNED = 1 << 7, /* #AC, unless something is wrong with the address */
};
#define SYS_SLOW_SEG_SHIFT    8
#define SYS_SLOW_RECENT_SHIFT 11 /* bits 11..15: the slot that is to be filled, or 0 */

/* Code out of line, written behind the block. */
struct sys_slow {
    uintptr_t field;  /* rel32 of the jump that leads to it */
    uintptr_t resume; /* where it goes on: set by who registers it, when that is known */
    void (*emit)(struct sys_translation *t, struct sys_slow *s);
    const struct sys_insn *in;
    uint64_t arg[3];
    /* As they were when it was registered; they are so again while it is written. */
    unsigned at;
    bool flags_live, flags_aside;
    struct sys_access_plan plan; /* of an access */
};

struct sys_translation {
    struct emit e;
    struct sys_cpu *cpu;
    uint32_t mode;    /* enum sys_mode */
    uint64_t linear;  /* of the first instruction */
    uint64_t cs;      /* sys_code_segment */
    uint64_t crosser; /* linear address of the instruction behind the block that reaches into the
                         next page; none: UINT64_MAX */

    unsigned insn_count;
    struct sys_insn insns[SYS_TB_MAX_INSNS];
    bool live_in[SYS_TB_MAX_INSNS + 1]; /* flags are needed by instruction n, or behind it */
    unsigned at;                        /* index of the instruction being lowered */
    bool flags_live; /* live_in[at]: arithmetic flags are needed at or after the current point,
                        before the instruction at hand writes them */
    uint32_t live[SYS_TB_MAX_INSNS + 1]; /* which flags are */
    uint8_t recent[SYS_TB_MAX_INSNS];    /* slots of memory operands: recent.c */
    bool flags_aside; /* they are in cpu->flags, not in RFLAGS; never while they are dead */
    uint8_t s1_guest; /* see sys_s1_guest */
    size_t s1_end;
    uintptr_t checked; /* RX address of the entry for flags that are aside */
    uint8_t onward[2]; /* see struct tb */

    unsigned exit_count;
    struct tb_exit exits[SYS_TB_MAX_EXITS];
    unsigned point_count;
    struct tb_restart points[SYS_TB_MAX_POINTS]; /* by host_off once finished */
    unsigned c_count; /* instructions for C: copied to the TB's metadata */
    struct {
        uintptr_t field; /* RX address of the imm32 that says where */
        unsigned insn;
    } c[SYS_TB_MAX_C];
    unsigned slow_count;
    struct sys_slow slow[SYS_TB_MAX_SLOW];
    struct sys_slow *access; /* begun last */
    struct sys_relocs relocs;
    struct tb_template *template; /* what the TB can be copied by, or NULL */
    bool copied;                  /* the TB is a copy of one at another linear address: clone.c */
    bool ungrouped;               /* instructions are lowered one by one: see lower_group.c */
};

/* --- operands (lower_data.c, access.c, rename.c) --- */

/* Lowers an instruction of class DATA, LEA or NOP. */
void sys_lower_data(struct sys_translation *t, const struct sys_insn *in);

/* S1 = offset of the TLB entry for S0 from the mode's first one; and sub (0x2b) or add
 * (0x03) S0, gs:[S1 + offset]. Flags are lost. */
void sys_emit_tlb_index(struct emit *e);
void sys_emit_s0_with_entry(struct emit *e, uint8_t opcode, size_t offset);

/* Emits what makes an access of `size` bytes possible at the linear address that
 * S0 holds: TLB check, and out of line the call of the slow path. Afterwards S0
 * is the host address; S1 is free; the guest's registers are as before; flags
 * are put aside first if they are live. The code of the access itself follows,
 * then sys_emit_access_done.
 * plan->again writes that code once more, out of line, for a bounced write (it is
 * followed there by the commit): needed whenever the access writes. It is called
 * with flags_aside as it was behind sys_emit_access.
 * plan->address, if not NULL, writes the code that computes S0 once more: it must
 * still do so there, at the cost of S1 only. With NULL the address is kept in
 * memory, which takes a store in line. */
void sys_emit_access(struct sys_translation *t, const struct sys_insn *in,
                     const struct sys_access_plan *plan);
/* The look-up alone: S0 = host address, S1 lost, or a jump; returns where its rel32 is.
 * Flags are lost. */
uintptr_t sys_emit_tlb_lookup(struct sys_translation *t, uint32_t size, uint32_t access);
/* The same in a slot. What does not hit there is to be looked up, out
 * of line, behind sys_emit_recent_missed, with the address in S0 again: that returns
 * the rel32 of a jump to where the slot is filled as the access is made. */
uintptr_t sys_emit_recent_lookup(struct sys_translation *t, unsigned slot, uint32_t size,
                                 uint32_t access);
uintptr_t sys_emit_recent_missed(struct sys_translation *t, unsigned slot);
/* Fills t->recent. (recent.c) */
void sys_recent_analyse(struct sys_translation *t);
/* The slot of the stack, or 0. */
unsigned sys_recent_stack(const struct sys_translation *t);
/* Lowers instructions from t->at on that share one look-up. Returns how many, 0: none
 * do. */
unsigned sys_lower_group(struct sys_translation *t);
/* In SYS_MODE_AC: the check of S0, the access's linear address, before it is looked up.
 * Flags are lost. (align.c) */
void sys_emit_alignment(struct sys_translation *t, const struct sys_insn *in,
                        const struct sys_access_plan *plan);
/* Where the access is complete, right behind it: the bounced write resumes here. */
void sys_emit_access_done(struct sys_translation *t);

/* XCHG with memory is locked without a prefix. */
static inline bool sys_insn_is_locked(const struct sys_insn *in)
{
    return in->lock || (in->encoding == X86_ENC_LEGACY && in->map == 0 &&
                        (in->opcode == 0x86 || in->opcode == 0x87));
}

/* For plans on the memory operand: what its segment and a lock add to the access. */
static inline uint32_t sys_operand_access(const struct sys_insn *in, uint32_t access)
{
    return access | (in->seg == SYS_SS ? (uint32_t)SYS_SLOW_STACK : 0) |
           (sys_insn_is_locked(in) ? (uint32_t)SYS_LOCKED : 0);
}

/* What C does first on the slow path: the linear address in *addr (from an offset,
 * with SYS_SLOW_SEGMENT), canonical. False: exception raised. */
bool sys_slow_check(struct sys_cpu *cpu, uint64_t *addr, uint32_t size, uint32_t access);

/* S0 = linear address of the memory operand (segment base, wrap; checks where the
 * mode is not flat). S1 is clobbered; flags too, after being put aside, if the
 * segment is to be checked. */
void sys_emit_operand_address(struct sys_translation *t, const struct sys_insn *in);
/* host = offset of the memory operand, in 64 bits or cut to 32; not yet cut to 16.
 * S0, S1 clobbered. */
void sys_emit_offset(struct sys_translation *t, const struct sys_insn *in, uint8_t host, bool wide);
/* Cuts S0 to 2 or 4 bytes; 8: nothing. */
void sys_emit_cut(struct emit *e, unsigned size);
/* S0 = linear address of offset S0 in a segment, likewise (stack, strings). */
void sys_emit_linear(struct sys_translation *t, const struct sys_insn *in, enum sys_seg_reg seg,
                     uint32_t size, uint32_t access);

/* Guest GPR to and from host scratch, whole 64 bits. */
void sys_emit_get(struct sys_translation *t, uint8_t host, uint8_t guest);
void sys_emit_put(struct sys_translation *t, uint8_t guest, uint8_t host);

/* The guest GPR that S1 holds besides its place in memory, or X86_NONE: so that the next
 * instruction need not wait for what this one has just stored. Any code that is emitted
 * ends it, so who emits some that leaves S1 alone says so again behind it; and where
 * ways meet it is to be ended. */
uint8_t sys_s1_guest(const struct sys_translation *t);
void sys_s1_holds(struct sys_translation *t, uint8_t guest);

/* Puts live arithmetic flags into cpu->flags before code that clobbers them, and
 * takes them back before what reads them, a branch out, or the end. Does nothing
 * when they are dead or are there already. Clobbers S1 and no guest register. */
void sys_flags_save(struct sys_translation *t);
void sys_flags_restore(struct sys_translation *t);

/* --- blocks (translate.c, entry.c, leave.c, branch.c, stack.c, string.c, stubs.c) --- */

/* Emits the block's entries. Returns the RX address of the one with the flags in
 * RFLAGS; the other is t->checked. */
uintptr_t sys_emit_entries(struct sys_translation *t);

/* Registers out-of-line code; the caller has just emitted the jump whose rel32 is
 * at `field`. Written behind the block, in order; may register more. */
struct sys_slow *sys_slow_add(struct sys_translation *t, uintptr_t field,
                              void (*emit)(struct sys_translation *t, struct sys_slow *s),
                              const struct sys_insn *in);

/* Emits a call of the slow-path stub: S0 holds the linear address; size and access
 * are constants; afterwards S0 is the host address, and S1 is 1 if a bounced write
 * was begun (the access is to be made out of line, and sys_emit_commit to follow
 * it), else 0. All guest registers and vector state survive; arithmetic flags do
 * not (DF does). An exception leaves the TB, at instruction t->at. */
void sys_emit_slow_call(struct sys_translation *t, uint32_t size, uint32_t access);
/* The same with S1 = size | access << 16 computed by the code before. */
void sys_emit_slow_call_sized(struct sys_translation *t);
/* Emits the call that stores the bounce buffer; everything survives, arithmetic
 * flags, S0 and S1 included. The instruction must be complete by then (its guest
 * registers written): if it has changed code, the guest goes on behind it from here. */
void sys_emit_commit(struct sys_translation *t);

/* The next host instruction is guest code that the host may refuse: its exception
 * becomes the guest's (host_fault.c). No guest register is borrowed there. */
void sys_emit_trap_point(struct sys_translation *t);

/* Raises an exception at `in` (error code 0 where the vector has one): code that
 * leaves the TB. In line (ends the block) or out of line. */
void sys_emit_raise(struct sys_translation *t, const struct sys_insn *in, uint8_t vector);

/* Leaves the TB: S0 = arg, S1 = kind, where the flags are (as t says) and more. */
void sys_emit_leave(struct sys_translation *t, uint32_t kind_and_more, uint64_t arg);
/* The block goes on at `target` (offset in CS): if cc >= 0, on that condition,
 * which is in RFLAGS. */
void sys_emit_exit(struct sys_translation *t, int cc, uint64_t target);
/* The same for the target in S0. Flags are put aside. */
void sys_emit_exit_indirect(struct sys_translation *t);
/* The stack, in the width of its mode (stack.c). S0 = host address of the element
 * of `size` bytes on top, to be read; then sys_emit_access_done, then: */
void sys_stack_top(struct sys_translation *t, const struct sys_insn *in, unsigned size);
void sys_stack_add(struct sys_translation *t, int bytes);
/* Pushes the immediate, or a call's return address. */
void sys_stack_push_imm(struct sys_translation *t, const struct sys_insn *in, unsigned size);
void sys_stack_push_kept(struct sys_translation *t, const struct sys_insn *in, unsigned size);

/* System instructions in line (lower_system.c): whether it is one, and its code. */
bool sys_system_is_inline(const struct sys_translation *t, const struct sys_insn *in);
bool sys_is_inline_sti(const struct sys_translation *t, const struct sys_insn *in);
void sys_lower_system(struct sys_translation *t, const struct sys_insn *in);

/* Whether a string instruction runs in line, if its checks pass (string.c). */
bool sys_string_is_inline(const struct sys_translation *t, const struct sys_insn *in);

/* Whether the instruction is left to C by sys_lower_stack. */
bool sys_stack_is_c(const struct sys_insn *in);

/* Fills live_in of all instructions; live_in[insn_count] is true. (flags.c) */
void sys_flags_analyse(struct sys_translation *t);

void sys_lower_branch(struct sys_translation *t, const struct sys_insn *in);
/* Whether an indirect call reads its target from the register behind its push; the
 * others have it in cpu->kept_target. */
bool sys_calls_register(const struct sys_insn *in);
void sys_lower_stack(struct sys_translation *t, const struct sys_insn *in);
void sys_lower_string(struct sys_translation *t, const struct sys_insn *in);
void sys_lower_c(struct sys_translation *t, const struct sys_insn *in);

/* --- for the loop (lookup.c, translate.c) --- */

/* The TB for the CPU's state, if there is one; *fault: the code can't be fetched,
 * an exception is in cpu->exception. Inside, or with the mmap_lock. */
struct tb *sys_tb_find(struct sys_cpu *cpu, bool *fault);
/* Whether the TB is one for the CPU's CS:RIP and mode, its pages aside. */
bool sys_tb_is_here(const struct sys_cpu *cpu, const struct tb *tb);
/* The linear address of CS:RIP. */
uint64_t sys_code_linear(const struct sys_cpu *cpu);

/* Translates the code at CS:RIP. mmap_lock is taken inside. Returns the TB, which
 * is in the tables, or, if its ram is SYS_NO_RAM, is to be run once; or NULL:
 * -ENOSPC in *why (flush and retry) or -EFAULT (an exception is in cpu->exception). */
struct tb *sys_translate(struct sys_cpu *cpu, int *why);

/* Makes a TB for `linear` from one with the same bytes there. NULL: *why says whether the
 * cache is full (-ENOSPC) or the code would have another length (-ERANGE). (clone.c) */
struct tb *sys_tb_clone(struct sys_cpu *cpu, const struct tb_template *from, uint64_t linear,
                        int *why) REQUIRES(mmap_lock_cap);

/* Whether blocks are made from others at all; for tests. */
extern bool sys_translate_copies;

/* Most instructions of a TB. Immutable after sys_engine_init. */
extern unsigned sys_translate_max_insns;

#endif
