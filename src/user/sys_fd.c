/* Descriptors. The only one that the emulator keeps open is its log file:
 * to the guest that number is free, and stays so. */
#include "user/sys_file.h"

#include <errno.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "user/host_syscall_asm.h"

static bool is_hidden(uint64_t fd)
{
    return (int)fd == log_descriptor() && (int)fd > 2;
}

int64_t sys_close(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    return is_hidden(a[0]) ? -EBADF : host_syscall(SYS_close, a[0], 0, 0, 0, 0, 0);
}

/* Around the hidden descriptor. */
int64_t sys_close_range(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    uint32_t first = (uint32_t)a[0], last = (uint32_t)a[1];
    uint32_t hidden = (uint32_t)log_descriptor();
    if (first > last || hidden <= 2 || hidden < first || hidden > last) {
        return host_syscall(SYS_close_range, a[0], a[1], a[2], 0, 0, 0);
    }
    int64_t rc = 0;
    if (hidden > first) {
        rc = host_syscall(SYS_close_range, first, hidden - 1, a[2], 0, 0, 0);
    }
    if (rc == 0 && hidden < last) {
        rc = host_syscall(SYS_close_range, hidden + 1, last, a[2], 0, 0, 0);
    }
    return rc;
}

int64_t sys_dup2(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    return is_hidden(a[0]) || is_hidden(a[1]) ? -EBADF
                                              : host_syscall(SYS_dup2, a[0], a[1], 0, 0, 0, 0);
}

int64_t sys_dup3(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    return is_hidden(a[0]) || is_hidden(a[1]) ? -EBADF
                                              : host_syscall(SYS_dup3, a[0], a[1], a[2], 0, 0, 0);
}
