/* What execute.c dispatches to, besides system_insns.h: each does one instruction
 * and returns whether it worked; if so, execute.c moves rip behind it. False: the
 * exception is in cpu->exception and nothing has happened. */
#ifndef MORTISE_X86SYS_OPS_H
#define MORTISE_X86SYS_OPS_H

#include "x86sys/insn.h"
#include "x86sys/state.h"

typedef bool sys_op(struct sys_cpu *cpu, const struct sys_insn *in);

static inline bool sys_gp0(struct sys_cpu *cpu)
{
    return sys_raise_error(cpu, SYS_GP, 0);
}

/* control.c */
sys_op sys_op_mov_cr;
sys_op sys_op_clts;
sys_op sys_op_lmsw;
sys_op sys_op_smsw;
/* debug_regs.c */
sys_op sys_op_mov_dr;
/* xcr.c */
sys_op sys_op_xgetbv;
sys_op sys_op_xsetbv;
/* tlb_ops.c */
sys_op sys_op_invlpg;
sys_op sys_op_invpcid;
sys_op sys_op_wbinvd;
/* small_ops.c */
sys_op sys_op_rdmsr;
sys_op sys_op_wrmsr;
sys_op sys_op_cpuid;
sys_op sys_op_rdtsc;
sys_op sys_op_rdtscp;
sys_op sys_op_rdpid;
sys_op sys_op_rdpmc;
sys_op sys_op_rdpkru;
sys_op sys_op_wrpkru;
sys_op sys_op_clac;
sys_op sys_op_stac;
sys_op sys_op_base; /* RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE */
/* random.c */
sys_op sys_op_random; /* RDRAND, RDSEED */
/* gather.c */
sys_op sys_op_gather; /* VSIB: gathers and scatters */
/* io.c */
sys_op sys_op_in;
sys_op sys_op_out;
/* stack_c.c */
sys_op sys_op_push;
sys_op sys_op_pop;
sys_op sys_op_pusha;
sys_op sys_op_popa;
sys_op sys_op_enter;
sys_op sys_op_leave;
/* bcd.c */
sys_op sys_op_aaa;
sys_op sys_op_aas;
sys_op sys_op_aam;
sys_op sys_op_aad;
sys_op sys_op_daa;
sys_op sys_op_das;
sys_op sys_op_salc;
sys_op sys_op_xlat;
sys_op sys_op_bound;
/* xsave.c */
sys_op sys_op_xsave; /* XSAVE, XSAVEOPT, XSAVEC */
sys_op sys_op_xrstor;

/* strings.c, string_io.c: REP forms may be left half done, with rip at them. */
bool sys_op_string(struct sys_cpu *cpu, const struct sys_insn *in, bool *again);
bool sys_op_string_io(struct sys_cpu *cpu, const struct sys_insn *in, bool *again);

/* smm.c: sets rip itself. */
bool sys_op_rsm(struct sys_cpu *cpu);

/* Stores the control registers with what follows from them, checks included. False:
 * #GP, which the caller raises. */
bool sys_cr0_set(struct sys_cpu *cpu, uint64_t value);
bool sys_cr3_set(struct sys_cpu *cpu, uint64_t value);
bool sys_cr4_set(struct sys_cpu *cpu, uint64_t value);
uint64_t sys_cr4_allowed(const struct sys_cpu *cpu);
void sys_pkru_set(struct sys_cpu *cpu, uint32_t value);

#endif
