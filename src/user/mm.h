/* The guest's memory map: where things go, and the operations that keep the
 * tracker (vma.h), the translations (exec/tb.h) and the host's mappings in
 * step. All of it under the mmap_lock.
 *
 * Invariants:
 *   - what is in guest_vmas is mapped on the host and belongs to the guest;
 *   - what is mapped on the host and not in guest_vmas is the emulator's,
 *     and nothing here changes it;
 *   - no guest page has PROT_EXEC on the host. */
#ifndef MORTISE_USER_MM_H
#define MORTISE_USER_MM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include "base/error.h"
#include "exec/tb.h"
#include "locks/mmap_lock.h"
#include "user/elf.h"
#include "user/vma.h"

#define PAGE_UP(x)     (((x) + GUEST_PAGE_SIZE - 1) & ~(GUEST_PAGE_SIZE - 1))
#define PAGE_DOWN(x)   ((x) & ~(GUEST_PAGE_SIZE - 1))
#define PAGE_OFFSET(x) ((x) & (GUEST_PAGE_SIZE - 1))

extern struct vma_set guest_vmas GUARDED_BY(mmap_lock_cap);

/* Where the parts of the address space go; filled by mm_plan. */
struct IMMUTABLE_AFTER_INIT mm_layout {
    uint64_t cache;                 /* hint for the code cache; 0: anywhere */
    uint64_t program;               /* where a position-independent program starts */
    uint64_t files_low, files_high; /* where files mapped without a hint go */
};
extern struct mm_layout mm_layout;

/* Chooses the layout for a program before anything is mapped. */
void mm_plan(const struct elf_image *image, size_t cache_size);

/* The host's protection for the guest's. */
static inline int mm_host_prot(uint32_t prot)
{
    int host = (int)(prot & (PROT_READ | PROT_WRITE));
    return prot & PROT_EXEC ? host | PROT_READ : host;
}

/* One mapping to be made. */
struct mm_request {
    uint64_t addr, size; /* size in whole pages */
    uint32_t prot, flags;
    int fd;
    uint64_t offset;
    enum vma_kind kind;
    bool image;
};

/* mmap: the address, or -errno. */
int64_t mm_map(const struct mm_request *request) REQUIRES(mmap_lock_cap);

/* Whether that many bytes more would exceed the guest's RLIMIT_AS. */
bool mm_limit_reached(uint64_t more) REQUIRES(mmap_lock_cap);

/* munmap of whole pages. What isn't the guest's stays. */
int mm_unmap(uint64_t start, uint64_t end) REQUIRES(mmap_lock_cap);

/* mprotect of whole pages: 0 or -errno. */
int mm_protect(uint64_t start, uint64_t end, uint32_t prot) REQUIRES(mmap_lock_cap);

/* Makes sure that the emulator has nothing in [start, end), so that
 * something may be mapped there with MAP_FIXED; the gaps in the tracker are
 * reserved on the host meanwhile. -ENOMEM if it has. */
int mm_claim(uint64_t start, uint64_t end) REQUIRES(mmap_lock_cap);

/* Undoes mm_claim: gives the gaps back. */
void mm_unclaim(uint64_t start, uint64_t end) REQUIRES(mmap_lock_cap);

/* Translations of what lies in [start, end) go, and with them protection
 * against writing; the host's mappings are about to change there. */
void mm_drop_code(uint64_t start, uint64_t end) REQUIRES(mmap_lock_cap);

/* Whether anything was translated from [start, end). */
bool mm_has_code(uint64_t start, uint64_t end) REQUIRES(mmap_lock_cap);

/* brk. */
void mm_set_brk(uint64_t start) REQUIRES(mmap_lock_cap);
uint64_t mm_brk(uint64_t addr) REQUIRES(mmap_lock_cap);

/* mlockall and munlockall for what is the guest's. */
int mm_lock_all(int how) REQUIRES(mmap_lock_cap);
void mm_unlock_all(void) REQUIRES(mmap_lock_cap);

/* Lists the host's vdso and its data pages as the guest's. Returns the
 * vdso's address, or 0. */
uint64_t mm_adopt_vdso(void) REQUIRES(mmap_lock_cap);

#endif
