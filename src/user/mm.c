/* mmap, munmap, mprotect and brk for the guest. Each changes the host's
 * mappings first and the tracker after that, and translations before both,
 * with the mmap_lock held throughout: nobody translates in between. */
#include "user/mm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "user/host_syscall_asm.h"
#include "user/limits.h"
#include "user/smc.h"

#include <sys/syscall.h>

struct vma_set guest_vmas;

static uint64_t brk_start GUARDED_BY(mmap_lock_cap);
static uint64_t brk_now GUARDED_BY(mmap_lock_cap);
static bool lock_future GUARDED_BY(mmap_lock_cap); /* mlockall(MCL_FUTURE) */
static uint64_t next_anonymous_id GUARDED_BY(mmap_lock_cap);

static int64_t host_mmap(uint64_t addr, uint64_t size, int prot, uint32_t flags, int fd,
                         uint64_t offset)
{
    return host_syscall(SYS_mmap, addr, size, (uint64_t)prot, flags, (uint64_t)(int64_t)fd, offset);
}

bool mm_has_code(uint64_t start, uint64_t end)
{
    size_t i = vma_index(&guest_vmas, start);
    for (; i < guest_vmas.count && guest_vmas.v[i]->start < end; i++) {
        if (guest_vmas.v[i]->code) {
            return true;
        }
    }
    return false;
}

void mm_drop_code(uint64_t start, uint64_t end)
{
    if (mm_has_code(start, end)) {
        tb_invalidate_range(start, end);
    }
    smc_forget_range(start, end);
}

/* Calls for each gap of the tracker within [start, end), until one fails. */
static int each_gap(uint64_t start, uint64_t end, int (*fn)(uint64_t start, uint64_t end),
                    uint64_t *stopped) REQUIRES(mmap_lock_cap)
{
    size_t i = vma_index(&guest_vmas, start);
    while (start < end) {
        bool last = i == guest_vmas.count || guest_vmas.v[i]->start >= end;
        uint64_t gap_end = last ? end : guest_vmas.v[i]->start;
        if (gap_end > start) {
            int rc = fn(start, gap_end);
            if (rc < 0) {
                *stopped = start;
                return rc;
            }
        }
        if (last) {
            break;
        }
        start = guest_vmas.v[i++]->end;
    }
    *stopped = end;
    return 0;
}

