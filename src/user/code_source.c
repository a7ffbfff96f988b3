/* Where the engine gets guest code from: guest memory, as far as the guest
 * may execute it. */
#include "user/code_source.h"

#include "exec/guest_ops.h"
#include "user/copy.h"
#include "user/mm.h"
#include "user/smc.h"

static size_t fetch(uint64_t pc, void *buf, size_t len) REQUIRES(mmap_lock_cap)
{
    size_t allowed = 0;
    size_t i = vma_index(&guest_vmas, pc);
    while (allowed < len && i < guest_vmas.count) {
        const struct vma *vma = guest_vmas.v[i++];
        if (vma->start > pc + allowed || !(vma->prot & PROT_EXEC)) {
            break;
        }
        allowed = vma->end - pc < len ? vma->end - pc : len;
    }
    return allowed ? guest_read_some(buf, pc, allowed) : 0;
}

static size_t fetch_locked(uint64_t pc, void *buf, size_t len)
{
    mmap_lock_assert();
    return fetch(pc, buf, len);
}

static void protect_locked(uint64_t start, size_t len)
{
    mmap_lock_assert();
    smc_protect(start, len);
}

const struct code_source_ops user_code_source = {
    .fetch = fetch_locked,
    .protect = protect_locked,
};
