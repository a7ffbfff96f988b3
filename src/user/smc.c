/* Write protection of translated pages. A page is in `protected_pages` if
 * the guest may write to it but the host's mapping says that it may not,
 * because it, or an alias of it, has translations. All under the mmap_lock,
 * also from the SIGSEGV handler, so no memory is allocated on that path. */
#include "user/smc.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "exec/tb.h"
#include "user/mm.h"
#include "user/page_set.h"

atomic_size_t smc_protected_count;

static struct page_set protected_pages GUARDED_BY(mmap_lock_cap);

/* Bounds of what is protected, never too narrow: lets most buffers of system
 * calls be seen to be elsewhere without a lock. Written under the mmap_lock,
 * read at any time; who reads an old value is caught by EFAULT. */
static _Atomic(uint64_t) protected_low WRITE_GUARDED_BY(mmap_lock_cap) = UINT64_MAX;
static _Atomic(uint64_t) protected_high WRITE_GUARDED_BY(mmap_lock_cap);

static void widen_bounds(uint64_t page) REQUIRES(mmap_lock_cap)
{
    if (page < atomic_load_explicit(&protected_low, memory_order_relaxed)) {
        atomic_store_explicit(&protected_low, page, memory_order_relaxed);
    }
    if (page + GUEST_PAGE_SIZE > atomic_load_explicit(&protected_high, memory_order_relaxed)) {
        atomic_store_explicit(&protected_high, page + GUEST_PAGE_SIZE, memory_order_relaxed);
    }
}

static void publish_count(void) REQUIRES(mmap_lock_cap)
{
    if (protected_pages.count == 0) {
        atomic_store_explicit(&protected_low, UINT64_MAX, memory_order_relaxed);
        atomic_store_explicit(&protected_high, 0, memory_order_relaxed);
    }
    atomic_store_explicit(&smc_protected_count, protected_pages.count, memory_order_relaxed);
}

static bool host_protect(uint64_t page, int prot)
{
    return mprotect((void *)page, GUEST_PAGE_SIZE, prot) == 0;
}

static void unprotect_page(uint64_t page) REQUIRES(mmap_lock_cap)
{
    if (page_set_remove(&protected_pages, page)) {
        const struct vma *vma = vma_find(&guest_vmas, page);
        if (vma) {
            /* If this fails the store faults again and is tried again. */
            (void)host_protect(page, mm_host_prot(vma->prot));
        }
    }
}

static bool has_aliases(const struct vma *vma)
{
    return vma->ino != 0 && (vma->flags & MAP_SHARED) != 0;
}

/* The next page that maps the same part of the file as `page` of `vma`, by
 * range index; 0 at the end. The page itself is among them. */
static uint64_t next_alias(const struct vma *vma, uint64_t page, size_t *cursor)
    REQUIRES(mmap_lock_cap)
{
    uint64_t offset = vma_offset_of(vma, page);
    while (*cursor < guest_vmas.count) {
        const struct vma *other = guest_vmas.v[(*cursor)++];
        if (other->ino == vma->ino && other->dev == vma->dev && other->kind == vma->kind &&
            (other->flags & MAP_SHARED) && offset >= other->offset &&
            offset - other->offset < other->end - other->start) {
            return other->start + (offset - other->offset);
        }
    }
    return 0;
}

/* The page's translations go, and those of its aliases; all become writable. */
static void release_page(uint64_t page) REQUIRES(mmap_lock_cap)
{
    const struct vma *vma = vma_find(&guest_vmas, page);
    if (vma && has_aliases(vma)) {
        size_t cursor = 0;
        for (uint64_t alias; (alias = next_alias(vma, page, &cursor)) != 0;) {
            tb_invalidate_range(alias, alias + GUEST_PAGE_SIZE);
            unprotect_page(alias);
        }
    } else {
        tb_invalidate_range(page, page + GUEST_PAGE_SIZE);
    }
    unprotect_page(page);
}

static void protect_page(uint64_t page) REQUIRES(mmap_lock_cap)
{
    const struct vma *vma = vma_find(&guest_vmas, page);
    if (!vma || !(vma->prot & PROT_WRITE) || !page_set_add(&protected_pages, page)) {
        return;
    }
    widen_bounds(page);
    int prot = mm_host_prot(vma->prot) & ~PROT_WRITE;
    if (host_protect(page, prot)) {
        return;
    }
    /* Single pages have cut the host's mappings into more than it allows
     * (vm.max_map_count): start over with none. */
    (void)page_set_remove(&protected_pages, page);
    smc_unprotect_range(0, ELF_ADDRESS_LIMIT);
    if (host_protect(page, prot)) {
        (void)page_set_add(&protected_pages, page);
        widen_bounds(page);
    } else {
        log_printf("mortise: code at 0x%llx can't be watched for changes: %s\n",
                   (unsigned long long)page, error_text(errno));
    }
}

