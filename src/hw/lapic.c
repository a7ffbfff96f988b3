/* The local APICs as memory and as their CPUs see them. All of this runs on the vCPU's
 * thread.
 *
 * All APICs share one region: whose registers they are is decided by current_cpu. A
 * write of another thread there is a message of a device. The base address in
 * IA32_APIC_BASE is remembered, but the registers stay where they are. */
#include "hw/lapic.h"

#include <errno.h>
#include <stdlib.h>

#include "exec/cpu.h"
#include "hw/i8259.h"
#include "hw/lapic_internal.h"

/* The logical id that x2APIC derives. */
static uint32_t x2apic_ldr(uint32_t id)
{
    return (id >> 4) << 16 | UINT32_C(1) << (id & 15);
}

static struct lapic *find_current(const struct lapic_set *set)
{
    const struct cpu *cpu = current_cpu;

    if (cpu && cpu->index < set->count && set->lapic[cpu->index]->cpu == cpu) {
        return set->lapic[cpu->index]; /* the usual case: made in the same order */
    }
    for (unsigned i = 0; cpu && i < set->count; i++) {
        if (set->lapic[i]->cpu == cpu) {
            return set->lapic[i];
        }
    }
    return NULL;
}

static bool shows_memory(const struct lapic *l)
{
    return (lapic_base(l) & (BASE_ENABLE | BASE_X2APIC)) == BASE_ENABLE;
}

static enum memory_result lapic_mem_read(void *opaque, uint64_t offset, unsigned size,
                                         uint64_t *value)
{
    struct lapic *l = find_current(opaque);
    uint32_t word = 0;
    (void)size;

    if (!l || !shows_memory(l) || offset >= 0x1000) {
        return MEMORY_UNASSIGNED;
    }
    if (offset % 16 == 0 && !lapic_read_reg(l, (unsigned)(offset / 16), &word) &&
        offset / 16 != LAPIC_REG_EOI) {
        lapic_raise_error(l, ERROR_REGISTER);
    }
    *value = word;
    return MEMORY_OK;
}

static enum memory_result lapic_mem_write(void *opaque, uint64_t offset, unsigned size,
                                          uint64_t value)
{
    struct lapic_set *set = opaque;
    struct lapic *l = find_current(set);
    (void)size;

    if (!l || offset >= 0x1000) {
        lapic_set_msi(set, LAPIC_BASE + offset, (uint32_t)value);
        return MEMORY_OK;
    }
    if (!shows_memory(l)) {
        return MEMORY_UNASSIGNED;
    }
    if (offset % 16 == 0 && !lapic_write_reg(l, (unsigned)(offset / 16), (uint32_t)value)) {
        lapic_raise_error(l, ERROR_REGISTER);
    }
    return MEMORY_OK;
}

static const struct memory_ops lapic_mem_ops = {
    .read = lapic_mem_read, .write = lapic_mem_write, .min_size = 4, .max_size = 4};

static int lapic_acknowledge(void *opaque)
{
    struct lapic *l = opaque;
    int vector = vectors_highest(&l->irr);
    bool extint;

    if ((lapic_base(l) & BASE_ENABLE) && (lapic_get(&l->svr) & SVR_ENABLED) && vector >= 16 &&
        vector >> 4 > lapic_ppr(l) >> 4) {
        vectors_clear(&l->irr, (uint8_t)vector);
        vectors_set(&l->isr, (uint8_t)vector);
        lapic_offer_owed(l, (uint8_t)vector);
        lapic_update(l);
        return vector;
    }
    vector = -1;
    /* Acquire: pairs with the store of who sent the message. */
    extint = atomic_exchange_explicit(&l->extint, false, memory_order_acq_rel);
    if (l->set->pic && (extint || (lapic_takes_pic(l) && i8259_output(l->set->pic)))) {
        vector = i8259_acknowledge(l->set->pic);
    }
    lapic_update(l);
    return vector;
}

static uint8_t lapic_get_cr8(void *opaque)
{
    const struct lapic *l = opaque;

    return (uint8_t)(lapic_get(&l->tpr) >> 4);
}

static void lapic_set_cr8(void *opaque, uint8_t cr8)
{
    lapic_set_tpr(opaque, (uint32_t)(cr8 & 15) << 4);
}

static uint64_t lapic_get_base(void *opaque)
{
    return lapic_base(opaque);
}

