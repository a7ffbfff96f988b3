/* The local APICs of a machine: xAPIC registers at 0xfee00000, x2APIC by MSR, IPIs,
 * messages from I/O APICs and PCI devices, and a timer each. Interrupts are
 * delivered by any thread, without the BQL. */
#ifndef MORTISE_HW_LAPIC_H
#define MORTISE_HW_LAPIC_H

#include "exec/memory.h"
#include "x86sys/interrupt.h"

struct i8259;
struct lapic;
struct lapic_set;

#define LAPIC_BASE     UINT64_C(0xfee00000)
#define LAPIC_TIMER_HZ 1000000000u /* before its divider */

enum apic_mode {
    APIC_FIXED = 0,
    APIC_LOWEST = 1,
    APIC_SMI = 2,
    APIC_NMI = 4,
    APIC_INIT = 5,
    APIC_STARTUP = 6,
    APIC_EXTINT = 7,
};

struct apic_message {
    uint32_t dest; /* APIC id, or a logical destination */
    uint8_t vector;
    enum apic_mode mode;
    bool logical, level; /* level: the target's EOI is broadcast */
    bool broadcast;      /* dest is "all", in the sender's format */
    /* Of a periodic timer: how many edges this is, see irq_tick. 0: of another source,
     * whose edge merges with one that is not taken yet. */
    unsigned ticks;
};

/* Room for `count` APICs, and the region of `memory` that their registers and
 * messages of devices are written to. */
NODISCARD int lapic_set_new(struct memory_region *memory, unsigned count, struct lapic_set **out,
                            struct error *err) REQUIRES(bql);
/* Frees its APICs too. The vCPUs are gone. */
void lapic_set_free(struct lapic_set *set) REQUIRES(bql);

/* Before vCPUs run: the 8259 whose vectors ExtINT delivers, and who wants to hear
 * of the end of level-triggered interrupts (at most 4). */
void lapic_set_pic(struct lapic_set *set, struct i8259 *pic);
void lapic_set_on_eoi(struct lapic_set *set, void (*eoi)(void *opaque, uint8_t vector),
                      void *opaque);

/* Adds an APIC, in its power-on state. It is the `apic` of lapic_ops. The main
 * loop exists. Then, when its vCPU has been made: lapic_attach. */
NODISCARD int lapic_new(struct lapic_set *set, uint32_t id, bool bsp, struct lapic **out,
                        struct error *err) REQUIRES(bql);
void lapic_attach(struct lapic *l, struct cpu *cpu);
extern const struct sys_apic_ops lapic_ops;

/* The 8259's INTR output: LINT0 of all APICs. The handler of struct irq; opaque is
 * the set. Any thread. */
void lapic_set_intr(void *opaque, unsigned n, bool level);

/* LINT1 of all: the machine's NMI. Any thread. */
void lapic_set_nmi(struct lapic_set *set);

/* A message on the APIC bus. Any thread. */
void lapic_set_deliver(struct lapic_set *set, const struct apic_message *m);

/* A timer's edges with this vector that are still to come are forgotten. Any thread. */
void lapic_set_forget_ticks(struct lapic_set *set, uint8_t vector);

/* A message signalled interrupt: a write of data to addr by a device. Any thread. */
void lapic_set_msi(struct lapic_set *set, uint64_t addr, uint32_t data);
/* The same of a periodic timer, `count` times (irq_tick). */
void lapic_set_msi_tick(struct lapic_set *set, uint64_t addr, uint32_t data, unsigned count);

#endif
