/* Two 8259As in cascade (Intel 8259A data sheet), with the edge/level control
 * registers of PCI machines. All state is under one spinlock, so that devices
 * drive their lines and vCPUs acknowledge without the BQL; the output is
 * computed under it, published in `output` and driven after it is released.
 *
 * A request of an edge-triggered input stays latched when the line falls, as
 * devices here pulse their lines. Edges of a periodic timer that find their request
 * latched are counted, and latch it again when it has been acknowledged; not while it
 * is masked, as it may be for good. The slave's output is not latched: request 2 of
 * the master is the slave's output at any time. */
#include "hw/i8259.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "locks/spinlock.h"

LOCK_CLASS_DEFINE(i8259_class, RANK_LEAF);

#define CASCADE 2 /* the master's input that the slave drives */

enum { MASTER, SLAVE, CHIPS };

/* Which write to the odd port comes next. */
enum init_step { INIT_DONE, INIT_ICW2, INIT_ICW3, INIT_ICW4 };

struct OWNED_BY(holder of the lock of its i8259) chip {
    uint8_t irr, isr, imr;
    uint8_t line;    /* input levels */
    uint8_t elcr;    /* inputs that are level-triggered */
    uint8_t owed[8]; /* edges of timers that have found their request latched */
    uint8_t base;    /* vector of input 0 */
    uint8_t lowest;
    enum init_step init;
    bool level_all, single, wants_icw4;
    bool auto_eoi, rotate_on_auto_eoi, special_mask, nested_fully;
    bool read_isr, poll;
};

struct port {
    struct i8259 *pic IMMUTABLE_AFTER_INIT;
    unsigned chip IMMUTABLE_AFTER_INIT;
    struct memory_region region;
};

struct i8259 {
    struct spinlock lock;
    struct chip chip[CHIPS] GUARDED_BY(&lock);
    atomic_bool output; /* written under lock */
    struct irq intr IMMUTABLE_AFTER_INIT;
    struct port port[CHIPS];
    struct memory_region elcr;
};

static const uint8_t elcr_mask[CHIPS] = {0xf8, 0xde}; /* never the timers, keyboard, cascade, FPU */

/* How many steps below the highest priority the input of the lowest set bit in
 * that order is; 8: none is set. */
static unsigned priority_of(const struct chip *c, uint8_t bits)
{
    unsigned step = 0;

    while (step < 8 && !(bits & 1u << ((c->lowest + 1 + step) & 7))) {
        step++;
    }
    return step;
}

/* The input to be served now; -1: none. */
static int chip_pending(const struct chip *c, bool master)
{
    uint8_t requests = (uint8_t)(c->irr & ~c->imr);
    uint8_t in_service = c->isr;
    unsigned step = priority_of(c, requests);

    if (c->special_mask) {
        in_service = (uint8_t)(in_service & ~c->imr);
    }
    if (master && c->nested_fully) {
        in_service = (uint8_t)(in_service & ~(1u << CASCADE));
    }
    if (step == 8 || step >= priority_of(c, in_service)) {
        return -1;
    }
    return (int)((c->lowest + 1 + step) & 7);
}

static uint8_t level_inputs(const struct chip *c)
{
    return c->level_all ? 0xff : c->elcr;
}

static void chip_set_line(struct chip *c, unsigned n, bool level)
{
    uint8_t bit = (uint8_t)(1u << n);

    if (level_inputs(c) & bit) {
        c->irr = (uint8_t)(level ? c->irr | bit : c->irr & ~bit);
    } else if (level && !(c->line & bit)) {
        c->irr |= bit;
    }
    c->line = (uint8_t)(level ? c->line | bit : c->line & ~bit);
}

static void chip_tick(struct chip *c, unsigned n, unsigned count)
{
    uint8_t bit = (uint8_t)(1u << n);
    unsigned owed = c->owed[n];

    if (!count) {
        c->owed[n] = 0;
        return;
    }
    if (!((level_inputs(c) | c->imr) & bit)) {
        owed += (count < IRQ_OWED_MAX ? count : IRQ_OWED_MAX) - (c->irr & bit ? 0 : 1);
        c->owed[n] = (uint8_t)(owed < IRQ_OWED_MAX ? owed : IRQ_OWED_MAX);
    }
    c->irr |= bit;
    c->line |= bit;
}

static void chip_acknowledge(struct chip *c, unsigned n, bool cascade)
{
    uint8_t bit = (uint8_t)(1u << (n & 7));

    if (!(level_inputs(c) & bit) && !cascade) {
        c->irr = (uint8_t)(c->irr & ~bit);
        if (c->owed[n & 7]) {
            c->owed[n & 7]--;
            c->irr |= bit;
        }
    }
    if (!c->auto_eoi) {
        c->isr |= bit;
    } else if (c->rotate_on_auto_eoi) {
        c->lowest = (uint8_t)n;
    }
}

/* The slave's output to the master, and the master's to the CPU; whether that has
 * changed and is to be driven. */
