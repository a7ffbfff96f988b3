/* Interrupts on their way into a local APIC, from any thread: what becomes of a message
 * there. lapic_internal.h has the argument why no wake-up is lost. */
#include "exec/cpu.h"
#include "hw/i8259.h"
#include "hw/irq.h"
#include "hw/lapic_internal.h"

bool vectors_set(struct vectors *v, uint8_t vector)
{
    uint32_t bit = UINT32_C(1) << vector % 32;

    return !(atomic_fetch_or_explicit(&v->word[vector / 32], bit, memory_order_seq_cst) & bit);
}

void vectors_clear(struct vectors *v, uint8_t vector)
{
    uint32_t bit = UINT32_C(1) << vector % 32;

    atomic_fetch_and_explicit(&v->word[vector / 32], ~bit, memory_order_seq_cst);
}

bool vectors_has(const struct vectors *v, uint8_t vector)
{
    return atomic_load_explicit(&v->word[vector / 32], memory_order_seq_cst) >> vector % 32 & 1;
}

int vectors_highest(const struct vectors *v)
{
    for (int i = 7; i >= 0; i--) {
        /* Sequentially consistent: comes after this thread's change of a priority. */
        uint32_t word = atomic_load_explicit(&v->word[i], memory_order_seq_cst);

        if (word) {
            return i * 32 + 31 - __builtin_clz(word);
        }
    }
    return -1;
}

void vectors_zero(struct vectors *v)
{
    for (int i = 0; i < 8; i++) {
        atomic_store_explicit(&v->word[i], 0, memory_order_seq_cst);
    }
}

uint8_t lapic_ppr(const struct lapic *l)
{
    int in_service = vectors_highest(&l->isr);
    uint32_t tpr = atomic_load_explicit(&l->tpr, memory_order_seq_cst);
    uint32_t isr = in_service < 0 ? 0 : (uint32_t)in_service;

    return (uint8_t)(tpr >> 4 >= isr >> 4 ? tpr : isr & 0xf0);
}

bool lapic_enabled(const struct lapic *l)
{
    return (lapic_base(l) & BASE_ENABLE) && (lapic_get(&l->svr) & SVR_ENABLED);
}

