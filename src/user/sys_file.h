/* System calls on paths and descriptors that can't just pass. */
#ifndef MORTISE_USER_SYS_FILE_H
#define MORTISE_USER_SYS_FILE_H

#include "user/user.h"

user_syscall_fn sys_open, sys_openat, sys_openat2;
user_syscall_fn sys_stat, sys_lstat, sys_newfstatat, sys_statx;
user_syscall_fn sys_access, sys_faccessat, sys_faccessat2;
user_syscall_fn sys_readlink, sys_readlinkat;
user_syscall_fn sys_close, sys_close_range, sys_dup2, sys_dup3;

#endif
