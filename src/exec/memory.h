/* Guest-physical memory: regions arranged in trees, flattened into views that
 * are published by RCU, and dispatched to RAM or to a device's callbacks.
 *
 * A region is RAM, ROM, a ROM device (reads like RAM, writes go to the device),
 * MMIO, an alias of a part of another region, or a plain container. Subregions
 * overlay their parent; higher priority wins, among equals the one added last.
 * What a container doesn't cover shows what lies below it.
 *
 * Changes of the topology need the BQL, and take effect together at the end of
 * the outermost transaction; readers see the old or the new view, never a mix.
 * Accesses run on any thread without the BQL: it is taken around callbacks of
 * regions that have not opted out (memory_region_set_lockless). A device that
 * is entered again through its own DMA gets MEMORY_ERROR (re-entrancy guard).
 *
 * RAM addresses: every RAM or ROM region gets a range of a space of its own
 * (page-aligned, from 0, never reused), so that a byte has one name whatever
 * aliases lead to it. Translations and dirty tracking go by RAM address. */
#ifndef MORTISE_EXEC_MEMORY_H
#define MORTISE_EXEC_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/annotations.h"
#include "base/error.h"
#include "locks/bql.h"
#include "rcu/rcu.h"

enum memory_result { MEMORY_OK, MEMORY_ERROR, MEMORY_UNASSIGNED };

struct memory_region;
struct memory_notifiers;
struct ram_block;
struct address_space;

/* A device's callbacks. Offsets are relative to the region; sizes are 1, 2, 4, 8
 * and within min..max; an access outside of that is split or widened before (a
 * narrower read reads min and takes a part; a narrower write is refused).
 * offset + size <= region size always. */
struct memory_ops {
    enum memory_result (*read)(void *opaque, uint64_t offset, unsigned size, uint64_t *value);
    enum memory_result (*write)(void *opaque, uint64_t offset, unsigned size, uint64_t value);
    unsigned min_size, max_size; /* 0: 1 and 8 */
    bool unaligned; /* takes unaligned accesses; else they are split into aligned ones */
};

enum memory_kind {
    MEMORY_CONTAINER,
    MEMORY_RAM,
    MEMORY_ROM,        /* writes are dropped */
    MEMORY_ROM_DEVICE, /* reads directly while romd, else through ops; writes through ops */
    MEMORY_IO,
    MEMORY_ALIAS
};

/* The owner allocates it (usually inside its device) and keeps it until it has
 * been taken out of its parent and a grace period has passed
 * (memory_region_destroy does both). Fields are private to exec/memory*.c. */
struct memory_region {
    const char *name IMMUTABLE_AFTER_INIT;
    enum memory_kind kind IMMUTABLE_AFTER_INIT;
    const struct memory_ops *ops IMMUTABLE_AFTER_INIT;
    void *opaque IMMUTABLE_AFTER_INIT;
    uint8_t *host IMMUTABLE_AFTER_INIT;     /* RAM, ROM, ROM device */
    uint64_t ram_addr IMMUTABLE_AFTER_INIT; /* likewise */
    bool lockless IMMUTABLE_AFTER_INIT;
    struct memory_region *alias IMMUTABLE_AFTER_INIT;

    uint64_t size GUARDED_BY(bql); /* bytes; UINT64_MAX means all 2^64 */
    uint64_t addr GUARDED_BY(bql); /* in the parent */
    uint64_t alias_offset GUARDED_BY(bql);
    int priority GUARDED_BY(bql);
    bool enabled GUARDED_BY(bql);
    bool readonly GUARDED_BY(bql); /* RAM that reads only: PAM */
    bool romd GUARDED_BY(bql);
    struct memory_region *parent GUARDED_BY(bql);
    struct memory_region *first_child GUARDED_BY(bql); /* highest priority first */
    struct memory_region *next_sibling GUARDED_BY(bql);
    struct memory_notifiers *notifiers RCU_PROTECTED; /* changed with the BQL */
    struct ram_block *block IMMUTABLE_AFTER_INIT;     /* RAM, ROM, ROM device */
};

/* Initialisation; the region is enabled and in no parent. Main thread or any
 * holder of the BQL. Sizes of RAM are multiples of 4 KiB. */
void memory_region_init(struct memory_region *mr, const char *name, uint64_t size) REQUIRES(bql);
NODISCARD int memory_region_init_ram(struct memory_region *mr, const char *name, uint64_t size,
                                     struct error *err) REQUIRES(bql);
NODISCARD int memory_region_init_rom(struct memory_region *mr, const char *name, uint64_t size,
                                     struct error *err) REQUIRES(bql);
NODISCARD int memory_region_init_rom_device(struct memory_region *mr, const struct memory_ops *ops,
                                            void *opaque, const char *name, uint64_t size,
                                            struct error *err) REQUIRES(bql);
void memory_region_init_io(struct memory_region *mr, const struct memory_ops *ops, void *opaque,
                           const char *name, uint64_t size) REQUIRES(bql);
void memory_region_init_alias(struct memory_region *mr, const char *name,
                              struct memory_region *target, uint64_t offset, uint64_t size)
    REQUIRES(bql);
