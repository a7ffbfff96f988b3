/* mremap, remap_file_pages, madvise and System V shared memory: what moves
 * or replaces pages that are already mapped. */
#include "user/sys_mm.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include "user/host_syscall_asm.h"
#include "user/mm.h"
#include "user/smc.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

static bool is_unmapped(uint64_t page)
{
    unsigned char in_core;
    return host_syscall(SYS_mincore, page, GUEST_PAGE_SIZE, (uint64_t)&in_core, 0, 0, 0) == -ENOMEM;
}

/* After the host has moved [from, from + size) to `to` and made it `new_size`
 * long: the tracker follows. The last range grows. */
static void track_move(uint64_t from, uint64_t size, uint64_t to, uint64_t new_size, bool keep)
    REQUIRES(mmap_lock_cap)
{
    struct vma_set moved = {0};
    uint64_t probe = size ? size : GUEST_PAGE_SIZE;
    size_t i = vma_index(&guest_vmas, from);
    for (; i < guest_vmas.count && guest_vmas.v[i]->start < from + probe; i++) {
        struct vma piece = *guest_vmas.v[i];
        if (piece.start < from) {
            piece.offset = piece.ino ? vma_offset_of(&piece, from) : 0;
            piece.start = from;
        }
        piece.end = piece.end < from + probe ? piece.end : from + probe;
        piece.start += to - from;
        piece.end += to - from;
        piece.code = false;
        vma_insert(&moved, &piece);
    }
    if (!keep) {
        vma_remove(&guest_vmas, from, from + size);
    }
    for (i = 0; i < moved.count; i++) {
        struct vma piece = *moved.v[i];
        if (i + 1 == moved.count || piece.end > to + new_size) {
            piece.end = to + new_size;
        }
        vma_insert(&guest_vmas, &piece);
    }
    vma_set_free(&moved);
}

static int64_t do_mremap(uint64_t old, uint64_t old_size, uint64_t new_size, uint64_t flags,
                         uint64_t target) REQUIRES(mmap_lock_cap)
{
    bool fixed = (flags & MREMAP_FIXED) != 0;
    if (fixed && (PAGE_OFFSET(target) != 0 || target > ELF_ADDRESS_LIMIT ||
                  new_size > ELF_ADDRESS_LIMIT - target ||
                  (target < old + old_size && old < target + new_size))) {
        return -EINVAL;
    }
    if (!vma_find(&guest_vmas, old)) {
        return -EFAULT;
    }
    bool keep = (flags & MREMAP_DONTUNMAP) != 0;
    if (new_size < old_size && !keep) {
        /* As munmap, which leaves alone what is not the guest's in gaps. */
        int rc = mm_unmap(old + new_size, old + old_size);
        if (rc < 0 || !fixed) {
            return rc < 0 ? rc : (int64_t)old;
        }
        old_size = new_size;
    }
    if (new_size == old_size && !fixed && !keep) {
        return (int64_t)old;
    }
    if (!vma_covers(&guest_vmas, old, old + (old_size ? old_size : 1))) {
        return -EFAULT;
    }
    if (new_size > old_size && mm_limit_reached(new_size - old_size)) {
        return -ENOMEM;
    }
    if (fixed) {
        int rc = mm_claim(target, target + new_size);
        if (rc < 0) {
            return rc;
        }
        mm_drop_code(target, target + new_size);
    }
    /* The host moves only what is one mapping to it: protection of single
     * pages must not have cut it into several. */
    smc_unprotect_range(old, old + old_size);
    mm_drop_code(old, old + old_size);
    int64_t at = host_syscall(SYS_mremap, old, old_size, new_size, flags, target, 0);
    if (at < 0) {
        if (fixed && is_unmapped(target)) { /* the kernel had come that far */
            vma_remove(&guest_vmas, target, target + new_size);
        } else if (fixed) {
            mm_unclaim(target, target + new_size);
            smc_reprotect(target, target + new_size);
        }
        return at;
    }
    track_move(old, old_size, (uint64_t)at, new_size, old_size == 0 || keep);
    smc_reprotect((uint64_t)at, (uint64_t)at + new_size);
    return at;
}

