/* The instructions of the protected-mode architecture: segments, far transfers,
 * interrupts, system calls, tables, IF. Called by sys_execute with cpu->rip at
 * the instruction and the whole state in memory. What they return is as in
 * emulate.h: with SYS_DONE, rip is where to go on; with SYS_EXCEPTION nothing has
 * happened. They check what there is to check (mode, CPL, IOPL, CR4.UMIP), but for
 * #UD by LOCK. They take from struct sys_insn: bytes, prefixes, modrm, the memory
 * operand, imm; for a far pointer imm is the offset and imm2 the selector. */
#ifndef MORTISE_X86SYS_SYSTEM_INSNS_H
#define MORTISE_X86SYS_SYSTEM_INSNS_H

#include "x86sys/emulate.h"

typedef enum sys_result sys_insn_fn(struct sys_cpu *cpu, const struct sys_insn *in);

/* soft_int.c */
sys_insn_fn sys_insn_int;  /* INT n */
sys_insn_fn sys_insn_int3; /* CC */
sys_insn_fn sys_insn_into;
sys_insn_fn sys_insn_int1; /* F1 */

/* far_jump.c, far_call.c, far_return.c, iret.c */
sys_insn_fn sys_insn_jmp_far;  /* EA, FF /5 */
sys_insn_fn sys_insn_call_far; /* 9A, FF /3 */
sys_insn_fn sys_insn_ret_far;  /* CA, CB */
sys_insn_fn sys_insn_iret;     /* IRET, IRETD, IRETQ */

/* syscall.c */
sys_insn_fn sys_insn_syscall;
sys_insn_fn sys_insn_sysret;
sys_insn_fn sys_insn_sysenter;
sys_insn_fn sys_insn_sysexit;
sys_insn_fn sys_insn_swapgs;

/* segment_insns.c */
sys_insn_fn sys_insn_mov_to_seg;   /* 8E */
sys_insn_fn sys_insn_mov_from_seg; /* 8C */
sys_insn_fn sys_insn_load_far;     /* LDS, LES, LFS, LGS, LSS */
sys_insn_fn sys_insn_push_seg;     /* 06, 0E, 16, 1E, 0F A0, 0F A8 */
sys_insn_fn sys_insn_pop_seg;      /* 07, 17, 1F, 0F A1, 0F A9 */

/* table_insns.c */
sys_insn_fn sys_insn_lgdt;
sys_insn_fn sys_insn_lidt;
sys_insn_fn sys_insn_sgdt;
sys_insn_fn sys_insn_sidt;
sys_insn_fn sys_insn_lldt;
sys_insn_fn sys_insn_sldt;
sys_insn_fn sys_insn_ltr;
sys_insn_fn sys_insn_str;

/* selector_insns.c */
sys_insn_fn sys_insn_verr;
sys_insn_fn sys_insn_verw;
sys_insn_fn sys_insn_lar;
sys_insn_fn sys_insn_lsl;
sys_insn_fn sys_insn_arpl;

/* flag_insns.c */
sys_insn_fn sys_insn_cli;
sys_insn_fn sys_insn_sti;
sys_insn_fn sys_insn_pushf; /* PUSHF, PUSHFD, PUSHFQ */
sys_insn_fn sys_insn_popf;
sys_insn_fn sys_insn_hlt;
sys_insn_fn sys_insn_monitor;
sys_insn_fn sys_insn_mwait;

/* --- state that others make or need --- */

/* Registers as RESET (or INIT) leaves them, MSRs, TSC and vector state excepted. */
void sys_reset_registers(struct sys_cpu *cpu, bool init);

/* Loads a data or stack segment register (ES, SS, DS, FS, GS) as MOV does. False:
 * exception, nothing has happened. The caller updates the mode. */
bool sys_seg_load(struct sys_cpu *cpu, enum sys_seg_reg reg, uint16_t selector);
/* As in real and virtual-8086 mode. */
void sys_seg_load_real(struct sys_cpu *cpu, enum sys_seg_reg reg, uint16_t selector);

/* Whether the address is canonical under the current CR4.LA57. */
bool sys_canonical(const struct sys_cpu *cpu, uint64_t linear);

/* Whether the I/O permission bitmap (or IOPL) allows the port access; raises
 * #GP(0). For IN, OUT, INS, OUTS. */
bool sys_io_allowed(struct sys_cpu *cpu, uint16_t port, unsigned size);

/* Enters SMM (smm.c): saves the state and loads that of SMM. */
void sys_smm_enter(struct sys_cpu *cpu);

#endif