/* Registers as after power-on, IDs and IA32_APIC_BASE apart. */
static void reset_registers(struct lapic *l)
{
    vectors_zero(&l->irr);
    vectors_zero(&l->isr);
    vectors_zero(&l->tmr);
    for (unsigned vector = 0; vector < 256; vector++) {
        lapic_forget_owed(l, (uint8_t)vector);
    }
    atomic_store_explicit(&l->extint, false, memory_order_relaxed);
    lapic_put(&l->tpr, 0);
    lapic_put(&l->ldr, lapic_is_x2apic(l) ? x2apic_ldr(l->x2apic_id) : 0);
    lapic_put(&l->dfr, UINT32_MAX);
    lapic_put(&l->svr, 0xff);
    lapic_put(&l->icr_low, 0);
    lapic_put(&l->icr_high, 0);
    lapic_put(&l->errors, 0);
    lapic_put(&l->esr, 0);
    for (unsigned i = 0; i < LVTS; i++) {
        lapic_put(&l->lvt[i], LVT_MASKED);
    }
    lapic_timer_reset(l);
}

/* INIT leaves the base and, with it, x2APIC mode alone. After power-on the first
 * processor has the 8259 on LINT0, as firmware sets it up on a PC. */
static void lapic_reset(void *opaque, bool init)
{
    struct lapic *l = opaque;

    if (!init) {
        atomic_store_explicit(&l->base, LAPIC_BASE | BASE_ENABLE | (l->bsp ? BASE_BSP : 0),
                              memory_order_relaxed);
        lapic_put(&l->id, l->x2apic_id << 24);
    }
    reset_registers(l);
    if (l->bsp) {
        lapic_put(&l->lvt[LVT_LINT0], (uint32_t)APIC_EXTINT << LVT_MODE_SHIFT);
    }
    lapic_update(l);
}

static bool lapic_set_base(void *opaque, uint64_t value)
{
    struct lapic *l = opaque;
    uint64_t before = lapic_base(l), mode = BASE_ENABLE | BASE_X2APIC;

    if (value & ~(UINT64_C(0xffffffffff000) | mode | BASE_BSP)) {
        return false;
    }
    if ((value & mode) == BASE_X2APIC) {
        return false;
    }
    if ((before & mode) == mode && (value & mode) == BASE_ENABLE) {
        return false; /* out of x2APIC mode only by way of disabled */
    }
    if (!(before & BASE_ENABLE) && (value & mode) == mode) {
        return false; /* and into it by way of enabled */
    }
    atomic_store_explicit(&l->base, value, memory_order_relaxed);
    if ((before & ~value) & BASE_ENABLE) {
        reset_registers(l);
    }
    if (!(before & BASE_X2APIC) && (value & BASE_X2APIC)) {
        lapic_put(&l->ldr, x2apic_ldr(l->x2apic_id));
    } else if (!(before & BASE_ENABLE) && (value & BASE_ENABLE)) {
        lapic_put(&l->id, l->x2apic_id << 24);
        lapic_put(&l->ldr, 0);
    }
    lapic_update(l);
    return true;
}

const struct sys_apic_ops lapic_ops = {
    .acknowledge = lapic_acknowledge,
    .get_tpr = lapic_get_cr8,
    .set_tpr = lapic_set_cr8,
    .get_base = lapic_get_base,
    .set_base = lapic_set_base,
    .read_msr = lapic_read_msr,
    .write_msr = lapic_write_msr,
    .reset = lapic_reset,
};

int lapic_set_new(struct memory_region *memory, unsigned count, struct lapic_set **out,
                  struct error *err)
{
    struct lapic_set *set = calloc(1, sizeof(*set) + count * sizeof(struct lapic *));

    if (!set) {
        return error_set(err, ENOMEM, "local APICs: out of memory");
    }
    set->capacity = count;
    memory_region_init_io(&set->region, &lapic_mem_ops, set, "apic", 0x100000);
    memory_region_set_lockless(&set->region);
    memory_region_add(memory, LAPIC_BASE, &set->region, 1);
    *out = set;
    return 0;
}

void lapic_set_free(struct lapic_set *set)
{
    memory_region_destroy(&set->region);
    for (unsigned i = 0; i < set->count; i++) {
        lapic_timer_free(set->lapic[i]);
        free(set->lapic[i]);
    }
    free(set);
}

void lapic_set_pic(struct lapic_set *set, struct i8259 *pic)
{
    set->pic = pic;
}

void lapic_set_on_eoi(struct lapic_set *set, void (*eoi)(void *opaque, uint8_t vector),
                      void *opaque)
{
    if (set->eois < LAPIC_EOI_HOOKS) {
        set->eoi[set->eois].fn = eoi;
        set->eoi[set->eois++].opaque = opaque;
    }
}

int lapic_new(struct lapic_set *set, uint32_t id, bool bsp, struct lapic **out, struct error *err)
{
    struct lapic *l = calloc(1, sizeof(*l));

    if (!l || set->count == set->capacity) {
        free(l);
        return error_set(err, ENOMEM, "local APIC %u: out of memory", id);
    }
    l->set = set;
    l->x2apic_id = id;
    l->bsp = bsp;
    lapic_timer_init(l);
    lapic_reset(l, false);
    set->lapic[set->count++] = l;
    *out = l;
    return 0;
}

void lapic_attach(struct lapic *l, struct cpu *cpu)
{
    l->cpu = cpu;
}
