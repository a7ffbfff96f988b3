/* The return from our host signal handlers. The kernel wants one given;
 * libc's is not accessible. */
#include "user/signal_internal.h"

__asm__(".text\n"
        ".globl host_signal_restorer\n"
        ".hidden host_signal_restorer\n"
        ".type host_signal_restorer, @function\n"
        "	nop\n" /* unwinders look at the byte before the return address */
        "host_signal_restorer:\n"
        "	mov	$15, %eax\n"
        "	syscall\n"
        ".size host_signal_restorer, . - host_signal_restorer\n");
