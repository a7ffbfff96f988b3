/* The state of a guest CPU of a whole machine (system mode), and what
 * generated code knows of it.
 *
 * While guest code runs, the host's GS base points to this struct, the host's
 * RSP is the thread's C stack, and guest registers are where sys_host_reg says:
 * RAX, RCX, RDX, RBX, RBP, RSI, RDI, R8, R9, R10 and R12 in the host registers of
 * the same names, R13 in the host's R11, RSP in R15; R11, R14 and R15 stay in gpr[]
 * here.
 * The host's R13 and R14 are scratch. Arithmetic flags and DF are in RFLAGS,
 * except where translation knows them dead or has put them into `flags`.
 * x87 and vector state is in the host's registers while `vec_live`.
 *
 * Owned by the vCPU's thread, but for what is atomic and what struct cpu
 * says. C code that generated code calls (sys_helper) sees all of it in
 * memory, vector state excepted. */
#ifndef MORTISE_X86SYS_STATE_H
#define MORTISE_X86SYS_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exec/cpu.h"
#include "x86/state.h"
#include "x86sys/jump_cache.h"
#include "x86sys/interrupt.h"
#include "x86sys/tlb.h"

struct address_space;
struct sys_apic_ops;
struct sys_cpu_model;

enum sys_seg_reg { SYS_ES, SYS_CS, SYS_SS, SYS_DS, SYS_FS, SYS_GS, SYS_SEGS };

/* A segment register's hidden part. attr: bits 8..15 and 20..23 of a
 * descriptor's second word, shifted right by 8. */
enum sys_seg_attr {
    SYS_SEG_TYPE = 0xf,
    SYS_SEG_ACCESSED = 1 << 0,
    SYS_SEG_RW = 1 << 1,        /* data: writable; code: readable */
    SYS_SEG_DOWN_CONF = 1 << 2, /* data: expand down; code: conforming */
    SYS_SEG_CODE = 1 << 3,
    SYS_SEG_S = 1 << 4, /* code or data, not a system descriptor */
    SYS_SEG_DPL = 3 << 5,
    SYS_SEG_P = 1 << 7,
    SYS_SEG_AVL = 1 << 12,
    SYS_SEG_L = 1 << 13,
    SYS_SEG_DB = 1 << 14,
    SYS_SEG_G = 1 << 15,
};
#define SYS_SEG_DPL_SHIFT 5
struct sys_seg {
    uint64_t base;
    uint32_t limit; /* the last valid offset, in bytes */
    uint16_t selector;
    uint16_t attr; /* 0 with a null selector */
};

enum sys_cr0 {
    SYS_CR0_PE = 1 << 0,
    SYS_CR0_MP = 1 << 1,
    SYS_CR0_EM = 1 << 2,
    SYS_CR0_TS = 1 << 3,
    SYS_CR0_ET = 1 << 4,
    SYS_CR0_NE = 1 << 5,
    SYS_CR0_WP = 1 << 16,
    SYS_CR0_AM = 1 << 18,
    SYS_CR0_NW = 1 << 29,
    SYS_CR0_CD = 1 << 30,
};
#define SYS_CR0_PG (1u << 31)

enum sys_cr4 {
    SYS_CR4_VME = 1 << 0,
    SYS_CR4_PVI = 1 << 1,
    SYS_CR4_TSD = 1 << 2,
    SYS_CR4_DE = 1 << 3,
    SYS_CR4_PSE = 1 << 4,
    SYS_CR4_PAE = 1 << 5,
    SYS_CR4_MCE = 1 << 6,
    SYS_CR4_PGE = 1 << 7,
    SYS_CR4_PCE = 1 << 8,
    SYS_CR4_OSFXSR = 1 << 9,
    SYS_CR4_OSXMMEXCPT = 1 << 10,
    SYS_CR4_UMIP = 1 << 11,
    SYS_CR4_LA57 = 1 << 12,
    SYS_CR4_FSGSBASE = 1 << 16,
    SYS_CR4_PCIDE = 1 << 17,
    SYS_CR4_OSXSAVE = 1 << 18,
    SYS_CR4_SMEP = 1 << 20,
    SYS_CR4_SMAP = 1 << 21,
    SYS_CR4_PKE = 1 << 22,
};

