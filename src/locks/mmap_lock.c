/* A mutex and, per thread, how often that thread has taken it. The depth is
 * touched only while the mutex is held, so a handler that interrupts guest
 * code, which holds nothing, finds 0. */
#include "locks/mmap_lock.h"

#include "locks/watch.h"

LOCK_CLASS_DEFINE(mmap_lock_class, RANK_MMAP);
static struct mutex mmap_mutex = MUTEX_INIT(&mmap_lock_class);
struct mmap_lock_capability mmap_lock_cap;

static _Thread_local unsigned depth __attribute__((tls_model("initial-exec")));

void mmap_lock_at(const char *site) NO_THREAD_SAFETY_ANALYSIS
{
    if (depth == 0) {
        mutex_lock_at(&mmap_mutex, site);
    }
    depth++;
}

void mmap_unlock_at(const char *site) NO_THREAD_SAFETY_ANALYSIS
{
    if (depth == 0) {
        lock_die("mmap_unlock: the caller does not hold the lock");
    }
    if (--depth == 0) {
        mutex_unlock_at(&mmap_mutex, site);
    }
}

bool have_mmap_lock(void)
{
    return depth > 0;
}

void mmap_lock_assert(void)
{
    if (depth == 0) {
        lock_die("the mmap_lock is not held where it has to be");
    }
}