void smc_protect(uint64_t start, size_t len)
{
    for (uint64_t page = PAGE_DOWN(start); page < start + len; page += GUEST_PAGE_SIZE) {
        struct vma *vma = vma_find(&guest_vmas, page);
        if (!vma) {
            continue;
        }
        vma->code = true;
        protect_page(page);
        if (has_aliases(vma)) {
            size_t cursor = 0;
            for (uint64_t alias; (alias = next_alias(vma, page, &cursor)) != 0;) {
                protect_page(alias);
            }
        }
    }
    publish_count();
}

bool smc_handle_write_fault(uint64_t addr)
{
    uint64_t page = PAGE_DOWN(addr);
    mmap_lock();
    bool ours = page_set_has(&protected_pages, page);
    if (ours) {
        release_page(page);
        publish_count();
    } else {
        /* Another thread may have released it since the fault. */
        const struct vma *vma = vma_find(&guest_vmas, page);
        ours = vma && (vma->prot & PROT_WRITE);
        if (ours) {
            (void)host_protect(page, mm_host_prot(vma->prot));
        }
    }
    mmap_unlock();
    return ours;
}

bool smc_unprotect_all(void)
{
    if (atomic_load_explicit(&smc_protected_count, memory_order_relaxed) == 0) {
        return false;
    }
    mmap_lock();
    bool any = protected_pages.count > 0;
    smc_unprotect_range(0, ELF_ADDRESS_LIMIT);
    mmap_unlock();
    return any;
}

void smc_unprotect_range(uint64_t start, uint64_t end)
{
    if ((end - start) / GUEST_PAGE_SIZE <= protected_pages.count) {
        for (uint64_t page = PAGE_DOWN(start); page < end; page += GUEST_PAGE_SIZE) {
            if (page_set_has(&protected_pages, page)) {
                release_page(page);
            }
        }
    } else {
        for (bool again = true; again;) {
            again = false;
            size_t cursor = 0;
            for (uint64_t page; (page = page_set_next(&protected_pages, &cursor)) != 0;) {
                if (page >= PAGE_DOWN(start) && page < end) {
                    release_page(page);
                    again = true; /* removal moves entries about: one may have been missed */
                }
            }
        }
    }
    publish_count();
}

void smc_prepare_write(uint64_t start, uint64_t len)
{
    if (len == 0 || start > ELF_ADDRESS_LIMIT || len > ELF_ADDRESS_LIMIT - start) {
        return;
    }
    if (start + len <= atomic_load_explicit(&protected_low, memory_order_relaxed) ||
        start >= atomic_load_explicit(&protected_high, memory_order_relaxed)) {
        return;
    }
    mmap_lock();
    smc_unprotect_range(start, start + len);
    mmap_unlock();
}

void smc_forget_range(uint64_t start, uint64_t end)
{
    if ((end - start) / GUEST_PAGE_SIZE <= protected_pages.count) {
        for (uint64_t page = start; page < end; page += GUEST_PAGE_SIZE) {
            (void)page_set_remove(&protected_pages, page);
        }
    } else {
        for (bool again = true; again;) {
            again = false;
            size_t cursor = 0;
            for (uint64_t page; (page = page_set_next(&protected_pages, &cursor)) != 0;) {
                if (page >= start && page < end) {
                    again |= page_set_remove(&protected_pages, page);
                }
            }
        }
    }
    publish_count();
}

bool smc_may_be_watched(const struct vma *vma)
{
    if (vma->code) {
        return true;
    }
    if (has_aliases(vma)) {
        for (size_t i = 0; i < guest_vmas.count; i++) {
            const struct vma *other = guest_vmas.v[i];
            if (other->code && other->ino == vma->ino && other->dev == vma->dev) {
                return true;
            }
        }
    }
    return false;
}

bool smc_page_watched(uint64_t page)
{
    const struct vma *vma = vma_find(&guest_vmas, page);
    if (!vma || !smc_may_be_watched(vma)) {
        return false;
    }
    if (vma->code && tb_page_has_code(page)) {
        return true;
    }
    if (has_aliases(vma)) {
        size_t cursor = 0;
        for (uint64_t alias; (alias = next_alias(vma, page, &cursor)) != 0;) {
            if (tb_page_has_code(alias)) {
                return true;
            }
        }
    }
    return false;
}

void smc_mark_protected(uint64_t page)
{
    (void)page_set_add(&protected_pages, page);
    widen_bounds(page);
    publish_count();
}

void smc_reprotect(uint64_t start, uint64_t end)
{
    size_t i = vma_index(&guest_vmas, start);
    for (; i < guest_vmas.count && guest_vmas.v[i]->start < end; i++) {
        const struct vma *vma = guest_vmas.v[i];
        if (!(vma->prot & PROT_WRITE) || !smc_may_be_watched(vma)) {
            continue;
        }
        uint64_t page = vma->start > start ? vma->start : start;
        for (; page < vma->end && page < end; page += GUEST_PAGE_SIZE) {
            if (smc_page_watched(page)) {
                protect_page(page);
            }
        }
    }
    publish_count();
}
