/* prctl, personality, ptrace and sleeping. */
#include "user/sys_misc.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "user/copy.h"
#include "user/host_syscall_asm.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

static int64_t pass_prctl(const uint64_t a[6])
{
    return host_syscall(SYS_prctl, a[0], a[1], a[2], a[3], a[4], 0);
}

static int64_t refuse_prctl(const char *name)
{
    if (log_on(LOG_UNIMP)) {
        log_printf("mortise: prctl %s is not supported\n", name);
    }
    return -EINVAL;
}

int64_t sys_prctl(struct user_thread *t, const uint64_t a[6])
{
    switch (a[0]) {
    case PR_GET_TID_ADDRESS: /* the kernel knows the emulator's */
        return guest_write(a[1], &t->clear_child_tid, sizeof(t->clear_child_tid));
    case PR_SET_SECCOMP:
        return refuse_prctl("PR_SET_SECCOMP"); /* it would filter the emulator's calls */
    case PR_SET_SYSCALL_USER_DISPATCH:
        return refuse_prctl("PR_SET_SYSCALL_USER_DISPATCH");
    case PR_SET_MM:
        return refuse_prctl("PR_SET_MM");
    case PR_SET_MDWE:
        return refuse_prctl("PR_SET_MDWE"); /* the emulator changes protections itself */
    case PR_SET_TSC:
        return a[1] == PR_TSC_ENABLE ? 0 : refuse_prctl("PR_SET_TSC");
    default:
        return pass_prctl(a);
    }
}

atomic_bool user_read_implies_exec;

/* READ_IMPLIES_EXEC stays here: on the host it would make the guest's pages
 * executable there. */
int64_t sys_personality(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    bool set = atomic_load_explicit(&user_read_implies_exec, memory_order_relaxed);
    uint64_t persona = (uint32_t)a[0];
    int64_t ret;
    if (persona == 0xffffffff) {
        ret = host_syscall(SYS_personality, persona, 0, 0, 0, 0, 0);
    } else {
        ret = host_syscall(SYS_personality, persona & ~(uint64_t)READ_IMPLIES_EXEC, 0, 0, 0, 0, 0);
        if (ret >= 0) {
            atomic_store_explicit(&user_read_implies_exec, (persona & READ_IMPLIES_EXEC) != 0,
                                  memory_order_relaxed);
        }
    }
    return ret < 0 ? ret : ret | (set ? READ_IMPLIES_EXEC : 0);
}

int64_t sys_ptrace(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    (void)a;
    static atomic_bool told;
    if (!atomic_exchange_explicit(&told, true, memory_order_relaxed)) {
        log_printf("mortise: ptrace is not supported: programs can't be traced or debugged "
                   "inside the emulator\n");
    }
    return -EPERM;
}

int64_t sys_nanosleep(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    return safe_syscall(SYS_nanosleep, a[0], a[1], 0, 0, 0, 0);
}

int64_t sys_clock_nanosleep(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    return safe_syscall(SYS_clock_nanosleep, a[0], a[1], a[2], a[3], 0, 0);
}
