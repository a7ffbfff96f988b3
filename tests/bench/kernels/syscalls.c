/* System calls: short ones, and bytes through a pipe. Not part of the mean:
 * an emulator's way into the kernel is a matter of its own. */
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel.h"

int main(int argc, char **argv)
{
    int fds[2];
    uint32_t sum = 0;
    char buffer[64] = "x";
    if (pipe(fds))
        return 2;
    long rounds = kernel_work(argc, argv, 300000);
    for (long i = 0; i < rounds; i++) {
        syscall(SYS_getppid);
        if (write(fds[1], buffer, sizeof buffer) != (ssize_t)sizeof buffer)
            return 2;
        if (read(fds[0], buffer, sizeof buffer) != (ssize_t)sizeof buffer)
            return 2;
        buffer[0]++;
        sum = kernel_mix(sum, (uint32_t)(unsigned char)buffer[0]);
    }
    return kernel_done(sum);
}
