/* The registers of a local APIC (Intel SDM volume 3, chapter 11), by number: the offset
 * in memory divided by 16, or the MSR less 0x800. The vCPU's thread. */
#include "hw/lapic_internal.h"

#define VERSION 0x14u /* integrated APIC */

enum reg {
    REG_ID = 0x02,
    REG_VERSION = 0x03,
    REG_TPR = 0x08,
    REG_PPR = 0x0a,
    REG_EOI = LAPIC_REG_EOI,
    REG_LDR = 0x0d,
    REG_DFR = 0x0e,
    REG_SVR = 0x0f,
    REG_ISR = 0x10,
    REG_TMR = 0x18,
    REG_IRR = 0x20,
    REG_ESR = 0x28,
    REG_ICR_LOW = 0x30,
    REG_ICR_HIGH = 0x31,
    REG_LVT = 0x32,
    REG_LVT_END = 0x38,
    REG_TIMER_INITIAL = 0x38,
    REG_TIMER_CURRENT = 0x39,
    REG_TIMER_DIVIDER = 0x3e,
    REG_SELF_IPI = 0x3f,
};

#define MSR_X2APIC       0x800u
#define MSR_TSC_DEADLINE 0x6e0u
#define ICR_WRITABLE     0xccfffu
#define SVR_WRITABLE     0x3ffu

/* Bits of an LVT entry that can be written. */
static const uint32_t lvt_writable[LVTS] = {
    [LVT_TIMER] = LVT_VECTOR | LVT_MASKED | LVT_TIMER_MODE,
    [LVT_THERMAL] = LVT_VECTOR | 7u << LVT_MODE_SHIFT | LVT_MASKED,
    [LVT_PERF] = LVT_VECTOR | 7u << LVT_MODE_SHIFT | LVT_MASKED,
    [LVT_LINT0] = LVT_VECTOR | 7u << LVT_MODE_SHIFT | 1u << 13 | LVT_LEVEL | LVT_MASKED,
    [LVT_LINT1] = LVT_VECTOR | 7u << LVT_MODE_SHIFT | 1u << 13 | LVT_LEVEL | LVT_MASKED,
    [LVT_ERROR] = LVT_VECTOR | LVT_MASKED,
};

bool lapic_read_reg(struct lapic *l, unsigned reg, uint32_t *value)
{
    switch (reg) {
    case REG_ID:
        *value = lapic_is_x2apic(l) ? l->x2apic_id : lapic_get(&l->id);
        return true;
    case REG_VERSION:
        *value = VERSION | (LVTS - 1) << 16;
        return true;
    case REG_TPR:
        *value = lapic_get(&l->tpr);
        return true;
    case REG_PPR:
        *value = lapic_ppr(l);
        return true;
    case REG_LDR:
        *value = lapic_get(&l->ldr);
        return true;
    case REG_DFR:
        *value = lapic_get(&l->dfr);
        return true;
    case REG_SVR:
        *value = lapic_get(&l->svr);
        return true;
    case REG_ESR:
        *value = lapic_get(&l->esr);
        return true;
    case REG_ICR_LOW:
        *value = lapic_get(&l->icr_low);
        return true;
    case REG_ICR_HIGH:
        *value = lapic_get(&l->icr_high);
        return true;
    case REG_TIMER_INITIAL:
        *value = lapic_timer_initial(l);
        return true;
    case REG_TIMER_CURRENT:
        *value = lapic_timer_current(l);
        return true;
    case REG_TIMER_DIVIDER:
        *value = lapic_timer_divider(l);
        return true;
    default:
        break;
    }
    if (reg >= REG_ISR && reg < REG_ISR + 8) {
        *value = lapic_get(&l->isr.word[reg - REG_ISR]);
    } else if (reg >= REG_TMR && reg < REG_TMR + 8) {
        *value = lapic_get(&l->tmr.word[reg - REG_TMR]);
    } else if (reg >= REG_IRR && reg < REG_IRR + 8) {
        *value = lapic_get(&l->irr.word[reg - REG_IRR]);
    } else if (reg >= REG_LVT && reg < REG_LVT_END) {
        *value = lapic_get(&l->lvt[reg - REG_LVT]);
    } else {
        return false;
    }
    return true;
}

void lapic_set_tpr(struct lapic *l, uint32_t tpr)
{
    /* Sequentially consistent: before the look at IRR that follows. */
    atomic_store_explicit(&l->tpr, tpr & 0xff, memory_order_seq_cst);
    lapic_update(l);
}

static void end_of_interrupt(struct lapic *l)
{
    int vector = vectors_highest(&l->isr);

    if (vector < 0) {
        return;
    }
    vectors_clear(&l->isr, (uint8_t)vector);
    /* TMR stays: only the next interrupt with this vector changes it. */
    if (vectors_has(&l->tmr, (uint8_t)vector)) {
        for (unsigned i = 0; i < l->set->eois; i++) {
            l->set->eoi[i].fn(l->set->eoi[i].opaque, (uint8_t)vector);
        }
    }
    lapic_update(l);
}

