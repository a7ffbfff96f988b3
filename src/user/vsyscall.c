/* gettimeofday, time and getcpu in the kernel's half of the address space.
 * The page can't be mapped by the guest, so it can't be in the way of
 * anything, and the kernel emulates the calls as well. */
#include "user/vsyscall.h"

#include <stddef.h>
#include <sys/syscall.h>

#include "user/copy.h"

static const struct {
    uint64_t address, nr;
} calls[] = {
    {0xffffffffff600000, SYS_gettimeofday},
    {0xffffffffff600400, SYS_time},
    {0xffffffffff600800, SYS_getcpu},
};

bool vsyscall_run(struct user_thread *t)
{
    uint64_t *gpr = t->cpu->gpr;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        uint64_t caller;
        if (t->cpu->rip != calls[i].address ||
            guest_read(&caller, gpr[X86_RSP], sizeof(caller)) < 0) {
            continue;
        }
        /* getcpu's third argument has meant nothing for long. */
        const uint64_t a[USER_SYSCALL_ARGS] = {gpr[X86_RDI], gpr[X86_RSI]};
        int64_t ret = user_syscall(t, calls[i].nr, a);
        if (ret < 0) {
            return false; /* a bad pointer: the fault comes where the call was */
        }
        gpr[X86_RAX] = (uint64_t)ret;
        gpr[X86_RSP] += sizeof(caller);
        t->cpu->rip = caller;
        return true;
    }
    return false;
}
