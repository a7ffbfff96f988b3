/* The 82093AA (Intel data sheet; the EOI register at 0x40 is that of later chipsets).
 * State is under a spinlock and the region lockless. What is to be delivered is
 * decided under the lock, which sets remote IRR of a level-triggered entry, and
 * delivered after it: so an entry is in flight at most once until its EOI. */
#include "hw/ioapic.h"

#include <errno.h>
#include <stdlib.h>

#include "hw/lapic.h"
#include "locks/spinlock.h"

LOCK_CLASS_DEFINE(ioapic_class, RANK_LEAF);

#define VERSION      0x20u
#define WINDOW_INDEX 0x00
#define WINDOW_DATA  0x10
#define WINDOW_EOI   0x40

enum reg { REG_ID = 0, REG_VERSION = 1, REG_ARBITRATION = 2, REG_ENTRIES = 0x10 };

/* A redirection entry. */
#define ENTRY_VECTOR     UINT64_C(0xff)
#define ENTRY_MODE_SHIFT 8
#define ENTRY_LOGICAL    (UINT64_C(1) << 11)
#define ENTRY_LOW        (UINT64_C(1) << 13) /* active low: lines here are logical levels */
#define ENTRY_REMOTE_IRR (UINT64_C(1) << 14)
#define ENTRY_LEVEL      (UINT64_C(1) << 15)
#define ENTRY_MASKED     (UINT64_C(1) << 16)
#define ENTRY_DEST_SHIFT 56
#define ENTRY_READ_ONLY  (ENTRY_REMOTE_IRR | UINT64_C(1) << 12)
#define ENTRY_WRITABLE   UINT64_C(0xff0000000001afff)

#define INPUTS 2

/* Edges that come while a pin is masked are lost, as on the chip. */
struct ioapic {
    struct memory_region region;
    struct lapic_set *lapics IMMUTABLE_AFTER_INIT;
    struct spinlock lock;
    uint64_t entry[IOAPIC_PINS] GUARDED_BY(&lock);
    uint32_t line[INPUTS] GUARDED_BY(&lock); /* levels: first and second lines of the pins */
    uint8_t index GUARDED_BY(&lock), id GUARDED_BY(&lock);
};

/* Messages to be sent when the lock is released. */
struct outbox {
    unsigned count;
    struct apic_message message[IOAPIC_PINS];
};

static void post(struct outbox *out, uint64_t entry, unsigned ticks)
{
    out->message[out->count++] = (struct apic_message){
        .dest = (uint32_t)(entry >> ENTRY_DEST_SHIFT),
        .vector = (uint8_t)(entry & ENTRY_VECTOR),
        .mode = (enum apic_mode)(entry >> ENTRY_MODE_SHIFT & 7),
        .logical = entry & ENTRY_LOGICAL,
        .level = entry & ENTRY_LEVEL,
        .broadcast = entry >> ENTRY_DEST_SHIFT == 0xff,
        .ticks = ticks,
    };
}

static void send_to_lapics(struct ioapic *io, const struct outbox *out)
{
    for (unsigned i = 0; i < out->count; i++) {
        lapic_set_deliver(io->lapics, &out->message[i]);
    }
}

/* Whether remote IRR counts: only fixed and lowest-priority interrupts end by EOI. */
static bool ends_by_eoi(uint64_t entry)
{
    uint64_t mode = entry >> ENTRY_MODE_SHIFT & 7;

    return (entry & ENTRY_LEVEL) && mode <= APIC_LOWEST;
}

static bool is_up(const struct ioapic *io, unsigned n) REQUIRES(&io -> lock)
{
    return (io->line[0] | io->line[1]) >> n & 1;
}

/* A level-triggered pin that is high and unmasked and not in flight is sent. */
static void consider_level(struct ioapic *io, unsigned n, struct outbox *out) REQUIRES(&io -> lock)
{
    uint64_t *entry = &io->entry[n];

    if (ends_by_eoi(*entry) && is_up(io, n) && !(*entry & (ENTRY_MASKED | ENTRY_REMOTE_IRR))) {
        *entry |= ENTRY_REMOTE_IRR;
        post(out, *entry, 0);
    }
}

void ioapic_set_irq(void *opaque, unsigned n, bool level)
{
    struct ioapic *io = opaque;
    struct outbox out = {.count = 0};
    unsigned input = n / IOAPIC_SECOND;
    uint32_t bit, *line;

    n %= IOAPIC_SECOND;
    if (input >= INPUTS || n >= IOAPIC_PINS) {
        return;
    }
    bit = UINT32_C(1) << n;
    spinlock_lock(&io->lock);
    if (level && !is_up(io, n) && !ends_by_eoi(io->entry[n])) {
        if (!(io->entry[n] & ENTRY_MASKED)) {
            post(&out, io->entry[n], 0);
        }
    }
    line = &io->line[input];
    *line = level ? *line | bit : *line & ~bit;
    consider_level(io, n, &out);
    spinlock_unlock(&io->lock);
    send_to_lapics(io, &out);
}

/* The local APICs remember edges that are not taken yet, by vector. */
static void forget_ticks(const struct ioapic *io, uint64_t entry)
{
    if (!(entry & (ENTRY_LEVEL | ENTRY_MASKED))) {
        lapic_set_forget_ticks(io->lapics, (uint8_t)(entry & ENTRY_VECTOR));
    }
}