static int reserve(uint64_t start, uint64_t end)
{
    int64_t at =
        host_mmap(start, end - start, PROT_NONE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (at < 0) {
        return at == -EPERM ? -EPERM : -ENOMEM;
    }
    if ((uint64_t)at != start) { /* a kernel without MAP_FIXED_NOREPLACE */
        host_syscall(SYS_munmap, (uint64_t)at, end - start, 0, 0, 0, 0);
        return -ENOMEM;
    }
    return 0;
}

static int release(uint64_t start, uint64_t end)
{
    host_syscall(SYS_munmap, start, end - start, 0, 0, 0, 0);
    return 0;
}

int mm_claim(uint64_t start, uint64_t end)
{
    uint64_t stopped;
    int rc = each_gap(start, end, reserve, &stopped);
    if (rc < 0) {
        mm_unclaim(start, stopped);
    }
    return rc;
}

void mm_unclaim(uint64_t start, uint64_t end)
{
    uint64_t stopped;
    (void)each_gap(start, end, release, &stopped);
}

/* What tells this mapping's memory from others', for the tracker. */
static void identify(struct vma *vma, const struct mm_request *r) REQUIRES(mmap_lock_cap)
{
    struct stat st;
    if (!(r->flags & MAP_ANONYMOUS) && fstat(r->fd, &st) == 0) {
        vma->dev = st.st_dev;
        vma->ino = st.st_ino;
        vma->offset = r->offset;
    } else if ((r->flags & MAP_ANONYMOUS) && (r->flags & MAP_SHARED)) {
        vma->ino = ++next_anonymous_id; /* dev 0; mremap can make aliases of it */
    }
}

/* Tries to put a mapping without a hint near the code cache: files, because
 * they are likely to be libraries, and code to be made. */
static int64_t map_near(const struct mm_request *r, int prot) REQUIRES(mmap_lock_cap)
{
    bool file = !(r->flags & MAP_ANONYMOUS) && (r->flags & MAP_PRIVATE);
    if ((!file && !(r->prot & PROT_EXEC)) || (r->flags & MAP_32BIT)) {
        return -ENOMEM;
    }
    uint64_t at = vma_gap_from_top(&guest_vmas, mm_layout.files_low, mm_layout.files_high, r->size,
                                   GUEST_PAGE_SIZE);
    if (at == 0 || r->size > (mm_layout.files_high - mm_layout.files_low) / 4) {
        return -ENOMEM;
    }
    return host_mmap(at, r->size, prot, r->flags | MAP_FIXED_NOREPLACE, r->fd, r->offset);
}

/* The guest's own RLIMIT_AS: the host's would count the emulator too. */
bool mm_limit_reached(uint64_t more)
{
    uint64_t limit = limits_address_space();
    if (limit == UINT64_MAX) {
        return false;
    }
    uint64_t total = 0;
    for (size_t i = 0; i < guest_vmas.count; i++) {
        total += guest_vmas.v[i]->end - guest_vmas.v[i]->start;
    }
    return more > limit || total > limit - more;
}

int64_t mm_map(const struct mm_request *r)
{
    int prot = mm_host_prot(r->prot);
    uint32_t flags = r->flags | (lock_future ? (uint32_t)MAP_LOCKED : 0);
    int64_t at = -ENOMEM;

    if (mm_limit_reached(r->size)) {
        return -ENOMEM;
    }
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (r->addr > ELF_ADDRESS_LIMIT || r->size > ELF_ADDRESS_LIMIT - r->addr) {
            return -ENOMEM;
        }
        if (flags & MAP_FIXED_NOREPLACE) {
            if (vma_overlaps(&guest_vmas, r->addr, r->addr + r->size)) {
                return -EEXIST;
            }
        } else {
            int rc = mm_claim(r->addr, r->addr + r->size);
            if (rc < 0) {
                return rc;
            }
            mm_drop_code(r->addr, r->addr + r->size);
        }
    } else if (r->addr == 0) {
        at = map_near(r, prot);
    }
    if (at < 0) {
        at = host_mmap(r->addr, r->size, prot, flags, r->fd, r->offset);
    }
    if (at < 0) {
        if (flags & MAP_FIXED) {
            mm_unclaim(r->addr, r->addr + r->size);
            smc_reprotect(r->addr, r->addr + r->size);
        }
        return at;
    }
    struct vma vma = {
        .start = (uint64_t)at,
        .end = (uint64_t)at + r->size,
        .prot = r->prot,
        .flags = flags & (MAP_SHARED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_LOCKED),
        .kind = (uint8_t)r->kind,
        .image = r->image};
    identify(&vma, r);
    vma_insert(&guest_vmas, &vma);
    if ((vma.flags & MAP_SHARED) && (vma.prot & PROT_WRITE)) {
        smc_reprotect(vma.start, vma.end);
    }
    return at;
}

int mm_unmap(uint64_t start, uint64_t end)
{
    size_t i = vma_index(&guest_vmas, start);
    uint64_t from = start;
    while (i < guest_vmas.count && guest_vmas.v[i]->start < end) {
        /* A run of ranges without gaps goes at once. */
        from = guest_vmas.v[i]->start > from ? guest_vmas.v[i]->start : from;
        uint64_t to = guest_vmas.v[i]->end;
        for (i++; i < guest_vmas.count && guest_vmas.v[i]->start == to && to < end; i++) {
            to = guest_vmas.v[i]->end;
        }
        to = to < end ? to : end;
        mm_drop_code(from, to);
        int64_t rc = host_syscall(SYS_munmap, from, to - from, 0, 0, 0, 0);
        if (rc < 0) {
            return (int)rc;
        }
        vma_remove(&guest_vmas, from, to);
        i = vma_index(&guest_vmas, to);
        from = to;
    }
    return 0;
}