static bool update(struct i8259 *pic) REQUIRES(&pic -> lock)
{
    struct chip *master = &pic->chip[MASTER];
    uint8_t bit = 1u << CASCADE;
    bool slave = chip_pending(&pic->chip[SLAVE], false) >= 0;
    bool output, before = atomic_load_explicit(&pic->output, memory_order_relaxed);

    master->irr = (uint8_t)(slave ? master->irr | bit : master->irr & ~bit);
    output = chip_pending(master, true) >= 0;
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

static void reset_chip(struct chip *c)
{
    *c = (struct chip){.line = c->line, .lowest = 7};
}

static void write_icw1(struct chip *c, uint8_t v)
{
    uint8_t level = (uint8_t)(v & 8 ? 0xff : c->elcr);

    c->irr = c->line & level;
    c->isr = c->imr = 0;
    memset(c->owed, 0, sizeof(c->owed));
    c->lowest = 7;
    c->level_all = v & 8;
    c->single = v & 2;
    c->wants_icw4 = v & 1;
    c->auto_eoi = c->rotate_on_auto_eoi = c->special_mask = c->nested_fully = false;
    c->read_isr = c->poll = false;
    c->init = INIT_ICW2;
}

static void write_ocw2(struct chip *c, uint8_t v)
{
    unsigned step = priority_of(c, c->isr);
    unsigned n = v & 7;

    if (!(v & 0x40)) { /* not a specific level */
        n = (c->lowest + 1 + step) & 7;
    }
    switch (v >> 5) {
    case 0:
        c->rotate_on_auto_eoi = false;
        break;
    case 4:
        c->rotate_on_auto_eoi = true;
        break;
    case 1:
    case 5:
        if (step == 8) {
            break; /* nothing in service */
        }
        c->isr = (uint8_t)(c->isr & ~(1u << n));
        c->lowest = (uint8_t)(v >> 5 == 5 ? n : c->lowest);
        break;
    case 3:
    case 7:
        c->isr = (uint8_t)(c->isr & ~(1u << n));
        c->lowest = (uint8_t)(v >> 5 == 7 ? n : c->lowest);
        break;
    case 6:
        c->lowest = (uint8_t)n;
        break;
    default:
        break;
    }
}

static void write_ocw3(struct chip *c, uint8_t v)
{
    if (v & 4) {
        c->poll = true;
    }
    if (v & 2) {
        c->read_isr = v & 1;
    }
    if (v & 0x40) {
        c->special_mask = v & 0x20;
    }
}

static void write_odd(struct chip *c, uint8_t v)
{
    switch (c->init) {
    case INIT_DONE:
        c->imr = v;
        break;
    case INIT_ICW2:
        c->base = v & 0xf8;
        c->init = !c->single ? INIT_ICW3 : c->wants_icw4 ? INIT_ICW4 : INIT_DONE;
        break;
    case INIT_ICW3: /* how they are wired is known */
        c->init = c->wants_icw4 ? INIT_ICW4 : INIT_DONE;
        break;
    case INIT_ICW4:
        c->auto_eoi = v & 2;
        c->nested_fully = v & 0x10;
        c->init = INIT_DONE;
        break;
    }
}

static enum memory_result port_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct port *port = opaque;
    struct i8259 *pic = port->pic;
    uint8_t v = (uint8_t)value;
    struct chip *c;
    bool changed;
    (void)size;

    spinlock_lock(&pic->lock);
    c = &pic->chip[port->chip];
    if (offset == 1) {
        write_odd(c, v);
    } else if (v & 0x10) {
        write_icw1(c, v);
    } else if (v & 8) {
        write_ocw3(c, v);
    } else {
        write_ocw2(c, v);
    }
    changed = update(pic);
    spinlock_unlock(&pic->lock);
    drive(pic, changed);
    return MEMORY_OK;
}

/* A read after a poll command acknowledges like the CPU, and says the input. */
static uint8_t read_poll(struct chip *c, bool master)
{
    int n = chip_pending(c, master);

    c->poll = false;
    if (n < 0) {
        return 7;
    }
    chip_acknowledge(c, (unsigned)n, master && n == CASCADE);
    return (uint8_t)(0x80 | n);
}

static enum memory_result port_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct port *port = opaque;
    struct i8259 *pic = port->pic;
    struct chip *c;
    bool changed;
    (void)size;

    spinlock_lock(&pic->lock);
    c = &pic->chip[port->chip];
    if (c->poll) {
        *value = read_poll(c, port->chip == MASTER);
    } else if (offset == 1) {
        *value = c->imr;
    } else {
        *value = c->read_isr ? c->isr : c->irr;
    }
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
    struct chip *c;
    bool changed;
    (void)size;

    spinlock_lock(&pic->lock);
    c = &pic->chip[offset & 1];
    c->elcr = (uint8_t)value & elcr_mask[offset & 1];
    c->irr = (uint8_t)((c->irr & ~c->elcr) | (c->line & c->elcr));
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
    chip_set_line(&pic->chip[n / 8 % CHIPS], n % 8, level);
    changed = update(pic);
    spinlock_unlock(&pic->lock);
    drive(pic, changed);
}

void i8259_tick(void *opaque, unsigned n, unsigned count)
{
    struct i8259 *pic = opaque;
    bool changed;

    spinlock_lock(&pic->lock);
    chip_tick(&pic->chip[n / 8 % CHIPS], n % 8, count);
    changed = update(pic);
    spinlock_unlock(&pic->lock);
    drive(pic, changed);
}

int i8259_acknowledge(struct i8259 *pic)
{
    struct chip *master, *slave;
    int n, vector;
    bool changed;

    spinlock_lock(&pic->lock);
    master = &pic->chip[MASTER];
    slave = &pic->chip[SLAVE];
    n = chip_pending(master, true);
    if (n == CASCADE) {
        int m = chip_pending(slave, false);

        chip_acknowledge(master, CASCADE, true);
        if (m >= 0) {
            chip_acknowledge(slave, (unsigned)m, false);
        }
        vector = slave->base + (m >= 0 ? m : 7);
    } else if (n >= 0) {
        chip_acknowledge(master, (unsigned)n, false);
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
    reset_chip(&pic->chip[MASTER]);
    reset_chip(&pic->chip[SLAVE]);
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