void ioapic_tick(void *opaque, unsigned n, unsigned count)
{
    struct ioapic *io = opaque;
    struct outbox out = {.count = 0};
    unsigned input = n / IOAPIC_SECOND;
    uint64_t entry;

    n %= IOAPIC_SECOND;
    if (input >= INPUTS || n >= IOAPIC_PINS) {
        return;
    }
    spinlock_lock(&io->lock);
    entry = io->entry[n];
    if (count) {
        if (!ends_by_eoi(entry) && !(entry & ENTRY_MASKED)) {
            post(&out, entry, count);
        }
        io->line[input] |= UINT32_C(1) << n;
        consider_level(io, n, &out);
    }
    spinlock_unlock(&io->lock);
    if (!count) {
        forget_ticks(io, entry);
    }
    send_to_lapics(io, &out);
}

void ioapic_eoi(void *opaque, uint8_t vector)
{
    struct ioapic *io = opaque;
    struct outbox out = {.count = 0};

    spinlock_lock(&io->lock);
    for (unsigned n = 0; n < IOAPIC_PINS; n++) {
        if ((io->entry[n] & ENTRY_REMOTE_IRR) && (io->entry[n] & ENTRY_VECTOR) == vector) {
            io->entry[n] &= ~ENTRY_REMOTE_IRR;
            consider_level(io, n, &out);
        }
    }
    spinlock_unlock(&io->lock);
    send_to_lapics(io, &out);
}

static uint32_t read_register(const struct ioapic *io) REQUIRES(&io -> lock)
{
    unsigned n = (io->index - REG_ENTRIES) / 2u;

    switch (io->index) {
    case REG_ID:
    case REG_ARBITRATION:
        return (uint32_t)io->id << 24;
    case REG_VERSION:
        return VERSION | (IOAPIC_PINS - 1) << 16;
    default:
        if (io->index < REG_ENTRIES || n >= IOAPIC_PINS) {
            return 0;
        }
        return (uint32_t)(io->entry[n] >> (io->index & 1 ? 32 : 0));
    }
}

static void write_register(struct ioapic *io, uint32_t v, struct outbox *out) REQUIRES(&io -> lock)
{
    unsigned n = io->index / 2u - REG_ENTRIES / 2u;
    uint64_t *entry;
    uint64_t value;

    if (io->index == REG_ID) {
        io->id = v >> 24 & 15;
    }
    if (io->index < REG_ENTRIES || n >= IOAPIC_PINS) {
        return;
    }
    entry = &io->entry[n];
    value = io->index & 1 ? (*entry & UINT32_MAX) | (uint64_t)v << 32
                          : (*entry & ~(uint64_t)UINT32_MAX) | v;
    if ((*entry ^ value) & (ENTRY_VECTOR | ENTRY_MASKED)) {
        forget_ticks(io, *entry);
    }
    *entry = (value & ENTRY_WRITABLE) | (*entry & ENTRY_READ_ONLY);
    if (!ends_by_eoi(*entry)) {
        /* Switching to edge and back is how an entry is rid of its remote IRR. */
        *entry &= ~ENTRY_REMOTE_IRR;
    }
    consider_level(io, n, out);
}

static enum memory_result ioapic_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct ioapic *io = opaque;

    spinlock_lock(&io->lock);
    *value = offset == WINDOW_INDEX               ? io->index
             : offset == WINDOW_DATA && size == 4 ? read_register(io)
                                                  : 0;
    spinlock_unlock(&io->lock);
    return MEMORY_OK;
}

static enum memory_result ioapic_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct ioapic *io = opaque;
    struct outbox out = {.count = 0};

    if (size != 4 && offset != WINDOW_INDEX) {
        return MEMORY_OK;
    }
    if (offset == WINDOW_EOI) {
        ioapic_eoi(io, (uint8_t)value);
        return MEMORY_OK;
    }
    spinlock_lock(&io->lock);
    if (offset == WINDOW_INDEX) {
        io->index = (uint8_t)value;
    } else if (offset == WINDOW_DATA) {
        write_register(io, (uint32_t)value, &out);
    }
    spinlock_unlock(&io->lock);
    send_to_lapics(io, &out);
    return MEMORY_OK;
}

/* The index is a byte, and firmware writes it as one; the others are words. */
static const struct memory_ops ioapic_ops = {
    .read = ioapic_read, .write = ioapic_write, .min_size = 1, .max_size = 4};

void ioapic_reset(void *opaque)
{
    struct ioapic *io = opaque;

    spinlock_lock(&io->lock);
    for (unsigned n = 0; n < IOAPIC_PINS; n++) {
        io->entry[n] = ENTRY_MASKED;
    }
    io->index = io->id = 0;
    spinlock_unlock(&io->lock);
}

int ioapic_new(struct memory_region *memory, uint64_t base, struct lapic_set *lapics,
               struct ioapic **out, struct error *err)
{
    struct ioapic *io = calloc(1, sizeof(*io));

    if (!io) {
        return error_set(err, ENOMEM, "ioapic: out of memory");
    }
    spinlock_init(&io->lock, &ioapic_class);
    io->lapics = lapics;
    ioapic_reset(io);
    lapic_set_on_eoi(lapics, ioapic_eoi, io);
    memory_region_init_io(&io->region, &ioapic_ops, io, "ioapic", 0x1000);
    memory_region_set_lockless(&io->region);
    memory_region_add(memory, base, &io->region, 1);
    *out = io;
    return 0;
}

void ioapic_free(struct ioapic *io)
{
    memory_region_destroy(&io->region);
    free(io);
}
