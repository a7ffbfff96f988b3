/* Which memory a system call writes, by the letters of its format. What
 * isn't found here (small structs) is found by EFAULT afterwards. */
#include "user/smc_syscall.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "user/copy.h"
#include "user/smc.h"

#define IOV_LIMIT   1024
#define SMALL_WRITE 256 /* an address, resource usage, a siginfo */

static void prepare_vector(uint64_t vector, uint64_t count)
{
    for (uint64_t i = 0; i < count && i < IOV_LIMIT; i++) {
        struct iovec iov;
        if (guest_read(&iov, vector + i * sizeof(iov), sizeof(iov)) < 0) {
            return;
        }
        smc_prepare_write((uint64_t)iov.iov_base, iov.iov_len);
    }
}

static void prepare_message(uint64_t message)
{
    struct msghdr msg;
    if (guest_read(&msg, message, sizeof(msg)) < 0) {
        return;
    }
    smc_prepare_write(message, sizeof(msg));
    smc_prepare_write((uint64_t)msg.msg_name, msg.msg_namelen);
    smc_prepare_write((uint64_t)msg.msg_control, msg.msg_controllen);
    prepare_vector((uint64_t)msg.msg_iov, msg.msg_iovlen);
}

void smc_prepare_syscall(const char *format, const uint64_t *args)
{
    for (size_t i = 0; format[i] != '\0'; i++) {
        switch (format[i]) {
        case 'B':
            smc_prepare_write(args[i], args[i + 1]);
            break;
        case 'w':
        case 'W':
            if (args[i] != 0) {
                smc_prepare_write(args[i], SMALL_WRITE);
            }
            break;
        case 'V':
            prepare_vector(args[i], args[i + 1]);
            break;
        case 'm':
            prepare_message(args[i]);
            break;
        default:
            break;
        }
    }
}
