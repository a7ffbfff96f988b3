/* Self-modifying code: pages that have been translated are write-protected
 * on the host; the first store to one faults, its translations go, and the
 * page becomes writable again.
 *
 * The same page of a file may be mapped, shared, at several addresses (JIT
 * compilers map their memory once writable, once executable). Then all its
 * writable aliases are protected, and a store through any of them
 * invalidates what was translated at all of them. Aliases are found by
 * device, inode and offset, so only within this process: a store by another
 * process, or by write(2) to the file, goes unnoticed. */
#ifndef MORTISE_USER_SMC_H
#define MORTISE_USER_SMC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "locks/mmap_lock.h"
#include "user/vma.h"

/* From the SIGSEGV handler, for a write fault (SEGV_ACCERR) at `addr` that is
 * not a fixup's business: true if the page had been protected here; the
 * store is to be tried again. Takes the mmap_lock; the interrupted code must
 * not hold a lock below it (guest code and user/copy.h never do). */
bool smc_handle_write_fault(uint64_t addr);

/* A system call returned EFAULT: makes every protected page writable and
 * invalidates its code. Returns false if there was none, so that EFAULT is
 * the guest's own. */
bool smc_unprotect_all(void);

/* Number of protected pages: a hint, readable at any time. */
extern atomic_size_t smc_protected_count;

/* The kernel is about to write to [start, start + len) for the guest: makes
 * protected pages in it writable. */
void smc_prepare_write(uint64_t start, uint64_t len);

/* The code source's `protect`. */
void smc_protect(uint64_t start, size_t len) REQUIRES(mmap_lock_cap);

/* Makes [start, end) writable where it was protected here; its code goes. */
void smc_unprotect_range(uint64_t start, uint64_t end) REQUIRES(mmap_lock_cap);

/* Forgets about protection in [start, end): the host's mapping is gone or is
 * about to be replaced. */
void smc_forget_range(uint64_t start, uint64_t end) REQUIRES(mmap_lock_cap);

/* Whether pages of this range can have translations, their own or those of
 * another mapping of the same file. */
bool smc_may_be_watched(const struct vma *vma) REQUIRES(mmap_lock_cap);

/* Whether a store to this page must be noticed: it, or an alias of it, has
 * translations. */
bool smc_page_watched(uint64_t page) REQUIRES(mmap_lock_cap);

/* Records that the host does not let the guest write to this page, which
 * the caller has seen to. */
void smc_mark_protected(uint64_t page) REQUIRES(mmap_lock_cap);

/* After something writable was mapped or made writable in [start, end):
 * protects the pages that are watched. */
void smc_reprotect(uint64_t start, uint64_t end) REQUIRES(mmap_lock_cap);

#endif