static void set_svr(struct lapic *l, uint32_t svr)
{
    lapic_put(&l->svr, svr & SVR_WRITABLE);
    if (!(svr & SVR_ENABLED)) {
        for (unsigned i = 0; i < LVTS; i++) {
            atomic_fetch_or_explicit(&l->lvt[i], LVT_MASKED, memory_order_relaxed);
        }
    }
    lapic_update(l);
}

static void set_lvt(struct lapic *l, enum lvt n, uint32_t value)
{
    if (!(lapic_get(&l->svr) & SVR_ENABLED)) {
        value |= LVT_MASKED;
    }
    value &= lvt_writable[n];
    if (n == LVT_TIMER) {
        lapic_timer_set_entry(l, value);
        return;
    }
    lapic_put(&l->lvt[n], value);
    if (n == LVT_LINT0) {
        lapic_update(l);
    }
}

/* False: no such register, or read-only. Reserved bits are dropped. */
bool lapic_write_reg(struct lapic *l, unsigned reg, uint32_t value)
{
    switch (reg) {
    case REG_ID:
        lapic_put(&l->id, value & 0xff000000);
        return true;
    case REG_TPR:
        lapic_set_tpr(l, value);
        return true;
    case REG_EOI:
        end_of_interrupt(l);
        return true;
    case REG_LDR:
        lapic_put(&l->ldr, value & 0xff000000);
        return true;
    case REG_DFR:
        lapic_put(&l->dfr, value | 0x0fffffff);
        return true;
    case REG_SVR:
        set_svr(l, value);
        return true;
    case REG_ESR: /* any write makes what was noticed readable */
        lapic_put(&l->esr, atomic_exchange_explicit(&l->errors, 0, memory_order_relaxed));
        return true;
    case REG_ICR_LOW:
        lapic_put(&l->icr_low, value & ICR_WRITABLE);
        lapic_send_ipi(l, value & ICR_WRITABLE, lapic_get(&l->icr_high) >> 24);
        return true;
    case REG_ICR_HIGH:
        lapic_put(&l->icr_high, value & 0xff000000);
        return true;
    case REG_TIMER_INITIAL:
        lapic_forget_owed(l, (uint8_t)lapic_get(&l->lvt[LVT_TIMER]));
        lapic_timer_set_initial(l, value);
        return true;
    case REG_TIMER_DIVIDER:
        lapic_timer_set_divider(l, value & 0xb);
        return true;
    default:
        if (reg < REG_LVT || reg >= REG_LVT_END) {
            return false;
        }
        set_lvt(l, (enum lvt)(reg - REG_LVT), value);
        return true;
    }
}

bool lapic_read_msr(void *opaque, uint32_t msr, uint64_t *value)
{
    struct lapic *l = opaque;
    unsigned reg = msr - MSR_X2APIC;
    uint32_t word = 0;

    if (msr == MSR_TSC_DEADLINE) {
        *value = lapic_timer_deadline(l);
        return true;
    }
    if (!lapic_is_x2apic(l) || reg == REG_DFR || reg == REG_ICR_HIGH || reg == REG_EOI ||
        reg == REG_SELF_IPI || !lapic_read_reg(l, reg, &word)) {
        return false;
    }
    *value = word;
    if (reg == REG_ICR_LOW) {
        *value |= (uint64_t)lapic_get(&l->icr_high) << 32;
    }
    return true;
}

/* Bits that may be written to an x2APIC register; others raise #GP. */
static uint64_t msr_writable(unsigned reg)
{
    switch (reg) {
    case REG_TPR:
        return 0xff;
    case REG_SVR:
        return SVR_WRITABLE;
    case REG_EOI:
    case REG_ESR:
        return 0;
    case REG_ICR_LOW:
        return (UINT64_C(0xffffffff) << 32) | ICR_WRITABLE;
    case REG_TIMER_DIVIDER:
        return 0xb;
    case REG_SELF_IPI:
        return 0xff;
    default:
        return reg >= REG_LVT && reg < REG_LVT_END
                   ? lvt_writable[reg - REG_LVT] | 1u << 12 | 1u << 14
                   : UINT32_MAX;
    }
}

bool lapic_write_msr(void *opaque, uint32_t msr, uint64_t value)
{
    struct lapic *l = opaque;
    unsigned reg = msr - MSR_X2APIC;

    if (msr == MSR_TSC_DEADLINE) {
        lapic_timer_set_deadline(l, value);
        return true;
    }
    if (!lapic_is_x2apic(l) || (value & ~msr_writable(reg))) {
        return false;
    }
    switch (reg) {
    case REG_ID:
    case REG_LDR:
    case REG_DFR:
    case REG_ICR_HIGH:
        return false;
    case REG_ICR_LOW:
        lapic_put(&l->icr_high, (uint32_t)(value >> 32));
        lapic_put(&l->icr_low, (uint32_t)value);
        lapic_send_ipi(l, (uint32_t)value, (uint32_t)(value >> 32));
        return true;
    case REG_SELF_IPI:
        lapic_send_ipi(l, (uint32_t)value | 1u << 18, 0);
        return true;
    default:
        return lapic_write_reg(l, reg, (uint32_t)value);
    }
}
