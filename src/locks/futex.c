/* The two system calls that every sleeping lock of this room is made of. */
#include "locks/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

bool futex_wait(atomic_uint *word, unsigned value, uint64_t abs_ns)
{
    const int saved = errno;
    struct timespec until = {
        .tv_sec = (time_t)(abs_ns / 1000000000u),
        .tv_nsec = (long)(abs_ns % 1000000000u),
    };
    long ret = syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, value,
                       abs_ns ? &until : NULL, NULL, FUTEX_BITSET_MATCH_ANY);
    bool in_time = ret == 0 || errno != ETIMEDOUT;

    errno = saved;
    return in_time;
}

void futex_wake(atomic_uint *word, int count)
{
    const int saved = errno;

    syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, NULL, NULL, 0);
    errno = saved;
}