/* Its callbacks run without the BQL, on several threads at once, in an RCU read
 * section: they take leaf locks only and never wait. Right after init. */
void memory_region_set_lockless(struct memory_region *mr) REQUIRES(bql);
/* Takes it out of its parent, waits for readers, frees RAM (which stays while it
 * is mapped). Not within a transaction. No alias of it is left. */
void memory_region_destroy(struct memory_region *mr) REQUIRES(bql) MAY_BLOCK;

/* The host memory of a RAM, ROM or ROM device region. */
uint8_t *memory_region_host(struct memory_region *mr);

/* Topology. */
void memory_region_add(struct memory_region *parent, uint64_t addr, struct memory_region *child,
                       int priority) REQUIRES(bql);
void memory_region_remove(struct memory_region *child) REQUIRES(bql);
void memory_region_set_enabled(struct memory_region *mr, bool enabled) REQUIRES(bql);
void memory_region_set_address(struct memory_region *mr, uint64_t addr) REQUIRES(bql);
void memory_region_set_size(struct memory_region *mr, uint64_t size) REQUIRES(bql);
void memory_region_set_alias_offset(struct memory_region *mr, uint64_t offset) REQUIRES(bql);
void memory_region_set_readonly(struct memory_region *mr, bool readonly) REQUIRES(bql);
void memory_region_set_romd(struct memory_region *mr, bool romd) REQUIRES(bql);
void memory_transaction_begin(void) REQUIRES(bql);
void memory_transaction_commit(void) REQUIRES(bql);

/* An event notifier (its eventfd) instead of a callback for writes of `size` bytes
 * (0: any) at offset, optionally of one value only: doorbells. */
NODISCARD int memory_region_add_notifier(struct memory_region *mr, uint64_t offset, unsigned size,
                                         bool match, uint64_t value, int eventfd) REQUIRES(bql);
void memory_region_remove_notifier(struct memory_region *mr, uint64_t offset, int eventfd)
    REQUIRES(bql);

/* Address spaces. */
NODISCARD int address_space_new(struct address_space **as, const char *name,
                                struct memory_region *root, struct error *err) REQUIRES(bql);
void address_space_free(struct address_space *as) REQUIRES(bql);

/* Called after a new view has been published, with the BQL: TLBs are flushed. */
void address_space_set_listener(struct address_space *as, void (*changed)(void *opaque),
                                void *opaque) REQUIRES(bql);

/* Accesses of CPUs, to memory and devices: size is 1, 2, 4, 8, little-endian; the
 * aligned ones in RAM are atomic. Unassigned memory reads as all ones. A device
 * that wants the BQL is called with it, so the caller has no lock and is in no read
 * section. */
enum memory_result address_space_load(struct address_space *as, uint64_t addr, unsigned size,
                                      uint64_t *value) EXCLUDES(bql) MAY_BLOCK;
enum memory_result address_space_store(struct address_space *as, uint64_t addr, unsigned size,
                                       uint64_t value) EXCLUDES(bql) MAY_BLOCK;

/* Accesses of devices (DMA), monitors and loaders, from any thread, with the BQL or
 * a device's own lock or none: to memory only. A device is never entered through
 * another one's DMA, nor through its own: MEMORY_ERROR, and reads give all ones, as
 * where nothing is. */
enum memory_result address_space_read(struct address_space *as, uint64_t addr, void *buf,
                                      uint64_t len);
enum memory_result address_space_write(struct address_space *as, uint64_t addr, const void *buf,
                                       uint64_t len);
/* Whether [addr, addr+len) can be accessed: all of it RAM, or devices that take it. */
bool address_space_valid(struct address_space *as, uint64_t addr, uint64_t len, bool write);

/* DMA without copies. The host memory of [addr, addr + *len) if it begins in RAM;
 * *len is cut to what is contiguous. NULL if not RAM: use read and write. Held
 * until address_space_unmap (which counts `written` bytes as written: code in them
 * is invalidated); the region stays while it is mapped. */
void *address_space_map(struct address_space *as, uint64_t addr, uint64_t *len, bool write);
void address_space_unmap(struct address_space *as, void *host, uint64_t len, bool write,
                         uint64_t written);

/* What lies in the 4 KiB page at addr: for TLBs. RAM: host and ram_addr of the
 * page; writable or not; io: the page is (partly) something else, each access goes
 * through address_space_load and store. Good until the listener is called. */
struct memory_page {
    uint8_t *host; /* NULL: io */
    uint64_t ram_addr;
    bool writable;
};
struct memory_page address_space_page(struct address_space *as, uint64_t addr)
    REQUIRES_SHARED(rcu_cap);

/* RAM by its RAM address. NULL if there is none. */
uint8_t *memory_ram_host(uint64_t ram_addr);
/* Pages that hold translated code: set by the translator, cleared when the last
 * translation goes. Writers other than generated code (DMA, C) call
 * memory_ram_written after they have stored, which invalidates translations. */
bool memory_ram_has_code(uint64_t ram_addr);
void memory_ram_set_code(uint64_t ram_addr, bool has);
bool memory_ram_written(uint64_t ram_addr, uint64_t len); /* whether any was */

/* The tree and the flat view, as text: "info mtree". */
void memory_print(void *file) REQUIRES(bql);

#endif
