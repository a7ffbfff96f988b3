/* What the files of the local APIC share.
 *
 * Who writes what. IRR and TMR are written by any thread that delivers. Everything
 * else is written by the vCPU's thread, and read by deliverers: they need to know
 * who is addressed and whether a vector would be taken now. So all of it is atomic;
 * the timer alone, which the main loop runs, has a lock.
 *
 * No wake-up is lost. A deliverer sets a bit of IRR, then looks at the priority that
 * the processor has, and raises SYS_INT_HARD if the vector is above it. The vCPU's
 * thread lowers its priority (TPR or ISR), then looks at IRR. Both first steps are
 * sequentially consistent read-modify-writes, so at least one sees the other's.
 * Edges of periodic timers that came while their vector's bit of IRR was set are
 * counted in `owed`, and set it again when the vector has been taken. Likewise none is
 * left behind: a deliverer adds to the count, then looks whether the bit is clear; the
 * vCPU's thread clears the bit, then looks at the count.
 *
 * SYS_INT_HARD is cleared by the vCPU's thread only, which looks at IRR and at the
 * 8259 once more after it; a bit that is set for nothing makes acknowledge return -1. */
#ifndef MORTISE_HW_LAPIC_INTERNAL_H
#define MORTISE_HW_LAPIC_INTERNAL_H

#include <stdatomic.h>

#include "aio/timer.h"
#include "hw/lapic.h"
#include "locks/spinlock.h"

enum lvt { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVTS };

#define LVT_VECTOR     0xffu
#define LVT_MODE_SHIFT 8
#define LVT_LEVEL      (1u << 15)
#define LVT_MASKED     (1u << 16)
#define LVT_TIMER_MODE (3u << 17)
#define TIMER_PERIODIC (1u << 17)
#define TIMER_DEADLINE (2u << 17)

#define SVR_ENABLED (1u << 8)

#define BASE_BSP    (UINT64_C(1) << 8)
#define BASE_X2APIC (UINT64_C(1) << 10)
#define BASE_ENABLE (UINT64_C(1) << 11)

enum apic_error {
    ERROR_SEND_VECTOR = 1 << 5,
    ERROR_RECEIVE_VECTOR = 1 << 6,
    ERROR_REGISTER = 1 << 7,
};

/* 256 bits: a vector's is bit v % 32 of word v / 32. */
struct vectors {
    _Atomic(uint32_t) word[8];
};

struct lapic_timer {
    struct spinlock lock;
    uint32_t initial GUARDED_BY(&lock), divider GUARDED_BY(&lock);
    /* Virtual ns of the next interrupt, which the current count follows from; -1: it stands
     * at 0. */
    int64_t expires GUARDED_BY(&lock);
    uint64_t deadline GUARDED_BY(&lock); /* IA32_TSC_DEADLINE */
    int64_t deadline_ns GUARDED_BY(&lock);
    struct aio_timer count_timer, deadline_timer;
};

struct lapic {
    struct lapic_set *set IMMUTABLE_AFTER_INIT;
    struct cpu *cpu IMMUTABLE_AFTER_INIT; /* by lapic_attach */
    uint32_t x2apic_id IMMUTABLE_AFTER_INIT;
    bool bsp IMMUTABLE_AFTER_INIT;

    struct vectors irr, isr, tmr;
    _Atomic(uint8_t) owed[256]; /* per vector; at most IRQ_OWED_MAX */
    _Atomic(uint64_t) base;
    _Atomic(uint32_t) id, tpr, ldr, dfr, svr, icr_low, icr_high;
    _Atomic(uint32_t) errors, esr; /* noticed so far, and as last latched */
    _Atomic(uint32_t) lvt[LVTS];
    atomic_bool extint; /* an ExtINT message that has not been acknowledged */
    struct lapic_timer timer;
};

#define LAPIC_EOI_HOOKS 4

