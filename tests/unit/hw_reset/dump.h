/* What a guest can see of the machine of tests/fuzz/devices, written down. */
#ifndef MORTISE_TESTS_HW_RESET_DUMP_H
#define MORTISE_TESTS_HW_RESET_DUMP_H

#include "devices/machine.h"

struct dump_entry {
    const char *what; /* static text, or a region's name; compared as text */
    char name[24];
    uint64_t where, value;
};

struct dump {
    struct dump_entry *entries;
    size_t count, room;
};

/* Configuration space, and what lies where: before firmware has changed it. */
void dump_layout(struct dump *d) REQUIRES(bql) MAY_BLOCK;
/* Every register that reads; some change by that, in all machines alike. */
void dump_registers(struct dump *d) REQUIRES(bql) MAY_BLOCK;

/* The first entry in which they differ, or SIZE_MAX. */
size_t dump_differs(const struct dump *a, const struct dump *b);
void dump_free(struct dump *d);

#endif