/* mprotect of a range with code in it that becomes or stays writable: watched
 * pages stay read-only on the host, without a moment in which they aren't. */
static int protect_around_code(uint64_t start, uint64_t end, uint32_t prot) REQUIRES(mmap_lock_cap)
{
    int host = mm_host_prot(prot);
    smc_forget_range(start, end);
    for (uint64_t run = start; run < end;) {
        bool watched = smc_page_watched(run);
        uint64_t to = run;
        do {
            if (watched) {
                smc_mark_protected(to);
            }
            to += GUEST_PAGE_SIZE;
        } while (to < end && smc_page_watched(to) == watched);
        if (mprotect((void *)run, to - run, watched ? host & ~PROT_WRITE : host) != 0) {
            return -errno;
        }
        run = to;
    }
    return 0;
}

static bool may_be_watched(uint64_t start, uint64_t end) REQUIRES(mmap_lock_cap)
{
    size_t i = vma_index(&guest_vmas, start);
    for (; i < guest_vmas.count && guest_vmas.v[i]->start < end; i++) {
        if (smc_may_be_watched(guest_vmas.v[i])) {
            return true;
        }
    }
    return false;
}

int mm_protect(uint64_t start, uint64_t end, uint32_t prot)
{
    int rc = 0;
    if (!(prot & PROT_EXEC) && mm_has_code(start, end)) {
        tb_invalidate_range(start, end);
    }
    if ((prot & PROT_WRITE) && may_be_watched(start, end)) {
        rc = protect_around_code(start, end, prot);
    } else {
        smc_forget_range(start, end);
        rc = mprotect((void *)start, end - start, mm_host_prot(prot)) == 0 ? 0 : -errno;
    }
    if (rc == 0) {
        vma_set_prot(&guest_vmas, start, end, prot);
    }
    return rc;
}

void mm_set_brk(uint64_t start)
{
    brk_start = brk_now = start;
}

uint64_t mm_brk(uint64_t addr)
{
    uint64_t old_end = PAGE_UP(brk_now);
    if (addr < brk_start || addr > ELF_ADDRESS_LIMIT) {
        return brk_now;
    }
    uint64_t new_end = PAGE_UP(addr);
    if (new_end > old_end) {
        struct mm_request r = {.addr = old_end,
                               .size = new_end - old_end,
                               .prot = PROT_READ | PROT_WRITE,
                               .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                               .fd = -1,
                               .kind = VMA_HEAP};
        if (mm_map(&r) != (int64_t)old_end) {
            return brk_now;
        }
    } else if (new_end < old_end && mm_unmap(new_end, old_end) < 0) {
        return brk_now;
    }
    brk_now = addr;
    return addr;
}

int mm_lock_all(int how)
{
    if (how & MCL_CURRENT) {
        for (size_t i = 0; i < guest_vmas.count; i++) {
            const struct vma *vma = guest_vmas.v[i];
            if (vma->kind == VMA_VDSO || vma->prot == PROT_NONE) {
                continue;
            }
            uint64_t flags = how & MCL_ONFAULT ? MLOCK_ONFAULT : 0;
            int64_t rc =
                host_syscall(SYS_mlock2, vma->start, vma->end - vma->start, flags, 0, 0, 0);
            if (rc < 0) {
                return (int)rc;
            }
        }
    }
    lock_future = (how & MCL_FUTURE) != 0;
    return 0;
}

void mm_unlock_all(void)
{
    lock_future = false;
    for (size_t i = 0; i < guest_vmas.count; i++) {
        const struct vma *vma = guest_vmas.v[i];
        host_syscall(SYS_munlock, vma->start, vma->end - vma->start, 0, 0, 0, 0);
    }
}

static void forget_locks(void) REQUIRES(mmap_lock_cap)
{
    lock_future = false;
}

void user_mm_after_fork_child(void)
{
    mmap_lock();
    forget_locks();
    mmap_unlock();
}
