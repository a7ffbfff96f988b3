#include "dump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/standins.h"
#include "hw/pci.h"

#define MEMORY_MAX 0x10000u /* of one range */

/* Room for `count` more. */
static void *grow(void *array, size_t used, size_t *room, size_t count, size_t size)
{
    while (*room < used + count) {
        *room = *room ? 2 * *room : 4096;
        array = realloc(array, *room * size);
        if (!array) {
            fuzz_fail("dump", "out of memory");
        }
    }
    return array;
}

/* A row of `count` values, which the caller fills in. */
static uint64_t *add_row(struct dump *d, const char *name, const char *what, uint64_t first,
                         unsigned step, size_t count)
{
    d->rows = grow(d->rows, d->row_count, &d->row_room, 1, sizeof(*d->rows));
    d->values = grow(d->values, d->count, &d->room, count, sizeof(*d->values));
    struct dump_row *r = &d->rows[d->row_count++];
    *r = (struct dump_row){
        .what = what, .first = first, .step = step, .at = d->count, .count = count};
    (void)snprintf(r->name, sizeof(r->name), "%s", name);
    d->count += count;
    return &d->values[r->at];
}

static void add(struct dump *d, const char *name, const char *what, uint64_t where, uint64_t value)
{
    *add_row(d, name, what, where, 1, 1) = value;
}

static void dump_config(struct dump *d) REQUIRES(bql) MAY_BLOCK
{
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        if (!fuzz_machine.pci->device[devfn]) {
            continue;
        }
        for (unsigned reg = 0; reg < 256; reg += 4) {
            add(d, "pci", "configuration", devfn << 8 | reg, fuzz_config_read(devfn, reg, 4));
        }
    }
}

static void dump_view(struct dump *d, const struct address_space *as) REQUIRES(bql)
{
    const struct flat_view *view = rcu_dereference_locked(as->view);

    for (size_t i = 0; i < view->count; i++) {
        const struct view_range *r = &view->range[i];

        add(d, r->mr->name, "first address", i, r->first);
        add(d, r->mr->name, "last address", i, r->last);
    }
}

void dump_layout(struct dump *d)
{
    dump_config(d);
    dump_view(d, fuzz_machine.io_as);
    dump_view(d, fuzz_machine.memory_as);
}

/* All of it while the BQL is let go once. What has no function to read has no registers
 * either, and is looked at 8 bytes at a time. */
static void dump_range(struct dump *d, const struct fuzz_range *r) REQUIRES(bql) MAY_BLOCK
{
    bool port = r->as == fuzz_machine.io_as;
    unsigned step = port ? 1 : r->mr->ops->read ? 4 : 8;
    uint64_t length = r->last - r->first + 1;

    length = length && length < MEMORY_MAX ? length : MEMORY_MAX;
    size_t count = (size_t)((length + step - 1) / step);
    uint64_t *values = add_row(d, r->mr->name, port ? "port" : "memory", r->first, step, count);
    memset(values, 0, count * sizeof(*values));
    bql_unlock();
    for (size_t i = 0; i < count; i++) {
        (void)address_space_load(r->as, r->first + i * step, step, &values[i]);
    }
    bql_lock();
}

/* Registers behind an index. */
static void dump_indexed(struct dump *d, const char *name, uint16_t index, uint16_t data,
                         unsigned count) REQUIRES(bql) MAY_BLOCK
{
    for (unsigned i = 0; i < count; i++) {
        fuzz_store(fuzz_machine.io_as, index, 1, i);
        add(d, name, "index", i, fuzz_load(fuzz_machine.io_as, data, 1));
    }
}

static void dump_vga(struct dump *d) REQUIRES(bql) MAY_BLOCK
{
    dump_indexed(d, "vga sequencer", 0x3c4, 0x3c5, 8);
    dump_indexed(d, "vga graphics", 0x3ce, 0x3cf, 16);
    dump_indexed(d, "vga crtc", 0x3d4, 0x3d5, 64);
    (void)fuzz_load(fuzz_machine.io_as, 0x3da, 1);
    for (unsigned i = 0; i < 32; i++) {
        (void)fuzz_load(fuzz_machine.io_as, 0x3da, 1);
        fuzz_store(fuzz_machine.io_as, 0x3c0, 1, i);
        add(d, "vga attributes", "index", i, fuzz_load(fuzz_machine.io_as, 0x3c1, 1));
    }
    for (unsigned i = 0; i < 16; i++) {
        fuzz_store(fuzz_machine.io_as, 0x1ce, 2, i);
        add(d, "vbe", "index", i, fuzz_load(fuzz_machine.io_as, 0x1d0, 2));
    }
}

