/* The instructions that C executes, by mnemonic. */
#include "x86sys/emulate.h"
#include "x86sys/operand.h"
#include "x86sys/ops.h"
#include "x86sys/system_insns.h"

#include <Zydis/Zydis.h>

struct entry {
    sys_insn_fn *whole; /* moves rip itself */
    sys_op *op;         /* rip moves behind it when it has worked */
};

#define OP(mnemonic, fn)    [ZYDIS_MNEMONIC_##mnemonic] = {.op = (fn)}
#define WHOLE(mnemonic, fn) [ZYDIS_MNEMONIC_##mnemonic] = {.whole = (fn)}

/* Forms that share a mnemonic with others. */
static sys_insn_fn mov, push, pop, string, string_io, rsm;

static const struct entry table[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
    WHOLE(INT, sys_insn_int),
    WHOLE(INT3, sys_insn_int3),
    WHOLE(INT1, sys_insn_int1),
    WHOLE(INTO, sys_insn_into),
    WHOLE(JMP, sys_insn_jmp_far),
    WHOLE(CALL, sys_insn_call_far),
    WHOLE(RET, sys_insn_ret_far),
    WHOLE(IRET, sys_insn_iret),
    WHOLE(IRETD, sys_insn_iret),
    WHOLE(IRETQ, sys_insn_iret),
    WHOLE(SYSCALL, sys_insn_syscall),
    WHOLE(SYSRET, sys_insn_sysret),
    WHOLE(SYSENTER, sys_insn_sysenter),
    WHOLE(SYSEXIT, sys_insn_sysexit),
    WHOLE(SWAPGS, sys_insn_swapgs),
    WHOLE(LDS, sys_insn_load_far),
    WHOLE(LES, sys_insn_load_far),
    WHOLE(LFS, sys_insn_load_far),
    WHOLE(LGS, sys_insn_load_far),
    WHOLE(LSS, sys_insn_load_far),
    WHOLE(LGDT, sys_insn_lgdt),
    WHOLE(LIDT, sys_insn_lidt),
    WHOLE(SGDT, sys_insn_sgdt),
    WHOLE(SIDT, sys_insn_sidt),
    WHOLE(LLDT, sys_insn_lldt),
    WHOLE(SLDT, sys_insn_sldt),
    WHOLE(LTR, sys_insn_ltr),
    WHOLE(STR, sys_insn_str),
    WHOLE(VERR, sys_insn_verr),
    WHOLE(VERW, sys_insn_verw),
    WHOLE(LAR, sys_insn_lar),
    WHOLE(LSL, sys_insn_lsl),
    WHOLE(ARPL, sys_insn_arpl),
    WHOLE(CLI, sys_insn_cli),
    WHOLE(STI, sys_insn_sti),
    WHOLE(PUSHF, sys_insn_pushf),
    WHOLE(PUSHFD, sys_insn_pushf),
    WHOLE(PUSHFQ, sys_insn_pushf),
    WHOLE(POPF, sys_insn_popf),
    WHOLE(POPFD, sys_insn_popf),
    WHOLE(POPFQ, sys_insn_popf),
    WHOLE(HLT, sys_insn_hlt),
    WHOLE(MONITOR, sys_insn_monitor),
    WHOLE(MWAIT, sys_insn_mwait),
    WHOLE(MOV, mov),
    WHOLE(PUSH, push),
    WHOLE(POP, pop),
    WHOLE(RSM, rsm),
    WHOLE(MOVSB, string),
    WHOLE(MOVSW, string),
    WHOLE(MOVSD, string),
    WHOLE(MOVSQ, string),
    WHOLE(CMPSB, string),
    WHOLE(CMPSW, string),
    WHOLE(CMPSD, string),
    WHOLE(CMPSQ, string),
    WHOLE(STOSB, string),
    WHOLE(STOSW, string),
    WHOLE(STOSD, string),
    WHOLE(STOSQ, string),
    WHOLE(LODSB, string),
    WHOLE(LODSW, string),
    WHOLE(LODSD, string),
    WHOLE(LODSQ, string),
    WHOLE(SCASB, string),
    WHOLE(SCASW, string),
    WHOLE(SCASD, string),
    WHOLE(SCASQ, string),
    WHOLE(INSB, string_io),
    WHOLE(INSW, string_io),
    WHOLE(INSD, string_io),
    WHOLE(OUTSB, string_io),
    WHOLE(OUTSW, string_io),
    WHOLE(OUTSD, string_io),
    OP(CLTS, sys_op_clts),
    OP(LMSW, sys_op_lmsw),
    OP(SMSW, sys_op_smsw),
    OP(XGETBV, sys_op_xgetbv),
    OP(XSETBV, sys_op_xsetbv),
    OP(INVLPG, sys_op_invlpg),
    OP(INVPCID, sys_op_invpcid),
    OP(INVD, sys_op_wbinvd),
    OP(WBINVD, sys_op_wbinvd),
    OP(RDMSR, sys_op_rdmsr),
    OP(WRMSR, sys_op_wrmsr),
    OP(CPUID, sys_op_cpuid),
    OP(RDTSC, sys_op_rdtsc),
    OP(RDTSCP, sys_op_rdtscp),
    OP(RDPID, sys_op_rdpid),
    OP(RDRAND, sys_op_random),
    OP(RDSEED, sys_op_random),
    OP(VGATHERDPD, sys_op_gather),
    OP(VGATHERDPS, sys_op_gather),
    OP(VGATHERQPD, sys_op_gather),
    OP(VGATHERQPS, sys_op_gather),
    OP(VPGATHERDD, sys_op_gather),
    OP(VPGATHERDQ, sys_op_gather),
    OP(VPGATHERQD, sys_op_gather),
    OP(VPGATHERQQ, sys_op_gather),
    OP(VSCATTERDPD, sys_op_gather),
    OP(VSCATTERDPS, sys_op_gather),
    OP(VSCATTERQPD, sys_op_gather),
    OP(VSCATTERQPS, sys_op_gather),
    OP(VPSCATTERDD, sys_op_gather),
    OP(VPSCATTERDQ, sys_op_gather),
    OP(VPSCATTERQD, sys_op_gather),
    OP(VPSCATTERQQ, sys_op_gather),
    OP(RDPMC, sys_op_rdpmc),
    OP(RDPKRU, sys_op_rdpkru),
    OP(WRPKRU, sys_op_wrpkru),
    OP(CLAC, sys_op_clac),
    OP(STAC, sys_op_stac),
    OP(RDFSBASE, sys_op_base),
    OP(RDGSBASE, sys_op_base),
    OP(WRFSBASE, sys_op_base),
    OP(WRGSBASE, sys_op_base),
    OP(IN, sys_op_in),
    OP(OUT, sys_op_out),
    OP(PUSHA, sys_op_pusha),
    OP(PUSHAD, sys_op_pusha),
    OP(POPA, sys_op_popa),
    OP(POPAD, sys_op_popa),
    OP(ENTER, sys_op_enter),
    OP(LEAVE, sys_op_leave),
    OP(AAA, sys_op_aaa),
    OP(AAS, sys_op_aas),
    OP(AAM, sys_op_aam),
    OP(AAD, sys_op_aad),
    OP(DAA, sys_op_daa),
    OP(DAS, sys_op_das),
    OP(SALC, sys_op_salc),
    OP(XLAT, sys_op_xlat),
    OP(BOUND, sys_op_bound),
    OP(XSAVE, sys_op_xsave),
    OP(XSAVE64, sys_op_xsave),
    OP(XSAVEOPT, sys_op_xsave),
    OP(XSAVEOPT64, sys_op_xsave),
    OP(XSAVEC, sys_op_xsave),
    OP(XSAVEC64, sys_op_xsave),
    OP(XRSTOR, sys_op_xrstor),
    OP(XRSTOR64, sys_op_xrstor),
};

