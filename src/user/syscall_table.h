/* Every system call of x86-64 Linux up to number 462: its name, how its
 * arguments are printed, and what is done with it. */
#ifndef MORTISE_USER_SYSCALL_TABLE_H
#define MORTISE_USER_SYSCALL_TABLE_H

#include <stdint.h>

#include "user/user.h"

enum syscall_kind {
    SYSCALL_NONE,   /* the kernel has none either: ENOSYS */
    SYSCALL_PASS,   /* goes to the host as it is */
    SYSCALL_BLOCK,  /* the same, but may wait: a guest signal interrupts it */
    SYSCALL_CALL,   /* a handler of ours */
    SYSCALL_REFUSE, /* the kernel has it, the guest doesn't get it */
};

/* A letter for each argument:
 *   d int   u unsigned  x hexadecimal  o octal mode  p pointer  s string
 *   f file descriptor   D directory descriptor  O open flags  P protection
 *   M mmap flags        S signal
 *   b, B  bytes that the kernel reads / writes; the next argument is their number
 *   v, V  an iovec array likewise; the next argument is its length
 *   m     a msghdr that the kernel writes to
 *   w     a pointer to some bytes that the kernel writes, after it has done
 *         what can't be done again: so such a call is made once only
 *   W     the same, but perhaps more of them */
struct syscall_entry {
    const char *name;
    const char *format;
    uint8_t kind;    /* enum syscall_kind */
    uint8_t refusal; /* errno of SYSCALL_REFUSE */
    user_syscall_fn *handler;
};

/* NULL for a number that is not in the table. */
const struct syscall_entry *syscall_find(uint64_t nr);

#endif