static void dump_ioapic(struct dump *d) REQUIRES(bql) MAY_BLOCK
{
    for (unsigned i = 0; i < 0x40; i++) {
        fuzz_store(fuzz_machine.memory_as, 0xfec00000, 4, i);
        add(d, "ioapic", "index", i, fuzz_load(fuzz_machine.memory_as, 0xfec00010, 4));
    }
}

static void dump_pic(struct dump *d, uint16_t port) REQUIRES(bql) MAY_BLOCK
{
    fuzz_store(fuzz_machine.io_as, port, 1, 0x0a);
    add(d, "8259", "requests", port, fuzz_load(fuzz_machine.io_as, port, 1));
    fuzz_store(fuzz_machine.io_as, port, 1, 0x0b);
    add(d, "8259", "in service", port, fuzz_load(fuzz_machine.io_as, port, 1));
}

static void dump_timer(struct dump *d) REQUIRES(bql) MAY_BLOCK
{
    for (unsigned channel = 0; channel < 3; channel++) {
        fuzz_store(fuzz_machine.io_as, 0x43, 1, 0xc0 | 2u << channel); /* count and status */
        for (unsigned i = 0; i < 3; i++) {
            add(d, "8254", "channel", channel, fuzz_load(fuzz_machine.io_as, 0x40 + channel, 1));
        }
    }
}

static void dump_keyboard(struct dump *d) REQUIRES(bql) MAY_BLOCK
{
    static const uint8_t commands[] = {0x20, 0xd0, 0xaa, 0xab, 0xa9};

    add(d, "8042", "status", 0, fuzz_load(fuzz_machine.io_as, 0x64, 1));
    for (size_t i = 0; i < sizeof(commands); i++) {
        fuzz_store(fuzz_machine.io_as, 0x64, 1, commands[i]);
        add(d, "8042", "command", commands[i], fuzz_load(fuzz_machine.io_as, 0x60, 1));
    }
}

static void dump_apics(struct dump *d) REQUIRES(bql) MAY_BLOCK
{
    for (unsigned n = 0; n < FUZZ_CPUS; n++) {
        const struct standin_cpu *cpu = standin_cpu(n);

        add(d, "lapic", "base", n, cpu->apic_ops->get_base(cpu->apic));
        add(d, "lapic", "lines", n, atomic_load(&cpu->interrupt));
        fuzz_select_cpu(n);
        for (unsigned reg = 0; reg < 0x400; reg += 16) {
            add(d, "lapic", n ? "of CPU 1" : "of CPU 0", reg,
                fuzz_load(fuzz_machine.memory_as, 0xfee00000 + reg, 4));
        }
    }
    fuzz_select_cpu(0);
}

void dump_registers(struct dump *d)
{
    struct fuzz_range ranges[FUZZ_RANGES_MAX];

    dump_apics(d);
    dump_ioapic(d);
    dump_pic(d, 0x20);
    dump_pic(d, 0xa0);
    dump_timer(d);
    dump_vga(d);
    unsigned n = fuzz_ranges(ranges);
    for (unsigned i = 0; i < n; i++) {
        dump_range(d, &ranges[i]);
    }
    dump_keyboard(d);
}

static bool same_row(const struct dump_row *a, const struct dump_row *b)
{
    return a->first == b->first && a->step == b->step && a->count == b->count &&
           strcmp(a->name, b->name) == 0;
}

static size_t first_difference(const uint64_t *a, const uint64_t *b, size_t count)
{
    size_t i = 0;

    if (memcmp(a, b, count * sizeof(*a)) == 0) {
        return count;
    }
    while (i < count && a[i] == b[i]) {
        i++;
    }
    return i;
}

size_t dump_differs(const struct dump *a, const struct dump *b)
{
    size_t i = 0;

    for (; i < a->row_count && i < b->row_count; i++) {
        const struct dump_row *x = &a->rows[i], *y = &b->rows[i];

        if (!same_row(x, y)) {
            return x->at;
        }
        size_t at = first_difference(&a->values[x->at], &b->values[y->at], x->count);
        if (at < x->count) {
            return x->at + at;
        }
    }
    if (i < a->row_count) {
        return a->rows[i].at;
    }
    return i < b->row_count ? b->rows[i].at : SIZE_MAX;
}

const struct dump_row *dump_row_of(const struct dump *d, size_t value)
{
    size_t i = 0;

    while (i < d->row_count && d->rows[i].at + d->rows[i].count <= value) {
        i++;
    }
    return i < d->row_count ? &d->rows[i] : NULL;
}

void dump_clear(struct dump *d)
{
    d->row_count = d->count = 0;
}

void dump_free(struct dump *d)
{
    free(d->rows);
    free(d->values);
    *d = (struct dump){.count = 0};
}