static enum sys_result behind(struct sys_cpu *cpu, const struct sys_insn *in, bool worked)
{
    if (!worked) {
        return SYS_EXCEPTION;
    }
    cpu->rip = sys_insn_next_ip(in);
    return SYS_DONE;
}

/* MOV to and from segment, control and debug registers. */
static enum sys_result mov(struct sys_cpu *cpu, const struct sys_insn *in)
{
    switch (in->opcode) {
    case 0x8c:
        return sys_insn_mov_from_seg(cpu, in);
    case 0x8e:
        return sys_insn_mov_to_seg(cpu, in);
    case 0x20:
    case 0x22:
        return behind(cpu, in, sys_op_mov_cr(cpu, in));
    case 0x21:
    case 0x23:
        return behind(cpu, in, sys_op_mov_dr(cpu, in));
    default:
        return behind(cpu, in, sys_raise(cpu, SYS_UD));
    }
}

static enum sys_result push(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (in->cls == SYS_INSN_C) {
        return sys_insn_push_seg(cpu, in);
    }
    return behind(cpu, in, sys_op_push(cpu, in));
}

static enum sys_result pop(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (in->cls == SYS_INSN_C) {
        return sys_insn_pop_seg(cpu, in);
    }
    return behind(cpu, in, sys_op_pop(cpu, in));
}

static enum sys_result stay_or_go(struct sys_cpu *cpu, const struct sys_insn *in, bool worked,
                                  bool again)
{
    return worked && again ? SYS_DONE : behind(cpu, in, worked);
}

static enum sys_result string(struct sys_cpu *cpu, const struct sys_insn *in)
{
    bool again, worked = sys_op_string(cpu, in, &again);
    return stay_or_go(cpu, in, worked, again);
}

static enum sys_result string_io(struct sys_cpu *cpu, const struct sys_insn *in)
{
    bool again, worked = sys_op_string_io(cpu, in, &again);
    return stay_or_go(cpu, in, worked, again);
}

static enum sys_result rsm(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    if (!sys_op_rsm(cpu)) {
        return SYS_EXCEPTION;
    }
    return cpu->halted ? SYS_HALT : SYS_DONE;
}

static bool has_error_code(uint8_t vector)
{
    return vector == SYS_GP || vector == SYS_SSF || vector == SYS_NP || vector == SYS_TS;
}

enum sys_result sys_execute(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (in->fault != SYS_NO_EXCEPTION) {
        return behind(cpu, in,
                      has_error_code(in->fault) ? sys_raise_error(cpu, in->fault, 0)
                                                : sys_raise(cpu, in->fault));
    }
    static const struct entry none = {NULL, NULL};
    const struct entry *e = in->mnemonic <= ZYDIS_MNEMONIC_MAX_VALUE ? &table[in->mnemonic] : &none;
    if (e->whole) {
        return e->whole(cpu, in);
    }
    return behind(cpu, in, e->op ? e->op(cpu, in) : sys_raise(cpu, SYS_UD));
}