struct lapic_set {
    struct memory_region region;
    struct i8259 *pic IMMUTABLE_AFTER_INIT;
    struct {
        void (*fn)(void *opaque, uint8_t vector) IMMUTABLE_AFTER_INIT;
        void *opaque IMMUTABLE_AFTER_INIT;
    } eoi[LAPIC_EOI_HOOKS] IMMUTABLE_AFTER_INIT;
    unsigned eois IMMUTABLE_AFTER_INIT;
    unsigned capacity IMMUTABLE_AFTER_INIT;
    unsigned count IMMUTABLE_AFTER_INIT;
    struct lapic *lapic[] IMMUTABLE_AFTER_INIT;
};

/* Registers are words of their own: what orders them is said above. */
static inline uint32_t lapic_get(const _Atomic(uint32_t) *reg)
{
    return atomic_load_explicit(reg, memory_order_relaxed);
}

static inline void lapic_put(_Atomic(uint32_t) *reg, uint32_t value)
{
    atomic_store_explicit(reg, value, memory_order_relaxed);
}

static inline uint64_t lapic_base(const struct lapic *l)
{
    return atomic_load_explicit(&l->base, memory_order_relaxed);
}

static inline bool lapic_is_x2apic(const struct lapic *l)
{
    return lapic_base(l) & BASE_X2APIC;
}

/* lapic_deliver.c. True if the bit was not set before. */
bool vectors_set(struct vectors *v, uint8_t vector);
void vectors_clear(struct vectors *v, uint8_t vector);
bool vectors_has(const struct vectors *v, uint8_t vector);
int vectors_highest(const struct vectors *v); /* -1: none */
void vectors_zero(struct vectors *v);

uint8_t lapic_ppr(const struct lapic *l);
bool lapic_enabled(const struct lapic *l); /* by both of its switches */
/* What a message or an LVT entry asks for. Any thread. */
void lapic_take(struct lapic *l, enum apic_mode mode, uint8_t vector, bool level, unsigned ticks);
/* A fixed interrupt has come. Any thread. */
void lapic_accept(struct lapic *l, uint8_t vector, bool level);
/* The processor has taken a vector. The vCPU's thread. */
void lapic_offer_owed(struct lapic *l, uint8_t vector);
/* Edges that are owed are forgotten. Any thread. */
void lapic_forget_owed(struct lapic *l, uint8_t vector);
/* A local interrupt by its LVT entry. Any thread. */
void lapic_raise_lvt(struct lapic *l, enum lvt n);
/* `ticks` periods of the timer have passed; once 0. By its LVT entry as it was then. Any thread. */
void lapic_raise_timer(struct lapic *l, uint32_t entry, unsigned ticks);
void lapic_raise_error(struct lapic *l, uint32_t bits);
/* Makes SYS_INT_HARD what it has to be. The vCPU's thread. */
void lapic_update(struct lapic *l);
/* Whether the 8259's output comes through. */
bool lapic_takes_pic(const struct lapic *l);

/* lapic_message.c. What was written to the ICR. */
void lapic_send_ipi(struct lapic *l, uint32_t low, uint32_t dest);

/* lapic_regs.c. The vCPU's thread. False: no such register, or not allowed. */
#define LAPIC_REG_EOI 0x0b
bool lapic_read_reg(struct lapic *l, unsigned reg, uint32_t *value);
bool lapic_write_reg(struct lapic *l, unsigned reg, uint32_t value);
bool lapic_read_msr(void *opaque, uint32_t msr, uint64_t *value);
bool lapic_write_msr(void *opaque, uint32_t msr, uint64_t value);
void lapic_set_tpr(struct lapic *l, uint32_t tpr);

/* lapic_timer.c. The vCPU's thread. */
void lapic_timer_init(struct lapic *l);
void lapic_timer_free(struct lapic *l);
void lapic_timer_reset(struct lapic *l);
void lapic_timer_set_initial(struct lapic *l, uint32_t count);
void lapic_timer_set_divider(struct lapic *l, uint32_t divider);
/* The LVT entry is written, and what is owed by the one before is forgotten. */
void lapic_timer_set_entry(struct lapic *l, uint32_t entry);
uint32_t lapic_timer_initial(struct lapic *l);
uint32_t lapic_timer_divider(struct lapic *l);
uint32_t lapic_timer_current(struct lapic *l);
uint64_t lapic_timer_deadline(struct lapic *l);
void lapic_timer_set_deadline(struct lapic *l, uint64_t tsc);

#endif
