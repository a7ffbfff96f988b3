/* Interrupt requests: bits that any thread sets, and what the vCPU's thread makes
 * of them between two blocks, in the order of SDM volume 3, table 6-2.
 *
 * cpu->interrupt: set with release (sys_cpu_interrupt, sys_cpu_sipi), read with
 * acquire here, so that sipi_vector is seen with its bit. The kick that follows
 * the setting makes the vCPU look.
 *
 * NMIs: a CPU takes one, and keeps one more that comes before IRET. So of those that
 * come before the vCPU looks a second one is kept, too, as SYS_INT_NMI_AGAIN: it is set
 * only where SYS_INT_NMI is, and taking an NMI clears it instead, so it is never there
 * alone. What it says of NMIs that came while they were blocked is too much, and
 * forgotten at IRET. */
#include "x86sys/interrupt.h"
#include "x86sys/emulate.h"
#include "x86sys/event.h"
#include "x86sys/machine.h"
#include "x86sys/system_insns.h"

static void request(struct sys_cpu *s, uint32_t set)
{
    uint32_t before = atomic_load_explicit(&s->interrupt, memory_order_relaxed), after;
    do {
        after = before | set | (before & set & SYS_INT_NMI ? SYS_INT_NMI_AGAIN : 0u);
    } while (!atomic_compare_exchange_weak_explicit(&s->interrupt, &before, after,
                                                    memory_order_release, memory_order_relaxed));
}

void sys_cpu_interrupt(struct cpu *cpu, uint32_t set, uint32_t clear)
{
    struct sys_cpu *s = sys_cpu_of(cpu);
    if (clear) {
        atomic_fetch_and_explicit(&s->interrupt, ~clear, memory_order_relaxed);
    }
    if (set) {
        request(s, set);
        cpu_kick(cpu, CPU_EXIT_INTERRUPT);
    }
}

void sys_cpu_sipi(struct cpu *cpu, uint8_t vector)
{
    struct sys_cpu *s = sys_cpu_of(cpu);
    atomic_store_explicit(&s->sipi_vector, vector, memory_order_relaxed);
    sys_cpu_interrupt(cpu, SYS_INT_SIPI, 0);
}

struct apic_search {
    uint32_t id;
    struct cpu *found;
};

static void match_apic_id(struct cpu *cpu, void *opaque)
{
    struct apic_search *search = opaque;
    if (sys_cpu_of(cpu)->apic_id == search->id) {
        search->found = cpu;
    }
}

struct cpu *sys_cpu_by_apic_id(uint32_t id)
{
    struct apic_search search = {.id = id};
    cpu_for_each(match_apic_id, &search);
    return search.found;
}

static uint32_t pending_now(struct sys_cpu *cpu)
{
    return atomic_load_explicit(&cpu->interrupt, memory_order_acquire);
}

static void clear(struct sys_cpu *cpu, uint32_t bits)
{
    atomic_fetch_and_explicit(&cpu->interrupt, ~bits, memory_order_relaxed);
}

bool sys_interrupt_pending(struct sys_cpu *cpu)
{
    uint32_t pending = pending_now(cpu);
    uint32_t wakes = SYS_INT_RESET | SYS_INT_TLB | SYS_INT_MCE;
    if (cpu->wait_sipi) {
        return (pending & (wakes | SYS_INT_INIT | SYS_INT_SIPI)) != 0;
    }
    wakes |= cpu->in_smm ? 0u : SYS_INT_INIT | SYS_INT_SMI;
    wakes |= cpu->nmi_blocked ? 0u : SYS_INT_NMI;
    wakes |= cpu->rflags & X86_IF ? SYS_INT_HARD : 0u;
    return (pending & wakes) != 0;
}

static void take_init(struct sys_cpu *cpu)
{
    clear(cpu, SYS_INT_INIT);
    if (cpu->apic_ops) {
        cpu->apic_ops->reset(cpu->apic, true);
    }
    sys_reset_registers(cpu, true);
    cpu->wait_sipi = !cpu->bsp;
    cpu->halted = !cpu->bsp;
}

