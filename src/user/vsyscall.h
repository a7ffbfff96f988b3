/* The three system calls at fixed addresses that programs of the vDSO's
 * early days call. */
#ifndef MORTISE_USER_VSYSCALL_H
#define MORTISE_USER_VSYSCALL_H

#include <stdbool.h>

#include "user/user.h"

/* The guest has jumped to cpu->rip, where it has no code. If that is one of
 * the three, does what it does and returns to the caller. */
bool vsyscall_run(struct user_thread *t);

#endif
