/* What the files of this room know of each other. */
#ifndef MORTISE_RCU_INTERNAL_H
#define MORTISE_RCU_INTERNAL_H

#include "rcu/rcu.h"

/* Our caller broke the contract, or the kernel its word: says so and stops. */
_Noreturn void rcu_bug(const char *what);

/* The grace-period half of rcu_after_fork_child. */
void rcu_readers_after_fork_child(void);

#endif
