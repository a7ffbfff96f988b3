/* Making and running the vCPUs of a machine: for src/cli and src/hw/machine. */
#ifndef MORTISE_X86SYS_MACHINE_H
#define MORTISE_X86SYS_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/annotations.h"
#include "base/error.h"
#include "locks/bql.h"
#include "x86sys/interrupt.h"

struct address_space;
struct cpu;

struct sys_engine_config {
    size_t cache_size; /* bytes of code cache; 0: default (512 MiB) */
    bool one_insn_per_tb;
};

/* Detects the host, maps the code cache, generates the stubs. Once, before vCPUs. */
NODISCARD int sys_engine_init(const struct sys_engine_config *cfg, struct error *err);

struct sys_cpu_config {
    const char
        *model; /* "qemu64", "max", "host", "x86-64-v2", ..., with ",+f,-f,f=on"; NULL: max */
    unsigned apic_id;
    bool bsp;
    unsigned cores, threads, sockets; /* topology, for CPUID */
    struct address_space *memory, *smram, *io;
    void *apic;
    const struct sys_apic_ops *apic_ops;
};

/* A vCPU in its power-on state, registered with exec; its thread attaches itself
 * in sys_cpu_run. */
NODISCARD int sys_cpu_new(const struct sys_cpu_config *cfg, struct cpu **out, struct error *err)
    REQUIRES(bql);
void sys_cpu_free(struct cpu *cpu);

/* Checks a model string, with a warning on standard error if it asks for features that can't be
 * had; prints the list of models ("-cpu help"). */
NODISCARD int sys_cpu_model_check(const char *model, struct error *err);
void sys_cpu_model_help(FILE *out);

/* Why sys_cpu_exec came back. */
enum sys_exit {
    SYS_EXIT_REQUEST,  /* cpu->exit_request has bits to be handled, or the count of instructions is
                          up (exec/icount.h); go on after that */
    SYS_EXIT_HALTED,   /* HLT with nothing pending: sleep until kicked */
    SYS_EXIT_SHUTDOWN, /* triple fault */
};

/* Makes the CPU the calling thread's (GS base, current_cpu, xsave). */
void sys_cpu_attach(struct cpu *cpu);
/* Runs guest code. vCPU's thread, not inside, no lock held. */
enum sys_exit sys_cpu_exec(struct cpu *cpu);
/* Whether a halted vCPU has a reason to run. Its thread. */
bool sys_cpu_has_work(struct cpu *cpu);
/* Power-on reset. Its thread, or before it starts. */
void sys_cpu_reset(struct cpu *cpu);

/* For direct kernel boot: the registers a boot protocol wants, set after reset
 * and before the thread starts. Flat 32-bit protected mode with paging off, or
 * 64-bit with CR3 given; interrupts off. */
struct sys_boot_state {
    bool long_mode;
    uint64_t rip, rsp, rsi, rbx, rax, cr3;
    uint64_t gdt_base;
    uint32_t gdt_limit;
    uint16_t cs, ds;
};
void sys_cpu_set_boot_state(struct cpu *cpu, const struct sys_boot_state *s);

/* A machine check as its bank and MCG_STATUS tell of it (SDM volume 3, chapter 16). */
struct sys_machine_check {
    unsigned bank;
    uint64_t status; /* with SYS_MC_VAL; SYS_MC_UC: uncorrected */
    uint64_t mcg_status, addr, misc;
};
#define SYS_MC_VAL          (1ULL << 63)
#define SYS_MC_UC           (1ULL << 61)
#define SYS_MCG_STATUS_RIPV (1u << 0)
#define SYS_MCG_STATUS_MCIP (1u << 2)
#define SYS_MCG_STATUS_ALL  7u

enum sys_mc_outcome {
    SYS_MC_NOT_THERE, /* the CPU has no such bank, or no machine-check architecture: nothing done */
    SYS_MC_RECORDED,  /* corrected: for software that polls */
    SYS_MC_MASKED,    /* uncorrected, but MCG_CTL or the bank's CTL have it off: recorded */
    SYS_MC_RAISED,    /* #MC follows */
    SYS_MC_NOT_ENABLED, /* CR4.MCE is off: the vCPU shuts down */
    SYS_MC_IN_PROGRESS, /* MCG_STATUS.MCIP was set: the vCPU shuts down */
};

/* The machine check happens to the vCPU. Its thread, stopped or not, but not inside. */
enum sys_mc_outcome sys_cpu_machine_check(struct cpu *cpu, const struct sys_machine_check *mc);

/* Registers and mode, one page of text: "info registers", -d cpu. */
void sys_cpu_dump(struct cpu *cpu, FILE *out);
/* What it has done so far, a number a line: "info jit". On its thread, or stopped. */
void sys_cpu_print_counts(struct cpu *cpu, FILE *out);
/* Reads guest linear memory as the vCPU would, without side effects ("x" of the
 * monitor). Returns bytes read. vCPU stopped. */
size_t sys_cpu_peek(struct cpu *cpu, uint64_t linear, void *buf, size_t len);

#endif
