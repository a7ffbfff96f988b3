/* The code cache: one range of memory mapped twice from one memfd, once
 * writable (never executable) and once executable (never writable), cut
 * into equal regions. A vCPU's thread translates into the region it has been
 * handed, with no lock but the mmap_lock; the region lock guards hand-out
 * only. The memfd is closed after mapping: the guest never sees a descriptor.
 *
 * Within a region, code grows up from the start and metadata (struct tb,
 * its exits and restart points) grows down from the end; both live until
 * the next flush. */
#ifndef MORTISE_EXEC_CODE_CACHE_H
#define MORTISE_EXEC_CODE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "exec/cpu.h"
#include "locks/mmap_lock.h"

struct code_cache_config {
    size_t size;       /* bytes, 256 KiB to 2047 MiB; rounded up to whole regions */
    uintptr_t rx_hint; /* where the executable mapping should lie; 0: anywhere.
                          Fails with -EEXIST if something is mapped there */
    size_t stub_size;  /* bytes at the start reserved for generated stubs;
                          no region covers them */
    size_t tb_size;    /* about what a TB takes with its metadata, bytes; 0: 256 */
};

/* Maps the cache. Once, before vCPUs exist. */
NODISCARD int code_cache_init(const struct code_cache_config *cfg, struct error *err);

/* fork(2). Parent and child must not share the cache. Before it, what is in
 * use of it is copied to new memory, if that is not too much, so that the
 * child need not translate everything again; the child maps the copy.
 *
 *   code_cache_before_fork();       with the locks that locks_before_fork takes
 *   code_cache_after_fork_parent(); with the same; or, in the child,
 *                                   code_cache_after_fork_child(), with none of them
 *
 * The child's mappings are at the same addresses. It returns true if the
 * stubs and all TBs are there; false if there was no copy: all is gone, and
 * the caller generates its stubs anew. Aborts with a message if memory cannot
 * be had. */
void code_cache_before_fork(void) REQUIRES(mmap_lock_cap);
void code_cache_after_fork_parent(void) REQUIRES(mmap_lock_cap);
bool code_cache_after_fork_child(void) EXCLUDES(mmap_lock_cap);

/* Bounds of the two mappings, and translation between them. */
uintptr_t code_cache_rx_start(void);
uintptr_t code_cache_rw_start(void);
size_t code_cache_size(void);
bool code_cache_contains(uintptr_t rx);
uint8_t *code_rw(uintptr_t rx);
uintptr_t code_rx(const void *rw);

/* The most that one translation may ask for, code and metadata together. */
#define CODE_REGION_REQUEST_MAX (24UL << 10)

/* Room for a translation: the vCPU's region's cursor (writable alias, a
 * multiple of 16), with at least `code` bytes before the metadata and room
 * for `meta` bytes of it (each piece's size rounded up to 16); takes another
 * region when the current one is too full. NULL when no region has room: the
 * caller must tb_request_flush and retry. When there are more vCPUs than
 * regions, vCPUs share some, which is safe because translation holds the
 * mmap_lock. */
uint8_t *code_region_reserve(struct cpu *cpu, size_t code, size_t meta)
    REQUIRES(mmap_lock_cap) PRIVATE_OBJECT;

/* Takes `size` bytes of metadata, aligned to 16, off the end of what
 * code_region_reserve promised. Not zeroed. */
void *code_region_meta(struct cpu *cpu, size_t size) REQUIRES(mmap_lock_cap) PRIVATE_OBJECT;

/* Keeps `size` bytes of code at the cursor; the cursor then moves on to the
 * next multiple of 16. Followed by tb_register_host. */
void code_region_commit(struct cpu *cpu, size_t size) REQUIRES(mmap_lock_cap);

/* Statistics, for -d and tests. Any thread. */
struct code_cache_stats {
    size_t size, region_size, regions;
    size_t regions_used, code_bytes;      /* since the last flush */
    uint64_t tbs, flushes, invalidations; /* ever */
};
void code_cache_get_stats(struct code_cache_stats *stats);

#endif
