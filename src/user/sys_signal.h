/* System calls about signals. */
#ifndef MORTISE_USER_SYS_SIGNAL_H
#define MORTISE_USER_SYS_SIGNAL_H

#include "user/user.h"

/* Dispositions, masks, frames (sys_signal.c). */
user_syscall_fn sys_rt_sigaction, sys_rt_sigprocmask, sys_rt_sigreturn, sys_rt_sigpending;
user_syscall_fn sys_sigaltstack;

/* Sending (sys_sigsend.c). */
user_syscall_fn sys_kill, sys_tkill, sys_tgkill, sys_rt_sigqueueinfo, sys_rt_tgsigqueueinfo;

/* Waiting, by signals or with a mask of its own (sys_sigwait.c). */
user_syscall_fn sys_pause, sys_rt_sigsuspend, sys_rt_sigtimedwait;
user_syscall_fn sys_ppoll, sys_pselect6, sys_epoll_pwait, sys_epoll_pwait2;
user_syscall_fn sys_signalfd, sys_signalfd4;

#endif