enum sys_efer {
    SYS_EFER_SCE = 1 << 0,
    SYS_EFER_LME = 1 << 8,
    SYS_EFER_LMA = 1 << 10,
    SYS_EFER_NXE = 1 << 11,
};

/* More of RFLAGS than user mode needs. */
enum sys_rflags {
    SYS_RF_ONE = 1 << 1,
    SYS_RF_IOPL = 3 << 12,
    SYS_RF_NT = 1 << 14,
    SYS_RF_VM = 1 << 17,
    SYS_RF_VIF = 1 << 19,
    SYS_RF_VIP = 1 << 20,
};
#define SYS_RF_IOPL_SHIFT 12
#define SYS_RF_ARITH      (X86_CF | X86_PF | X86_AF | X86_ZF | X86_SF | X86_OF)

/* cpu->mode: what a translation depends on besides address and bytes; the
 * TB's `flags`. sys_mode_update computes it from the rest of the state. */
enum sys_mode {
    SYS_MODE_CPL = 3 << 0,
    SYS_MODE_CODE32 = 1 << 2,  /* CS.D and not 64-bit */
    SYS_MODE_CODE64 = 1 << 3,  /* 64-bit mode; neither bit: 16-bit */
    SYS_MODE_STACK32 = 1 << 4, /* SS.B, outside of 64-bit mode */
    SYS_MODE_PE = 1 << 5,      /* protected (compatibility and long included) */
    SYS_MODE_VM = 1 << 6,      /* virtual-8086 */
    SYS_MODE_FLAT = 1 << 7, /* ES, CS, SS, DS: base 0, limit 4 GiB, readable, data writable; always
                               in 64-bit mode. Without it, each access adds its segment's base and
                               checks (translate: sys_seg_check) */
    SYS_MODE_MMU = 3 << 8,  /* enum sys_mmu */
    SYS_MODE_TF = 1 << 10,  /* single step: one instruction, then #DB */
    SYS_MODE_SHADOW = 1 << 11, /* first instruction after STI or a load of SS: one-instruction TB,
                                  interrupts after it */
    SYS_MODE_FPU_NM = 1 << 12, /* x87 and MMX raise #NM (CR0.EM or TS) */
    SYS_MODE_FPU_EM = 1 << 13, /* CR0.EM: SSE and MMX raise #UD */
    SYS_MODE_TS = 1 << 14,     /* CR0.TS: SSE and AVX raise #NM; WAIT too with SYS_MODE_MP */
    SYS_MODE_MP = 1 << 15,
    SYS_MODE_OSFXSR = 1 << 16, /* CR4.OSFXSR: SSE exists */
    SYS_MODE_AVX = 1 << 17,    /* CR4.OSXSAVE and XCR0 allow VEX; else #UD */
    SYS_MODE_AVX512 = 1 << 18, /* ... EVEX */
    SYS_MODE_IOPL = 1 << 19,   /* CPL <= IOPL: CLI, STI, POPF's IF need no check */
    SYS_MODE_ICOUNT = 1 << 20, /* TBs count instructions (exec/icount.h) */
    SYS_MODE_DEBUG = 1 << 21,  /* DR7 has breakpoints on: one-instruction TBs, checked in C */
    SYS_MODE_LAST = 1 << 22,   /* the last ones of the count: one-instruction TBs */
    SYS_MODE_AC = 1 << 23,     /* CPL 3, CR0.AM and RFLAGS.AC: alignment is checked (align.c) */
};
/* Blocks have one instruction, and come back to the loop behind it. */
#define SYS_MODE_ONE_INSN  (SYS_MODE_TF | SYS_MODE_SHADOW | SYS_MODE_DEBUG | SYS_MODE_LAST)
#define SYS_MODE_MMU_SHIFT 8

/* An exception that is to be delivered. */
#define SYS_NO_EXCEPTION 0xff
struct sys_exception {
    uint8_t vector; /* SYS_NO_EXCEPTION: none */
    bool has_error;
    uint32_t error;
    uint64_t addr; /* #PF: CR2; #DB: bits for DR6 */
};

