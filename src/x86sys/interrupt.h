/* Where interrupt controllers and the CPU meet: the only header of this room
 * that src/hw includes (and x86sys/machine.h that the command line does). */
#ifndef MORTISE_X86SYS_INTERRUPT_H
#define MORTISE_X86SYS_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

struct cpu;
struct sys_cpu;

/* Interrupt requests: bits of cpu->interrupt, set by anybody (followed by
 * cpu_kick(..., CPU_EXIT_INTERRUPT)), cleared by the vCPU's thread. */
enum sys_interrupt {
    SYS_INT_HARD = 1 << 0, /* level of the INTR input: the APIC or PIC has a vector to hand out */
    SYS_INT_NMI = 1 << 1,  /* by sys_cpu_interrupt only */
    SYS_INT_SMI = 1 << 2,
    SYS_INT_INIT = 1 << 3,
    SYS_INT_SIPI = 1 << 4, /* vector in sipi_vector */
    SYS_INT_MCE = 1 << 5,
    SYS_INT_RESET = 1 << 6,     /* power-on state */
    SYS_INT_TLB = 1 << 7,       /* the memory map changed: flush the TLB */
    SYS_INT_NMI_AGAIN = 1 << 8, /* with SYS_INT_NMI: another one came before it was taken */
};

/* The local APIC as its CPU sees it. Called on the vCPU's thread, in or out of
 * guest code, without the BQL; must not block, but may take a leaf lock. */
struct sys_apic_ops {
    /* The vector to be delivered now: acknowledges it (IRR to ISR, or the
     * ExtINT handshake with the 8259); -1 if there is none any more. After it
     * the level of SYS_INT_HARD is right again. */
    int (*acknowledge)(void *apic);
    uint8_t (*get_tpr)(void *apic); /* CR8: bits 7..4 of TPR */
    void (*set_tpr)(void *apic, uint8_t cr8);
    uint64_t (*get_base)(void *apic);             /* IA32_APIC_BASE */
    bool (*set_base)(void *apic, uint64_t value); /* false: #GP */
    /* x2APIC registers, MSR 0x800 + reg; IA32_TSC_DEADLINE as reg 0x6e0. False: #GP. */
    bool (*read_msr)(void *apic, uint32_t msr, uint64_t *value);
    bool (*write_msr)(void *apic, uint32_t msr, uint64_t value);
    void (*reset)(void *apic, bool init); /* power-on, or INIT */
};

/* Sets or clears bits of enum sys_interrupt and kicks the vCPU if bits were set. Any thread that
 * keeps the vCPU registered. */
void sys_cpu_interrupt(struct cpu *cpu, uint32_t set, uint32_t clear);
void sys_cpu_sipi(struct cpu *cpu, uint8_t vector); /* start-up IPI */

/* The vCPU with this APIC id, or NULL. RCU read section or vCPU thread. */
struct cpu *sys_cpu_by_apic_id(uint32_t id);

/* The guest's TSC now, and the host time (ns, CLOCK_MONOTONIC) at which it will
 * be `tsc`: for the deadline timer; guest time if that is counted (exec/icount.h). Its
 * frequency in Hz. */
uint64_t sys_cpu_tsc(struct cpu *cpu);
int64_t sys_cpu_tsc_to_ns(struct cpu *cpu, uint64_t tsc);
uint64_t sys_tsc_hz(void);

/* CPU_EXIT_CLOCK is raised when the guest reads its TSC more than ns, at most a second,
 * from now; if this is never called, not at all. The vCPU's thread, or before it starts. */
void sys_cpu_watch_clock(struct cpu *cpu, int64_t ns);

/* The FERR# output: level of IRQ 13 in machines with the legacy FPU error wiring. */
void sys_set_ferr_handler(void (*raise)(void *opaque), void *opaque);

#endif
