/* One 8259A: requests, priorities, command words. For i8259.c, under whose lock it all is. */
#ifndef MORTISE_HW_I8259_CHIP_H
#define MORTISE_HW_I8259_CHIP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/annotations.h"

#define I8259_CASCADE 2 /* the master's input that the slave drives */

/* Which write to the odd port comes next. */
enum i8259_init_step { I8259_INIT_DONE, I8259_INIT_ICW2, I8259_INIT_ICW3, I8259_INIT_ICW4 };

struct OWNED_BY(holder of the lock of its i8259) i8259_chip {
    uint8_t irr, isr, imr;
    uint8_t line;    /* input levels */
    uint8_t elcr;    /* inputs that are level-triggered */
    uint8_t owed[8]; /* edges of timers that have found their request latched */
    uint8_t base;    /* vector of input 0 */
    uint8_t lowest;
    enum i8259_init_step init;
    bool level_all, single, wants_icw4;
    bool auto_eoi, rotate_on_auto_eoi, special_mask, nested_fully;
    bool read_isr, poll;
};

/* The input to be served now; -1: none. */
int i8259_chip_pending(const struct i8259_chip *c, bool master);
void i8259_chip_set_line(struct i8259_chip *c, unsigned n, bool level);
/* So many edges of a periodic timer; 0: those that it owes are forgotten. */
void i8259_chip_tick(struct i8259_chip *c, unsigned n, unsigned count);
/* The CPU, or the master for the slave, takes input n. The cascade's is not latched. */
void i8259_chip_acknowledge(struct i8259_chip *c, unsigned n, bool cascade);
/* Levels stay. */
void i8259_chip_reset(struct i8259_chip *c);

/* The ports: 0 and 1. */
void i8259_chip_write(struct i8259_chip *c, unsigned port, uint8_t v);
uint8_t i8259_chip_read(struct i8259_chip *c, unsigned port, bool master);
/* The edge/level control register. */
void i8259_chip_set_elcr(struct i8259_chip *c, uint8_t v);

#endif
