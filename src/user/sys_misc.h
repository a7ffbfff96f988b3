/* System calls about the process that would act on the emulator. */
#ifndef MORTISE_USER_SYS_MISC_H
#define MORTISE_USER_SYS_MISC_H

#include <stdatomic.h>

#include "user/user.h"

user_syscall_fn sys_prctl, sys_personality, sys_ptrace;
user_syscall_fn sys_getrlimit, sys_setrlimit, sys_prlimit64;
user_syscall_fn sys_nanosleep, sys_clock_nanosleep;

/* personality(READ_IMPLIES_EXEC): every readable page is executable. */
extern atomic_bool user_read_implies_exec;

#endif
