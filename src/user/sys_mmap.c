/* mmap, munmap, mprotect, brk and their like: arguments checked as the
 * kernel checks them, then handed to mm.c. */
#include "user/sys_mm.h"

#include <errno.h>

#include "user/mm.h"
#include "user/sys_misc.h"

/* Old programs may have asked for every readable page to be executable. */
static uint32_t implied_prot(uint64_t prot)
{
    if ((prot & PROT_READ) && !(prot & PROT_EXEC) &&
        atomic_load_explicit(&user_read_implies_exec, memory_order_relaxed)) {
        prot |= PROT_EXEC;
    }
    return (uint32_t)prot;
}

static bool bad_range(uint64_t addr, uint64_t size)
{
    return addr > ELF_ADDRESS_LIMIT || size > ELF_ADDRESS_LIMIT - addr;
}

int64_t sys_mmap(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    if (PAGE_OFFSET(a[5]) != 0 || a[1] == 0) {
        return -EINVAL;
    }
    uint64_t size = PAGE_UP(a[1]);
    if (size < a[1] || size > ELF_ADDRESS_LIMIT) {
        return -ENOMEM;
    }
    uint32_t flags = (uint32_t)a[3];
    if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) && PAGE_OFFSET(a[0]) != 0) {
        return -EINVAL;
    }
    if (flags & MAP_HUGETLB) { /* the kernel maps whole huge pages */
        unsigned shift = flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;
        uint64_t huge = 1UL << (shift ? shift : 21);
        size = (size + huge - 1) & ~(huge - 1);
    }
    /* A stack that grows by itself would grow behind the tracker's back. */
    flags &= ~(uint32_t)MAP_GROWSDOWN;
    struct mm_request r = {.addr = PAGE_DOWN(a[0]),
                           .size = size,
                           .prot = implied_prot(a[2]),
                           .flags = flags,
                           .fd = (int)a[4],
                           .offset = a[5]};
    mmap_lock();
    int64_t ret = mm_map(&r);
    mmap_unlock();
    return ret;
}

int64_t sys_munmap(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    uint64_t size = PAGE_UP(a[1]);
    if (PAGE_OFFSET(a[0]) != 0 || size == 0 || size < a[1] || bad_range(a[0], size)) {
        return -EINVAL;
    }
    mmap_lock();
    int ret = mm_unmap(a[0], a[0] + size);
    mmap_unlock();
    return ret;
}

/* The end of what is mapped without a gap from start on. */
static uint64_t mapped_until(uint64_t start, uint64_t end) REQUIRES(mmap_lock_cap)
{
    size_t i = vma_index(&guest_vmas, start);
    while (start < end && i < guest_vmas.count && guest_vmas.v[i]->start <= start) {
        start = guest_vmas.v[i++]->end;
    }
    return start < end ? start : end;
}

static int64_t protect(uint64_t start, uint64_t size, uint64_t prot) REQUIRES(mmap_lock_cap)
{
    uint64_t end = start + size;
    if (prot & PROT_GROWSDOWN) {
        const struct vma *vma = vma_find(&guest_vmas, start);
        if (!vma || vma->kind != VMA_STACK || (prot & PROT_GROWSUP)) {
            return vma ? -EINVAL : -ENOMEM;
        }
        start = vma->start;
    }
    uint64_t mapped = mapped_until(start, end);
    if (mapped > start) {
        int rc = mm_protect(start, mapped, implied_prot(prot & ~(uint64_t)PROT_GROWSDOWN));
        if (rc < 0) {
            return rc;
        }
    }
    return mapped < end ? -ENOMEM : 0;
}

int64_t sys_mprotect(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    uint64_t known = PROT_READ | PROT_WRITE | PROT_EXEC | 8 /* PROT_SEM */ | PROT_GROWSDOWN;
    uint64_t size = PAGE_UP(a[1]);
    if (PAGE_OFFSET(a[0]) != 0 || (a[2] & ~known) != 0) {
        return -EINVAL;
    }
    if (a[1] == 0) {
        return 0;
    }
    if (size < a[1] || bad_range(a[0], size)) {
        return -ENOMEM;
    }
    mmap_lock();
    int64_t ret = protect(a[0], size, a[2]);
    mmap_unlock();
    return ret;
}

int64_t sys_pkey_mprotect(struct user_thread *t, const uint64_t a[6])
{
    return (int64_t)a[3] == -1 ? sys_mprotect(t, a) : -EINVAL; /* no key can be allocated */
}

int64_t sys_brk(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    mmap_lock();
    uint64_t ret = mm_brk(a[0]);
    mmap_unlock();
    return (int64_t)ret;
}

int64_t sys_mlockall(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    uint64_t how = a[0];
    if (how == 0 || (how & ~(uint64_t)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) != 0 ||
        how == MCL_ONFAULT) {
        return -EINVAL;
    }
    mmap_lock();
    int ret = mm_lock_all((int)how);
    mmap_unlock();
    return ret;
}

int64_t sys_munlockall(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    (void)a;
    mmap_lock();
    mm_unlock_all();
    mmap_unlock();
    return 0;
}
