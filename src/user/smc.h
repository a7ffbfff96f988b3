/* Self-modifying code: pages that have been translated are write-protected
 * on the host; the first store to one faults, its translations go, and the
 * page becomes writable again. */
#ifndef MORTISE_USER_SMC_H
#define MORTISE_USER_SMC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From the SIGSEGV handler, for a write fault at `addr` that is not a fixup's
 * business: true if the page had been protected here; the store is to be
 * tried again. Takes the mmap_lock; the interrupted code must not hold a
 * lock above it (guest code and user/copy.h never do). */
bool smc_handle_write_fault(uint64_t addr);

/* A system call returned EFAULT: makes every protected page writable and
 * invalidates its code. Returns false if there was none, so that EFAULT is
 * the guest's own. */
bool smc_unprotect_all(void);

#endif
