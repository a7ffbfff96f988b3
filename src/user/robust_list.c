/* The list of robust futexes that a thread held when it ended: each is marked
 * and one waiter woken. The kernel would do it too, but only when the host
 * thread is gone, which is after the guest has learnt of the thread's end. */
#include <linux/futex.h>
#include <sys/syscall.h>

#include "user/copy.h"
#include "user/copy_atomic.h"
#include "user/host_syscall_asm.h"
#include "user/threads.h"

#define LIST_LIMIT 2048 /* as the kernel's: the list may be a circle */

struct robust_head {
    uint64_t first;   /* bit 0 of each link: a PI futex */
    int64_t offset;   /* from a link to its futex */
    uint64_t pending; /* being taken or released */
};

/* False: it has to be left to the kernel. */
static bool handle_death(uint64_t addr, bool pi, bool pending, uint32_t tid)
{
    uint32_t value;
    if ((addr & 3) || guest_read(&value, addr, sizeof(value)) < 0) {
        return true;
    }
    if (pending && !pi && !value) { /* released, its waiters not yet woken */
        host_syscall(SYS_futex, addr, FUTEX_WAKE, 1, 0, 0, 0);
        return true;
    }
    for (;;) {
        uint32_t expected = value;
        if ((value & FUTEX_TID_MASK) != tid) {
            return true;
        }
        if (pi && (value & FUTEX_WAITERS)) { /* the kernel has made us the owner */
            return false;
        }
        if (guest_cmpxchg32(addr, &expected, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED) < 0) {
            return true;
        }
        if (expected == value) {
            break;
        }
        value = expected;
    }
    if (value & FUTEX_WAITERS) {
        host_syscall(SYS_futex, addr, FUTEX_WAKE, 1, 0, 0, 0);
    }
    return true;
}

bool robust_list_walk(const struct user_thread *t)
{
    struct robust_head head;
    uint64_t at = t->robust_list;
    if (!at || guest_read(&head, at, sizeof(head)) < 0) {
        return true;
    }
    bool done = true;
    uint64_t link = head.first;
    for (unsigned i = 0; i < LIST_LIMIT && (link & ~1ULL) != t->robust_list; i++) {
        uint64_t entry = link & ~1ULL;
        bool pi = link & 1;
        uint64_t next;
        bool more = guest_read(&next, entry, sizeof(next)) == 0;
        if (entry != (head.pending & ~1ULL)) {
            done &= handle_death(entry + (uint64_t)head.offset, pi, false, (uint32_t)t->tid);
        }
        if (!more) {
            break;
        }
        link = next;
    }
    if (head.pending & ~1ULL) {
        done &= handle_death((head.pending & ~1ULL) + (uint64_t)head.offset, head.pending & 1, true,
                             (uint32_t)t->tid);
    }
    return done;
}