static void interrupt(const struct lapic *l, uint32_t bits)
{
    if (l->cpu) {
        sys_cpu_interrupt(l->cpu, bits, 0);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): an error whose entry has a bad vector raises no other */
void lapic_accept(struct lapic *l, uint8_t vector, bool level)
{
    if (vector < 16) {
        lapic_raise_error(l, ERROR_RECEIVE_VECTOR);
        return;
    }
    if (level) {
        vectors_set(&l->tmr, vector);
    } else {
        vectors_clear(&l->tmr, vector);
    }
    vectors_set(&l->irr, vector);
    if (vector >> 4 > lapic_ppr(l) >> 4) {
        interrupt(l, SYS_INT_HARD);
    }
}

static void add_owed(_Atomic(uint8_t) *owed, unsigned ticks)
{
    uint8_t before = atomic_load_explicit(owed, memory_order_relaxed);
    uint8_t after;

    do {
        unsigned sum = before + (ticks < IRQ_OWED_MAX ? ticks : IRQ_OWED_MAX);

        after = (uint8_t)(sum < IRQ_OWED_MAX ? sum : IRQ_OWED_MAX);
    } while (!atomic_compare_exchange_weak_explicit(owed, &before, after, memory_order_seq_cst,
                                                    memory_order_relaxed));
}

static bool take_owed(_Atomic(uint8_t) *owed)
{
    uint8_t before = atomic_load_explicit(owed, memory_order_seq_cst);

    while (before &&
           !atomic_compare_exchange_weak_explicit(owed, &before, (uint8_t)(before - 1),
                                                  memory_order_seq_cst, memory_order_seq_cst)) {
    }
    return before != 0;
}

void lapic_offer_owed(struct lapic *l, uint8_t vector)
{
    while (!vectors_has(&l->irr, vector) && take_owed(&l->owed[vector])) {
        if (vectors_set(&l->irr, vector)) {
            return;
        }
        add_owed(&l->owed[vector], 1); /* another thread has been faster */
    }
}

void lapic_forget_owed(struct lapic *l, uint8_t vector)
{
    atomic_store_explicit(&l->owed[vector], 0, memory_order_relaxed);
}

/* Edges of a timer. */
static void accept_ticks(struct lapic *l, uint8_t vector, unsigned ticks)
{
    vectors_clear(&l->tmr, vector);
    if (vectors_set(&l->irr, vector)) {
        ticks--;
    }
    if (ticks) {
        add_owed(&l->owed[vector], ticks);
        lapic_offer_owed(l, vector);
    }
    if (vector >> 4 > lapic_ppr(l) >> 4) {
        interrupt(l, SYS_INT_HARD);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): an error whose entry has a bad vector raises no other */
static void accept(struct lapic *l, uint8_t vector, bool level, unsigned ticks)
{
    if (!lapic_enabled(l)) {
        return;
    }
    if (ticks && vector >= 16 && !level) {
        accept_ticks(l, vector, ticks);
    } else {
        lapic_accept(l, vector, level);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): an error whose entry has a bad vector raises no other */
void lapic_take(struct lapic *l, enum apic_mode mode, uint8_t vector, bool level, unsigned ticks)
{
    switch (mode) {
    case APIC_FIXED:
    case APIC_LOWEST:
        accept(l, vector, level, ticks);
        break;
    case APIC_SMI:
        interrupt(l, SYS_INT_SMI);
        break;
    case APIC_NMI:
        interrupt(l, SYS_INT_NMI);
        break;
    case APIC_INIT:
        interrupt(l, SYS_INT_INIT);
        break;
    case APIC_STARTUP:
        if (l->cpu) {
            sys_cpu_sipi(l->cpu, vector);
        }
        break;
    case APIC_EXTINT:
        /* Release: pairs with the exchange in acknowledge. */
        atomic_store_explicit(&l->extint, true, memory_order_release);
        interrupt(l, SYS_INT_HARD);
        break;
    default:
        break;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): an error whose entry has a bad vector raises no other */
static void raise_lvt(struct lapic *l, enum lvt n, uint32_t entry, unsigned ticks)
{
    enum apic_mode mode = (enum apic_mode)(entry >> LVT_MODE_SHIFT & 7);

    if ((entry & LVT_MASKED) || !(lapic_base(l) & BASE_ENABLE)) {
        return;
    }
    if (n == LVT_TIMER || n == LVT_ERROR) {
        mode = APIC_FIXED;
    }
    if (mode == APIC_EXTINT) { /* by the level of the 8259's output */
        interrupt(l, SYS_INT_HARD);
        return;
    }
    if (mode != APIC_INIT && mode != APIC_STARTUP) {
        lapic_take(l, mode, (uint8_t)(entry & LVT_VECTOR), n == LVT_LINT0 && (entry & LVT_LEVEL),
                   ticks);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): an error whose entry has a bad vector raises no other */
void lapic_raise_lvt(struct lapic *l, enum lvt n)
{
    raise_lvt(l, n, lapic_get(&l->lvt[n]), 0);
}

void lapic_raise_timer(struct lapic *l, uint32_t entry, unsigned ticks)
{
    raise_lvt(l, LVT_TIMER, entry, ticks);
}

/* NOLINTNEXTLINE(misc-no-recursion): an error whose entry has a bad vector raises no other */
void lapic_raise_error(struct lapic *l, uint32_t bits)
{
    uint32_t entry = lapic_get(&l->lvt[LVT_ERROR]);

    atomic_fetch_or_explicit(&l->errors, bits, memory_order_relaxed);
    if ((entry & LVT_VECTOR) >= 16) { /* else this error would raise itself again */
        lapic_raise_lvt(l, LVT_ERROR);
    }
}

bool lapic_takes_pic(const struct lapic *l)
{
    uint32_t lint0 = lapic_get(&l->lvt[LVT_LINT0]);

    if (!l->set->pic) {
        return false;
    }
    if (!(lapic_base(l) & BASE_ENABLE)) {
        return l->bsp; /* INTR is the processor's again */
    }
    return !(lint0 & LVT_MASKED) && (lint0 >> LVT_MODE_SHIFT & 7) == APIC_EXTINT;
}

void lapic_set_intr(void *opaque, unsigned n, bool level)
{
    struct lapic_set *set = opaque;
    (void)n;

    /* The 8259's output has been stored, now LVT entries are looked at. A vCPU that unmasks
     * LINT0 stores its entry, then looks at the output: the partner of this fence is the
     * one in lapic_update. One of the two sees what the other has stored. */
    atomic_thread_fence(memory_order_seq_cst);
    /* Where it went down nothing is to be done: the vCPU finds out. */
    for (unsigned i = 0; level && i < set->count; i++) {
        struct lapic *l = set->lapic[i];

        if (lapic_takes_pic(l)) {
            interrupt(l, SYS_INT_HARD);
        } else {
            lapic_raise_lvt(l, LVT_LINT0);
        }
    }
}

void lapic_set_nmi(struct lapic_set *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        lapic_raise_lvt(set->lapic[i], LVT_LINT1);
    }
}

static bool has_interrupt(const struct lapic *l)
{
    int vector = vectors_highest(&l->irr);

    return (lapic_enabled(l) && vector >= 16 && vector >> 4 > lapic_ppr(l) >> 4) ||
           atomic_load_explicit(&l->extint, memory_order_seq_cst) ||
           (lapic_takes_pic(l) && i8259_output(l->set->pic));
}

void lapic_update(struct lapic *l)
{
    if (!l->cpu) {
        return;
    }
    if (!has_interrupt(l)) {
        sys_cpu_interrupt(l->cpu, 0, SYS_INT_HARD);
        /* The clearing comes before the second look, and so does what the caller has
         * stored: see lapic_set_intr. */
        atomic_thread_fence(memory_order_seq_cst);
    }
    if (has_interrupt(l)) {
        sys_cpu_interrupt(l->cpu, SYS_INT_HARD, 0);
    }
}
