/* Running a guest thread and ending it. */
#ifndef MORTISE_USER_CPU_LOOP_H
#define MORTISE_USER_CPU_LOOP_H

#include "user/user.h"

/* Runs the thread until its `exit`. The calling thread is attached to the
 * CPU, and current_thread is set. */
void cpu_loop_run(struct user_thread *t);

/* The first thread of the process has ended but others may live: its host
 * thread ends, the process does not. */
_Noreturn void user_thread_end_first(struct user_thread *t);

#endif