int64_t sys_mremap(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    uint64_t old_size = PAGE_UP(a[1]), new_size = PAGE_UP(a[2]);
    if (PAGE_OFFSET(a[0]) != 0 || new_size == 0 || old_size < a[1] || new_size < a[2] ||
        a[0] > ELF_ADDRESS_LIMIT || old_size > ELF_ADDRESS_LIMIT - a[0] ||
        new_size > ELF_ADDRESS_LIMIT) {
        return -EINVAL;
    }
    if ((a[3] & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0 ||
        ((a[3] & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(a[3] & MREMAP_MAYMOVE))) {
        return -EINVAL;
    }
    mmap_lock();
    int64_t ret = do_mremap(a[0], old_size, new_size, a[3], a[4]);
    mmap_unlock();
    return ret;
}

/* The offset of [start, start + size) in its file changes. */
int64_t sys_remap_file_pages(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    uint64_t start = PAGE_DOWN(a[0]), size = PAGE_DOWN(a[1]);
    if (size == 0 || start > ELF_ADDRESS_LIMIT || size > ELF_ADDRESS_LIMIT - start) {
        return -EINVAL;
    }
    mmap_lock();
    int64_t ret = -EINVAL;
    const struct vma *vma = vma_find(&guest_vmas, start);
    if (vma && vma->end >= start + size && (vma->flags & MAP_SHARED)) {
        smc_unprotect_range(start, start + size);
        mm_drop_code(start, start + size);
        ret = host_syscall(SYS_remap_file_pages, start, size, a[2], a[3], a[4], 0);
        if (ret == 0) {
            struct vma piece = *vma;
            piece.start = start;
            piece.end = start + size;
            piece.offset = a[3] * GUEST_PAGE_SIZE;
            piece.code = false;
            vma_insert(&guest_vmas, &piece);
            smc_reprotect(piece.start, piece.end);
        }
    }
    mmap_unlock();
    return ret;
}

/* Advice after which a page's contents may be others. */
static bool changes_contents(uint64_t advice)
{
    return advice == MADV_DONTNEED || advice == MADV_REMOVE || advice == MADV_FREE ||
           advice == MADV_DONTNEED_LOCKED;
}

int64_t sys_madvise(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    uint64_t end = a[0] + PAGE_UP(a[1]);
    if (PAGE_OFFSET(a[0]) != 0 || end < a[0] || PAGE_UP(a[1]) < a[1]) {
        return -EINVAL;
    }
    int64_t ret = host_syscall(SYS_madvise, a[0], 0, a[2], 0, 0, 0); /* known advice? */
    bool gaps = false;
    uint64_t start = a[0];
    mmap_lock();
    while (start < end && ret == 0) { /* only what is the guest's, like munmap */
        size_t i = vma_index(&guest_vmas, start);
        if (i == guest_vmas.count || guest_vmas.v[i]->start >= end) {
            gaps = true;
            break;
        }
        const struct vma *vma = guest_vmas.v[i];
        gaps |= vma->start > start;
        start = vma->start > start ? vma->start : start;
        uint64_t to = vma->end < end ? vma->end : end;
        if (vma->code && changes_contents(a[2])) {
            tb_invalidate_range(start, to);
        }
        ret = host_syscall(SYS_madvise, start, to - start, a[2], 0, 0, 0);
        start = to;
    }
    mmap_unlock();
    return ret < 0 ? ret : gaps ? -ENOMEM : 0;
}

int64_t sys_shmat(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    struct shmid_ds info;
    if (shmctl((int)a[0], IPC_STAT, &info) != 0) {
        return -errno;
    }
    uint64_t size = PAGE_UP(info.shm_segsz);
    uint64_t at = a[2] & SHM_RND ? PAGE_DOWN(a[1]) : a[1];
    bool replace = at != 0 && (a[2] & SHM_REMAP) != 0;
    if (replace && (at > ELF_ADDRESS_LIMIT || size > ELF_ADDRESS_LIMIT - at)) {
        return -EINVAL;
    }
    mmap_lock();
    int64_t ret = 0;
    if (replace) {
        ret = mm_claim(at, at + size);
        if (ret == 0) {
            mm_drop_code(at, at + size);
        }
    }
    if (ret == 0) {
        ret = host_syscall(SYS_shmat, a[0], a[1], a[2] & ~(uint64_t)SHM_EXEC, 0, 0, 0);
        if (ret < 0 && replace) {
            mm_unclaim(at, at + size);
        }
    }
    if (ret > 0) {
        uint32_t prot =
            PROT_READ | (a[2] & SHM_RDONLY ? 0 : PROT_WRITE) | (a[2] & SHM_EXEC ? PROT_EXEC : 0);
        vma_insert(&guest_vmas, &(struct vma){.start = (uint64_t)ret,
                                              .end = (uint64_t)ret + size,
                                              .prot = prot,
                                              .flags = MAP_SHARED,
                                              .dev = UINT64_MAX,
                                              .ino = (uint64_t)(uint32_t)a[0] + 1,
                                              .kind = VMA_SHM});
        smc_reprotect((uint64_t)ret, (uint64_t)ret + size);
    }
    mmap_unlock();
    return ret;
}

int64_t sys_shmdt(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    mmap_lock();
    int64_t ret = -EINVAL;
    const struct vma *first = vma_find(&guest_vmas, a[0]);
    if (first && first->kind == VMA_SHM && first->start == a[0]) {
        uint64_t ino = first->ino, offset = first->offset;
        ret = host_syscall(SYS_shmdt, a[0], 0, 0, 0, 0, 0);
        /* What is left of the segment after partial unmapping goes with it. */
        for (size_t i = vma_index(&guest_vmas, a[0]); ret == 0 && i < guest_vmas.count;) {
            const struct vma *vma = guest_vmas.v[i];
            if (vma->kind != VMA_SHM || vma->ino != ino ||
                vma->offset - offset != vma->start - a[0]) {
                break;
            }
            uint64_t end = vma->end, start = vma->start;
            mm_drop_code(start, end);
            vma_remove(&guest_vmas, start, end);
        }
    }
    mmap_unlock();
    return ret;
}
