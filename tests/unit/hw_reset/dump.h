/* What a guest can see of the machine of tests/fuzz/devices, written down. */
#ifndef MORTISE_TESTS_HW_RESET_DUMP_H
#define MORTISE_TESTS_HW_RESET_DUMP_H

#include "devices/machine.h"

/* Values that are read one after the other, from `first` on. */
struct dump_row {
    const char *what; /* static text */
    char name[24];    /* of the region, which the dump outlives */
    uint64_t first;
    unsigned step;
    size_t at, count; /* in the dump's values */
};

struct dump {
    struct dump_row *rows;
    uint64_t *values;
    size_t row_count, row_room;
    size_t count, room; /* of values */
};

/* Configuration space, and what lies where: before firmware has changed it. */
void dump_layout(struct dump *d) REQUIRES(bql) MAY_BLOCK;
/* Every register that reads; some change by that, in all machines alike. */
void dump_registers(struct dump *d) REQUIRES(bql) MAY_BLOCK;

/* The first value in which they differ, in itself or in where it is, or SIZE_MAX. */
size_t dump_differs(const struct dump *a, const struct dump *b);
/* The row of a value, NULL behind the last. */
const struct dump_row *dump_row_of(const struct dump *d, size_t value);
/* Its memory is kept for what is dumped next. */
void dump_clear(struct dump *d);
void dump_free(struct dump *d);

#endif
