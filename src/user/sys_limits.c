/* Resource limits. Those on address space and data would count the
 * emulator's memory, and one on the stack would cut the emulator's own: the
 * guest is told what it has set, the host's stay as they are. */
#include "user/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "locks/fork.h"
#include "locks/mutex.h"
#include "user/copy.h"
#include "user/host_syscall_asm.h"
#include "user/sys_misc.h"

LOCK_CLASS_DEFINE(limits_class, RANK_LEAF);
static struct mutex limits_lock = MUTEX_INIT(&limits_class);

static struct {
    bool set;
    struct rlimit64 limit;
} kept[RLIM_NLIMITS] GUARDED_BY(&limits_lock);

static bool is_kept(uint64_t resource)
{
    return resource == RLIMIT_AS || resource == RLIMIT_DATA || resource == RLIMIT_STACK ||
           resource == RLIMIT_RSS;
}

/* kept[RLIMIT_AS]'s soft value, for every mmap to look at. */
static _Atomic(uint64_t) address_space = UINT64_MAX;

static void keep(uint64_t resource, const struct rlimit64 *limit) REQUIRES(limits_lock)
{
    kept[resource].set = true;
    kept[resource].limit = *limit;
    if (resource == RLIMIT_AS) {
        atomic_store_explicit(&address_space, limit->rlim_cur, memory_order_relaxed);
    }
}

void limits_init(void)
{
    locks_fork_add_mutex(&limits_lock);
}

uint64_t limits_address_space(void)
{
    return atomic_load_explicit(&address_space, memory_order_relaxed);
}

bool limits_stack(uint64_t *size)
{
    mutex_lock(&limits_lock);
    bool set = kept[RLIMIT_STACK].set;
    *size = kept[RLIMIT_STACK].limit.rlim_cur;
    mutex_unlock(&limits_lock);
    return set;
}

void limits_export(char text[LIMITS_TEXT])
{
    size_t length = 0;
    text[0] = '\0';
    mutex_lock(&limits_lock);
    for (unsigned i = 0; i < RLIM_NLIMITS; i++) {
        if (kept[i].set && length < LIMITS_TEXT - 64) {
            int n = snprintf(text + length, LIMITS_TEXT - length, "%u=%" PRIx64 ":%" PRIx64 ",", i,
                             (uint64_t)kept[i].limit.rlim_cur, (uint64_t)kept[i].limit.rlim_max);
            length += (size_t)n;
        }
    }
    mutex_unlock(&limits_lock);
}

bool limits_import(const char *text)
{
    while (*text != '\0') {
        unsigned resource;
        uint64_t soft, hard;
        int length = 0;
        /* NOLINTNEXTLINE(cert-err34-c): our own text; what is too large becomes RLIM_INFINITY */
        if (sscanf(text, "%u=%" SCNx64 ":%" SCNx64 ",%n", &resource, &soft, &hard, &length) != 3 ||
            length == 0 || !is_kept(resource)) {
            return false;
        }
        struct rlimit64 limit = {.rlim_cur = soft, .rlim_max = hard};
        mutex_lock(&limits_lock);
        keep(resource, &limit);
        mutex_unlock(&limits_lock);
        text += length;
    }
    return true;
}

static int64_t prlimit_self(uint64_t resource, uint64_t new_limit, uint64_t old_limit)
{
    struct rlimit64 old = {0}, new = {0};
    if (new_limit && guest_read(&new, new_limit, sizeof(new)) < 0) {
        return -EFAULT;
    }
    mutex_lock(&limits_lock);
    int64_t ret = 0;
    if (kept[resource].set) {
        old = kept[resource].limit;
    } else {
        ret = host_syscall(SYS_prlimit64, 0, resource, 0, (uint64_t)&old, 0, 0);
    }
    if (ret == 0 && new_limit) {
        if (new.rlim_cur > new.rlim_max) {
            ret = -EINVAL;
        } else if (new.rlim_max > old.rlim_max && geteuid() != 0) {
            ret = -EPERM;
        } else {
            keep(resource, &new);
        }
    }
    mutex_unlock(&limits_lock);
    if (ret == 0 && old_limit && guest_write(old_limit, &old, sizeof(old)) < 0) {
        ret = -EFAULT;
    }
    return ret;
}

int64_t sys_prlimit64(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    bool self = (pid_t)a[0] == 0 || (pid_t)a[0] == getpid();
    if (self && is_kept(a[1])) {
        return prlimit_self(a[1], a[2], a[3]);
    }
    return host_syscall(SYS_prlimit64, a[0], a[1], a[2], a[3], 0, 0);
}

int64_t sys_getrlimit(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    if (is_kept(a[0])) {
        return a[1] ? prlimit_self(a[0], 0, a[1]) : -EFAULT;
    }
    return host_syscall(SYS_getrlimit, a[0], a[1], 0, 0, 0, 0);
}

int64_t sys_setrlimit(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    if (is_kept(a[0])) {
        return a[1] ? prlimit_self(a[0], a[1], 0) : -EFAULT;
    }
    return host_syscall(SYS_setrlimit, a[0], a[1], 0, 0, 0, 0);
}
