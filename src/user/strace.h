/* -strace: the guest's system calls as lines in the log. */
#ifndef MORTISE_USER_STRACE_H
#define MORTISE_USER_STRACE_H

#include <stdint.h>

#include "user/syscall_table.h"

/* A line "PID name(arguments)" is printed when the call returns, with its
 * result. A call that does not return (exit, execve) is printed before. */
void strace_enter(struct user_thread *t, const struct syscall_entry *entry, uint64_t nr,
                  const uint64_t *a);
void strace_leave(struct user_thread *t, const struct syscall_entry *entry, uint64_t nr,
                  const uint64_t *a, int64_t ret);

#endif
