/* A driver of modern virtio devices (Virtio 1.2, 4.1.4.3 and 2.7). */
#include <string.h>

#include "devices/rings.h"
#include "hw/pci.h"

#define DESC       0x10000u
#define AVAIL      0x14000u
#define USED       0x15000u
#define INDIRECT   0x16000u
#define DATA       0x20000u
#define QUEUE_AREA 0x10000u /* of each queue */
#define BAR        0x20     /* in configuration space */
#define NOTIFY     0x3000u
#define DEVICES    8u

enum common {
    DRIVER_SELECT = 0x08,
    DRIVER_FEATURE = 0x0c,
    STATUS = 0x14,
    QUEUE_SELECT = 0x16,
    QUEUE_SIZE = 0x18,
    QUEUE_VECTOR = 0x1a,
    QUEUE_ENABLE = 0x1c,
    QUEUE_DESC = 0x20,
    QUEUE_AVAIL = 0x28,
    QUEUE_USED = 0x30,
};

/* The n-th virtio device's registers; 0: there is none. */
static uint64_t registers_of(unsigned n) REQUIRES(bql) MAY_BLOCK
{
    uint64_t bars[DEVICES];
    unsigned count = 0;

    for (unsigned devfn = 0; devfn < 256 && count < DEVICES; devfn++) {
        if (fuzz_machine.pci->device[devfn] && fuzz_config_read(devfn, 0, 2) == 0x1af4) {
            bars[count++] = fuzz_config_read(devfn, BAR, 4) & ~15u;
        }
    }
    return count ? bars[n % count] : 0;
}

static void common(uint64_t bar, enum common reg, unsigned size, uint64_t value)
    REQUIRES(bql) MAY_BLOCK
{
    fuzz_store(fuzz_machine.memory_as, bar + (unsigned)reg, size, value);
}

static void put(uint64_t addr, uint64_t value, unsigned size)
{
    if (addr < FUZZ_RAM_SIZE - 8) {
        memcpy(fuzz_ram() + addr, &value, size);
    }
}

static void negotiate(uint64_t bar, uint8_t bits) REQUIRES(bql) MAY_BLOCK
{
    common(bar, STATUS, 1, 0);
    common(bar, STATUS, 1, 3);
    common(bar, DRIVER_SELECT, 4, 0);
    common(bar, DRIVER_FEATURE, 4, (bits & 0x30u) << 24); /* indirect tables, event indices */
    common(bar, DRIVER_SELECT, 4, 1);
    common(bar, DRIVER_FEATURE, 4, !(bits & 0x40));
    common(bar, STATUS, 1, 0xb);
}

/* Where a ring lies: as told, or anywhere. */
static uint64_t place(struct fuzz_input *in, bool anywhere, uint64_t usual)
{
    return anywhere ? fuzz_take(in, 8) : usual;
}

void fuzz_virtio_start(struct fuzz_input *in)
{
    uint8_t bits = fuzz_byte(in), queues = fuzz_byte(in);
    uint64_t bar = registers_of(bits & 7);

    negotiate(bar, bits);
    for (unsigned n = 0; n <= (queues & 1u); n++) {
        uint8_t odd = queues & 0x80 ? fuzz_byte(in) : 0;
        unsigned size = odd & 1 ? (unsigned)fuzz_take(in, 2) : 16u << (queues >> 1 & 3);
        uint64_t area = (uint64_t)n * QUEUE_AREA;

        common(bar, QUEUE_SELECT, 2, n);
        common(bar, QUEUE_SIZE, 2, size);
        common(bar, QUEUE_VECTOR, 2, n);
        common(bar, QUEUE_DESC, 8, place(in, odd & 2, DESC + area));
        common(bar, QUEUE_AVAIL, 8, place(in, odd & 4, AVAIL + area));
        common(bar, QUEUE_USED, 8, place(in, odd & 8, USED + area));
        put(AVAIL + area, 0, 4);
        put(USED + area, 0, 4);
        common(bar, QUEUE_ENABLE, 2, 1);
    }
    common(bar, STATUS, 1, 0xf);
}

struct chain {
    uint64_t table; /* where its descriptors go */
    unsigned first, count;
    bool odd;
};

/* One buffer. The first is read by the device, the last is written to; in between as
 * the input says. */
static void put_desc(struct fuzz_input *in, const struct chain *c, unsigned i)
{
    uint64_t at = c->table + 16 * (uint64_t)(c->first + i);
    uint8_t what = fuzz_byte(in);
    uint64_t addr = DATA + 0x1000 * (uint64_t)(what & 15);
    uint64_t len = i == 0 ? 16 : i + 1 == c->count ? 1 : (uint64_t)(what >> 4) * 256;
    unsigned flags = (i + 1 < c->count) | (i && (what & 1 || i + 1 == c->count) ? 2u : 0);
    unsigned next = c->first + i + 1;

    if (c->odd && what & 0x80) {
        addr = what & 0x40 ? fuzz_take(in, 8) : addr;
        len = what & 0x20 ? fuzz_take(in, 4) : len;
        flags = what & 0x10 ? fuzz_byte(in) : flags;
        next = what & 8 ? (unsigned)fuzz_take(in, 2) : next;
    }
    put(at, addr, 8);
    put(at + 8, len, 4);
    put(at + 12, flags, 2);
    put(at + 14, next, 2);
    if (i == 0) { /* the header of a block device's request, for the others just bytes */
        put(addr, fuzz_byte(in), 8);
        put(addr + 8, fuzz_byte(in), 8);
    }
}

/* Room for `count` more entries of the ring is the driver's business: there is none. */
static void make_available(uint64_t area, unsigned head, unsigned more)
{
    uint16_t index;

    memcpy(&index, fuzz_ram() + AVAIL + area + 2, sizeof(index));
    for (unsigned size = 16; size <= 128; size *= 2) { /* whatever it is */
        put(AVAIL + area + 4 + 2 * (uint64_t)(index % size), head, 2);
    }
    put(AVAIL + area + 2, index + more, 2);
}

void fuzz_virtio_offer(struct fuzz_input *in)
{
    uint8_t bits = fuzz_byte(in), shape = fuzz_byte(in);
    uint64_t bar = registers_of(bits & 7), area = bits & 8 ? QUEUE_AREA : 0;
    struct chain c = {
        .table = DESC + area, .first = shape >> 4, .count = (shape & 7u) + 1, .odd = shape & 8};
    unsigned head = c.first;

    if (bits & 0x10) { /* in a table of its own */
        put(c.table + 16 * (uint64_t)head, INDIRECT + area, 8);
        put(c.table + 16 * (uint64_t)head + 8, 16 * (uint64_t)c.count, 4);
        put(c.table + 16 * (uint64_t)head + 12, 4, 4);
        c.table = INDIRECT + area;
        c.first = 0;
    }
    for (unsigned i = 0; i < c.count; i++) {
        put_desc(in, &c, i);
    }
    make_available(area, head, bits & 0x20 ? (unsigned)fuzz_take(in, 2) : 1);
    if (!(bits & 0x40)) {
        fuzz_store(fuzz_machine.memory_as, bar + NOTIFY + (bits & 8 ? 4 : 0), 2, bits >> 3 & 1);
    }
}
