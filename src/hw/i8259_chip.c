/* One 8259A (Intel 8259A data sheet).
 *
 * A request of an edge-triggered input stays latched when the line falls, as
 * devices here pulse their lines. Edges of a periodic timer that find their request
 * latched are counted, and latch it again when it has been acknowledged; not while it
 * is masked, as it may be for good. */
#include "hw/i8259_chip.h"

#include <string.h>

#include "hw/irq.h"

/* How many steps below the highest priority the input of the lowest set bit in
 * that order is; 8: none is set. */
static unsigned priority_of(const struct i8259_chip *c, uint8_t bits)
{
    unsigned step = 0;

    while (step < 8 && !(bits & 1u << ((c->lowest + 1 + step) & 7))) {
        step++;
    }
    return step;
}

int i8259_chip_pending(const struct i8259_chip *c, bool master)
{
    uint8_t requests = (uint8_t)(c->irr & ~c->imr);
    uint8_t in_service = c->isr;
    unsigned step = priority_of(c, requests);

    if (c->special_mask) {
        in_service = (uint8_t)(in_service & ~c->imr);
    }
    if (master && c->nested_fully) {
        in_service = (uint8_t)(in_service & ~(1u << I8259_CASCADE));
    }
    if (step == 8 || step >= priority_of(c, in_service)) {
        return -1;
    }
    return (int)((c->lowest + 1 + step) & 7);
}

static uint8_t level_inputs(const struct i8259_chip *c)
{
    return c->level_all ? 0xff : c->elcr;
}

void i8259_chip_set_line(struct i8259_chip *c, unsigned n, bool level)
{
    uint8_t bit = (uint8_t)(1u << n);

    if (level_inputs(c) & bit) {
        c->irr = (uint8_t)(level ? c->irr | bit : c->irr & ~bit);
    } else if (level && !(c->line & bit)) {
        c->irr |= bit;
    }
    c->line = (uint8_t)(level ? c->line | bit : c->line & ~bit);
}

void i8259_chip_tick(struct i8259_chip *c, unsigned n, unsigned count)
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

void i8259_chip_acknowledge(struct i8259_chip *c, unsigned n, bool cascade)
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

void i8259_chip_reset(struct i8259_chip *c)
{
    *c = (struct i8259_chip){.line = c->line, .lowest = 7};
}

static void write_icw1(struct i8259_chip *c, uint8_t v)
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
    c->init = I8259_INIT_ICW2;
}

static void write_ocw2(struct i8259_chip *c, uint8_t v)
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

static void write_ocw3(struct i8259_chip *c, uint8_t v)
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

static void write_odd(struct i8259_chip *c, uint8_t v)
{
    switch (c->init) {
    case I8259_INIT_DONE:
        c->imr = v;
        break;
    case I8259_INIT_ICW2:
        c->base = v & 0xf8;
        c->init = !c->single ? I8259_INIT_ICW3 : c->wants_icw4 ? I8259_INIT_ICW4 : I8259_INIT_DONE;
        break;
    case I8259_INIT_ICW3: /* how they are wired is known */
        c->init = c->wants_icw4 ? I8259_INIT_ICW4 : I8259_INIT_DONE;
        break;
    case I8259_INIT_ICW4:
        c->auto_eoi = v & 2;
        c->nested_fully = v & 0x10;
        c->init = I8259_INIT_DONE;
        break;
    }
}

/* A read after a poll command acknowledges like the CPU, and says the input. */
static uint8_t read_poll(struct i8259_chip *c, bool master)
{
    int n = i8259_chip_pending(c, master);

    c->poll = false;
    if (n < 0) {
        return 7;
    }
    i8259_chip_acknowledge(c, (unsigned)n, master && n == I8259_CASCADE);
    return (uint8_t)(0x80 | n);
}

void i8259_chip_write(struct i8259_chip *c, unsigned port, uint8_t v)
{
    if (port == 1) {
        write_odd(c, v);
    } else if (v & 0x10) {
        write_icw1(c, v);
    } else if (v & 8) {
        write_ocw3(c, v);
    } else {
        write_ocw2(c, v);
    }
}

uint8_t i8259_chip_read(struct i8259_chip *c, unsigned port, bool master)
{
    if (c->poll) {
        return read_poll(c, master);
    }
    if (port == 1) {
        return c->imr;
    }
    return c->read_isr ? c->isr : c->irr;
}

void i8259_chip_set_elcr(struct i8259_chip *c, uint8_t v)
{
    c->elcr = v;
    c->irr = (uint8_t)((c->irr & ~c->elcr) | (c->line & c->elcr));
}
