/* The ends of our host signal handlers that C cannot say.
 *
 * Entry: the kernel leaves the interrupted code's AC flag set, with which C
 * code that makes an unaligned access would die. It comes back with the rest
 * of the flags from the context.
 *
 * Return: the kernel wants a restorer given; libc's is not accessible. */
#include "user/signal_internal.h"

#define ENTRY(name)                                                                                \
    ".globl " name "_entry\n"                                                                      \
    ".hidden " name "_entry\n"                                                                     \
    ".type " name "_entry, @function\n" name "_entry:\n"                                           \
    "	pushfq\n"                                                                                    \
    "	andl	$~0x40000, (%rsp)\n"                                                                    \
    "	popfq\n"                                                                                     \
    "	jmp	" name "\n"                                                                        \
    ".size " name "_entry, . - " name "_entry\n"

__asm__(".text\n" ENTRY("host_signal_guest") ENTRY("host_signal_fault") ENTRY(
    "host_signal_kick") ".globl host_signal_restorer\n"
                        ".hidden host_signal_restorer\n"
                        ".type host_signal_restorer, @function\n"
                        "	nop\n" /* unwinders look at the byte before the return address */
                        "host_signal_restorer:\n"
                        "	mov	$15, %eax\n"
                        "	syscall\n"
                        ".size host_signal_restorer, . - host_signal_restorer\n");
