/* System calls that change the guest's memory map. */
#ifndef MORTISE_USER_SYS_MM_H
#define MORTISE_USER_SYS_MM_H

#include "user/user.h"

user_syscall_fn sys_mmap, sys_munmap, sys_mprotect, sys_pkey_mprotect, sys_brk, sys_mremap;
user_syscall_fn sys_remap_file_pages, sys_madvise, sys_mlockall, sys_munlockall;
user_syscall_fn sys_shmat, sys_shmdt;

#endif
