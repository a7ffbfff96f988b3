/* System calls about threads and processes. */
#ifndef MORTISE_USER_SYS_THREAD_H
#define MORTISE_USER_SYS_THREAD_H

#include "user/user.h"

/* Creation (sys_clone.c). */
user_syscall_fn sys_clone, sys_clone3, sys_fork, sys_vfork;

/* Ends (sys_exit.c). */
user_syscall_fn sys_exit, sys_exit_group, sys_wait4, sys_waitid;

/* What a thread tells the kernel about itself, and futexes (sys_thread.c). */
user_syscall_fn sys_set_tid_address, sys_set_robust_list, sys_get_robust_list, sys_rseq;
user_syscall_fn sys_futex, sys_arch_prctl;

#endif