#define SYS_MC_BANKS     10
#define SYS_MONITOR_LINE 64 /* bytes */
#define SYS_MSRS_KEPT    40

/* What a vCPU has done, for `info jit` and whoever makes it faster. */
enum sys_count {
    SYS_COUNT_CHAIN,  /* ways out of TBs: a jump not chained yet */
    SYS_COUNT_MISS,   /* ... not in the jump cache */
    SYS_COUNT_POLL,   /* ... a request */
    SYS_COUNT_C,      /* ... an instruction for C */
    SYS_COUNT_OTHER,  /* ... exceptions, single steps */
    SYS_COUNT_SLOW,   /* memory accesses that missed the TLB */
    SYS_COUNT_COMMIT, /* bounced writes */
    SYS_COUNT_MADE,   /* TBs translated */
    SYS_COUNT_COPIED, /* TBs made from others */
    SYS_COUNT_EXCEPTION,
    SYS_COUNT_INTERRUPT,
    SYS_COUNT_JUMP_FLUSH, /* of the jump cache */
    SYS_COUNT_VEC,        /* vector state saved */
    SYS_COUNTS
};

struct OWNED_BY(its thread) sys_cpu {
    uint64_t self; /* &cpu: what generated code reads at gs:0 */
    void *block;   /* what is to be freed: this and up to 63 bytes before */

    uint64_t gpr[X86_GPRS];
    uint64_t rip;    /* offset in CS, not linear */
    uint64_t rflags; /* complete while C code runs */

    /* Used by generated code only. */
    uint64_t slot[X86_GPRS]; /* a mapped GPR's value while its host register is borrowed */
    uint64_t flags;          /* arithmetic flags put aside, as LAHF and SETO leave them in AX */
    uint64_t entry;          /* where to go on in the code cache */
    uint64_t host_rsp;
    uint64_t scratch[4];
    uint64_t kept_target, kept_value; /* of an indirect call, of PUSH and POP of memory */
    uint32_t exit;   /* offset in the code cache of the struct tb_exit or sys_insn at hand */
    uint32_t stop;   /* why the last run ended: enum sys_stop of stubs.h */
    uint32_t commit; /* the slow path has begun a bounced write */
    struct tb_exit *last_exit; /* to be chained to the next TB, or NULL */
    bool missed;               /* the next TB goes into the jump cache */
    bool vec_live;

    /* The access that is in the slow path: slow.c. */
    struct {
        uintptr_t ret; /* the stub's return address */
        uint64_t host_flags, result, flushes;
        bool behind;  /* the guest goes on behind the instruction, not at it */
        bool settled; /* rip and rflags say where */
        bool lost;    /* the code cache was flushed meanwhile */
        bool alone;   /* in an exclusive section, until the commit */
        bool kept;    /* bounce holds what was read for the instruction at rip */
    } slow;

    uint32_t mode; /* enum sys_mode */
    struct sys_seg seg[SYS_SEGS];
    struct sys_seg ldtr, tr;
    struct sys_seg gdtr, idtr; /* base and limit only */
    uint64_t cr0, cr2, cr3, cr4, efer;
    uint64_t pdpte[4]; /* PAE paging: loaded with CR3 (sys_pdpte_load) */
    uint64_t dr[8];
    uint64_t xcr0;
    uint32_t pkru;
    uint32_t smbase;
    bool in_smm;
    bool nmi_blocked;
    bool smm_nmi_blocked; /* ... before the SMI */
    bool shadow;          /* interrupts wait for one instruction: SYS_MODE_SHADOW */
    bool halted;          /* HLT, or waiting for SIPI (wait_sipi) */
    bool wait_sipi;
    struct sys_exception exception;
    uint64_t debug_hits; /* DR6 bits of data breakpoints that the current instruction has met */
    bool rf_loaded;      /* the current instruction has loaded RF: it is for the next one */
    bool no_step;        /* the current instruction is not followed by a single-step #DB */

    uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t tsc_aux, tsc_adjust;
    int64_t tsc_offset; /* guest TSC = host TSC + this */
    uint64_t tsc_look;  /* reading the TSC when the host's is past this raises CPU_EXIT_CLOCK */
    uint64_t pat, misc_enable, spec_ctrl;
    uint64_t mtrr_def_type, mtrr_fixed[11], mtrr_base[8], mtrr_mask[8];
    uint64_t mcg_status, mcg_ctl, mc_bank[4 * SYS_MC_BANKS];
    struct { /* MONITOR: mwait.c */
        bool armed;
        uint64_t linear;
        uint64_t line[SYS_MONITOR_LINE / 8]; /* as it was */
    } monitor;
    bool mc_fatal; /* the machine check that SYS_INT_MCE announces met another one */
    uint64_t hwcr, syscfg, top_mem, top_mem2; /* AMD */
    uint64_t msr_kept[SYS_MSRS_KEPT];         /* MSRs that only remember: msr_kept.c */

    uint64_t xsave_mask; /* state components saved when C needs the vector registers */
    void *xsave;         /* 64-byte aligned, standard format */
    void *xsave_copy;    /* SYS_BOUNCE_MAX bytes, 64-byte aligned: of a guest's XSAVE area */

    /* A page-crossing, MMIO or code-page access goes through here. */
    struct sys_bounce bounce;

    atomic_uint interrupt; /* enum sys_interrupt */
    atomic_uint sipi_vector;

    uint64_t counts[SYS_COUNTS]; /* by enum sys_count */

    void *apic IMMUTABLE_AFTER_INIT; /* the local APIC, for apic_ops; NULL: none */
    const struct sys_apic_ops *apic_ops IMMUTABLE_AFTER_INIT;
    const struct sys_cpu_model *model IMMUTABLE_AFTER_INIT;
    unsigned apic_id IMMUTABLE_AFTER_INIT;
    bool bsp IMMUTABLE_AFTER_INIT; /* runs after power-on; others wait for a SIPI */
    struct address_space *memory IMMUTABLE_AFTER_INIT; /* physical memory as this CPU sees it */
    struct address_space *smram IMMUTABLE_AFTER_INIT;  /* the same in SMM; NULL: as memory */
    struct address_space *io IMMUTABLE_AFTER_INIT;     /* port space */
    uint64_t phys_mask IMMUTABLE_AFTER_INIT;           /* of its physical address width */

    struct cpu cpu;

    struct sys_tlb tlb;
    struct sys_jump *jump_table; /* of the current mode, in `jump`: for generated code */
    uint32_t jump_mode;          /* its mode */
    struct sys_jump_cache jump;
};

static inline struct sys_cpu *sys_cpu_of(struct cpu *cpu)
{
    return (struct sys_cpu *)(void *)((char *)cpu - offsetof(struct sys_cpu, cpu));
}

static inline unsigned sys_cpl(const struct sys_cpu *cpu)
{
    return cpu->mode & SYS_MODE_CPL;
}

/* Recomputes cpu->mode. After every change of CR0, CR4, EFER, XCR0, a segment
 * register, DR7, or RFLAGS other than arithmetic flags; `shadow` too. */
void sys_mode_update(struct sys_cpu *cpu);

/* Stores an exception for delivery. Always returns false, so that
 * `return sys_raise(...)` reads well in functions that return "it worked".
 * The first of two counts. */
bool sys_raise(struct sys_cpu *cpu, uint8_t vector);
bool sys_raise_error(struct sys_cpu *cpu, uint8_t vector, uint32_t error);
bool sys_raise_page_fault(struct sys_cpu *cpu, uint64_t linear, uint32_t error);

enum sys_vector {
    SYS_DE = 0,
    SYS_DB = 1,
    SYS_NMI = 2,
    SYS_BP = 3,
    SYS_OF = 4,
    SYS_BR = 5,
    SYS_UD = 6,
    SYS_NM = 7,
    SYS_DF = 8,
    SYS_TS = 10,
    SYS_NP = 11,
    SYS_SSF = 12,
    SYS_GP = 13,
    SYS_PF = 14,
    SYS_MF = 16,
    SYS_AC = 17,
    SYS_MC = 18,
    SYS_XM = 19,
    SYS_CP = 21,
};

#endif
