/* Two 8259As in cascade, with the edge/level control registers of PCI machines. All
 * state is under one spinlock, so that devices drive their lines and vCPUs acknowledge
 * without the BQL; the output is computed under it, published in `output` and driven
 * after it is released.
 *
 * The slave's output is not latched: request 2 of the master is the slave's output at
 * any time. */
#include "hw/i8259.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "hw/i8259_chip.h"
#include "locks/spinlock.h"

LOCK_CLASS_DEFINE(i8259_class, RANK_LEAF);

enum { MASTER, SLAVE, CHIPS };

struct port {
    struct i8259 *pic IMMUTABLE_AFTER_INIT;
    unsigned chip IMMUTABLE_AFTER_INIT;
    struct memory_region region;
};

struct i8259 {
    struct spinlock lock;
    struct i8259_chip chip[CHIPS] GUARDED_BY(&lock);
    atomic_bool output; /* written under lock */
    struct irq intr IMMUTABLE_AFTER_INIT;
    struct port port[CHIPS];
    struct memory_region elcr;
};

static const uint8_t elcr_mask[CHIPS] = {0xf8, 0xde}; /* never the timers, keyboard, cascade, FPU */

/* The slave's output to the master, and the master's to the CPU; whether that has
 * changed and is to be driven. */
static bool update(struct i8259 *pic) REQUIRES(&pic -> lock)
{
    struct i8259_chip *master = &pic->chip[MASTER];
    uint8_t bit = 1u << I8259_CASCADE;
    bool slave = i8259_chip_pending(&pic->chip[SLAVE], false) >= 0;
    bool output, before = atomic_load_explicit(&pic->output, memory_order_relaxed);

    master->irr = (uint8_t)(slave ? master->irr | bit : master->irr & ~bit);
    output = i8259_chip_pending(master, true) >= 0;
    /* Relaxed: who is told afterwards is told through something that orders. */
    atomic_store_explicit(&pic->output, output, memory_order_relaxed);
    return output != before;
}

bool i8259_output(const struct i8259 *pic)
{
    return atomic_load_explicit(&pic->output, memory_order_relaxed);
}

static void drive(const struct i8259 *pic, bool changed)
{
    if (changed) {
        irq_set(&pic->intr, i8259_output(pic));
    }
}

static enum memory_result port_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct port *port = opaque;
    struct i8259 *pic = port->pic;
    bool changed;
    (void)size;

    spinlock_lock(&pic->lock);
    i8259_chip_write(&pic->chip[port->chip], (unsigned)offset, (uint8_t)value);
    changed = update(pic);
    spinlock_unlock(&pic->lock);
    drive(pic, changed);
    return MEMORY_OK;
}

static enum memory_result port_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct port *port = opaque;
    struct i8259 *pic = port->pic;
    bool changed;
    (void)size;

    spinlock_lock(&pic->lock);
    *value = i8259_chip_read(&pic->chip[port->chip], (unsigned)offset, port->chip == MASTER);
    changed = update(pic);
    spinlock_unlock(&pic->lock);
    drive(pic, changed);
    return MEMORY_OK;
}

static enum memory_result elcr_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct i8259 *pic = opaque;
    (void)size;

    spinlock_lock(&pic->lock);
    *value = pic->chip[offset & 1].elcr;
    spinlock_unlock(&pic->lock);
    return MEMORY_OK;
}

static enum memory_result elcr_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct i8259 *pic = opaque;
    bool changed;
    (void)size;

    spinlock_lock(&pic->lock);
    i8259_chip_set_elcr(&pic->chip[offset & 1], (uint8_t)value & elcr_mask[offset & 1]);
    changed = update(pic);
    spinlock_unlock(&pic->lock);
    drive(pic, changed);
    return MEMORY_OK;
}

static const struct memory_ops port_ops = {
    .read = port_read, .write = port_write, .min_size = 1, .max_size = 1};
static const struct memory_ops elcr_ops = {
    .read = elcr_read, .write = elcr_write, .min_size = 1, .max_size = 1};

void i8259_set_irq(void *opaque, unsigned n, bool level)
{
    struct i8259 *pic = opaque;
    bool changed;

    spinlock_lock(&pic->lock);
    i8259_chip_set_line(&pic->chip[n / 8 % CHIPS], n % 8, level);
    changed = update(pic);
    spinlock_unlock(&pic->lock);
    drive(pic, changed);
}

void i8259_tick(void *opaque, unsigned n, unsigned count)
{
    struct i8259 *pic = opaque;
    bool changed;

    spinlock_lock(&pic->lock);
    i8259_chip_tick(&pic->chip[n / 8 % CHIPS], n % 8, count);
    changed = update(pic);
    spinlock_unlock(&pic->lock);
    drive(pic, changed);
}

int i8259_acknowledge(struct i8259 *pic)
{
    struct i8259_chip *master, *slave;
    int n, vector;
    bool changed;

    spinlock_lock(&pic->lock);
    master = &pic->chip[MASTER];
    slave = &pic->chip[SLAVE];
    n = i8259_chip_pending(master, true);
    if (n == I8259_CASCADE) {
        int m = i8259_chip_pending(slave, false);

        i8259_chip_acknowledge(master, I8259_CASCADE, true);
        if (m >= 0) {
            i8259_chip_acknowledge(slave, (unsigned)m, false);
        }
        vector = slave->base + (m >= 0 ? m : 7);
    } else if (n >= 0) {
        i8259_chip_acknowledge(master, (unsigned)n, false);
        vector = master->base + n;
    } else {
        vector = master->base + 7;
    }
    changed = update(pic);
    spinlock_unlock(&pic->lock);
    drive(pic, changed);
    return vector;
}

void i8259_reset(void *opaque)
{
    struct i8259 *pic = opaque;
    bool changed;

    spinlock_lock(&pic->lock);
    i8259_chip_reset(&pic->chip[MASTER]);
    i8259_chip_reset(&pic->chip[SLAVE]);
    changed = update(pic);
    spinlock_unlock(&pic->lock);
    drive(pic, changed);
}

int i8259_new(struct memory_region *io, struct irq intr, struct i8259 **out, struct error *err)
{
    static const uint16_t bases[CHIPS] = {0x20, 0xa0};
    struct i8259 *pic = calloc(1, sizeof(*pic));

    if (!pic) {
        return error_set(err, ENOMEM, "i8259: out of memory");
    }
    spinlock_init(&pic->lock, &i8259_class);
    i8259_reset(pic);
    pic->intr = intr;
    for (unsigned i = 0; i < CHIPS; i++) {
        struct port *port = &pic->port[i];

        port->pic = pic;
        port->chip = i;
        memory_region_init_io(&port->region, &port_ops, port, "i8259", 2);
        memory_region_set_lockless(&port->region);
        memory_region_add(io, bases[i], &port->region, 0);
    }
    memory_region_init_io(&pic->elcr, &elcr_ops, pic, "elcr", 2);
    memory_region_set_lockless(&pic->elcr);
    memory_region_add(io, 0x4d0, &pic->elcr, 0);
    *out = pic;
    return 0;
}

void i8259_free(struct i8259 *pic)
{
    for (unsigned i = 0; i < CHIPS; i++) {
        memory_region_destroy(&pic->port[i].region);
    }
    memory_region_destroy(&pic->elcr);
    free(pic);
}
