/* Resource limits. Those on address space and data would count the
 * emulator's memory, and one on the stack would cut the emulator's own: the
 * guest is told what it has set, the host's stay as they are. */
#include "user/sys_misc.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "locks/mutex.h"
#include "user/copy.h"
#include "user/host_syscall_asm.h"

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

static int64_t prlimit_self(uint64_t resource, uint64_t new_limit, uint64_t old_limit)
{
    struct rlimit64 old, new;
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
            kept[resource].set = true;
            kept[resource].limit = new;
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