static void take_sipi(struct sys_cpu *cpu)
{
    unsigned vector = atomic_load_explicit(&cpu->sipi_vector, memory_order_relaxed);
    clear(cpu, SYS_INT_SIPI);
    cpu->seg[SYS_CS].selector = (uint16_t)(vector << 8);
    cpu->seg[SYS_CS].base = (uint64_t)vector << 12;
    cpu->rip = 0;
    cpu->wait_sipi = false;
    cpu->halted = false;
    sys_mode_update(cpu);
}

/* Through the IDT, or to the exception that this meets. False: shutdown. */
static bool deliver(struct sys_cpu *cpu, uint8_t vector)
{
    const struct sys_event ev = {.vector = vector, .ip = cpu->rip, .flags = sys_event_flags(cpu)};
    cpu->halted = false;
    return sys_event_deliver(cpu, &ev) || sys_deliver_exception(cpu);
}

static bool take_machine_check(struct sys_cpu *cpu)
{
    clear(cpu, SYS_INT_MCE);
    return cpu->cr4 & SYS_CR4_MCE && !cpu->mc_fatal && deliver(cpu, SYS_MC);
}

void sys_nmi_unblock(struct sys_cpu *cpu)
{
    if (cpu->nmi_blocked) {
        clear(cpu, SYS_INT_NMI_AGAIN);
        cpu->nmi_blocked = false;
    }
}

static bool take_nmi(struct sys_cpu *cpu)
{
    uint32_t before = pending_now(cpu), after;
    do {
        after = before & ~(uint32_t)(before & SYS_INT_NMI_AGAIN ? SYS_INT_NMI_AGAIN : SYS_INT_NMI);
    } while (!atomic_compare_exchange_weak_explicit(&cpu->interrupt, &before, after,
                                                    memory_order_relaxed, memory_order_relaxed));
    cpu->nmi_blocked = true;
    return deliver(cpu, SYS_NMI);
}

/* What wants the CPU's attention whatever it does: returns the bits that are left. */
static uint32_t take_resets(struct sys_cpu *cpu, uint32_t pending, bool *taken)
{
    if (pending & SYS_INT_TLB) {
        clear(cpu, SYS_INT_TLB);
        sys_tlb_flush(cpu);
    }
    if (pending & SYS_INT_RESET) {
        clear(cpu, UINT32_MAX);
        sys_cpu_reset(&cpu->cpu);
        *taken = true;
        return 0;
    }
    if (pending & SYS_INT_INIT && !cpu->in_smm) {
        take_init(cpu);
        *taken = true;
        /* A start-up IPI that came after the INIT has to be kept. */
        pending = pending_now(cpu);
    }
    if (pending & SYS_INT_SIPI) {
        if (cpu->wait_sipi) {
            take_sipi(cpu);
            *taken = true;
        } else {
            clear(cpu, SYS_INT_SIPI);
        }
    }
    return cpu->wait_sipi ? pending & SYS_INT_MCE : pending;
}

bool sys_take_interrupts(struct sys_cpu *cpu, bool *alive)
{
    bool taken = false;
    *alive = true;
    uint32_t pending = pending_now(cpu);
    if (pending == 0) {
        return false;
    }
    pending = take_resets(cpu, pending, &taken);
    if (pending & SYS_INT_MCE) {
        *alive = take_machine_check(cpu);
        return true;
    }
    if (cpu->shadow) {
        return taken;
    }
    if (pending & SYS_INT_SMI && !cpu->in_smm) {
        clear(cpu, SYS_INT_SMI);
        sys_smm_enter(cpu);
        return true;
    }
    if (pending & SYS_INT_NMI && !cpu->nmi_blocked) {
        *alive = take_nmi(cpu);
        return true;
    }
    if (pending & SYS_INT_HARD && cpu->rflags & X86_IF && cpu->apic_ops) {
        int vector = cpu->apic_ops->acknowledge(cpu->apic);
        if (vector >= 0) {
            *alive = deliver(cpu, (uint8_t)vector);
            return true;
        }
    }
    return taken;
}
