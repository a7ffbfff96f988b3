/* execve: the new program, too, runs in the emulator. */
#ifndef MORTISE_USER_SYS_EXEC_H
#define MORTISE_USER_SYS_EXEC_H

#include "user/user.h"

user_syscall_fn sys_execve, sys_execveat;

/* In the parent of a vfork child that has executed a program: frees what the
 * child had allocated for that. */
void exec_free_abandoned(struct user_thread *t);

#endif
