/* What the files of this room know of each other. */
#ifndef MORTISE_RCU_INTERNAL_H
#define MORTISE_RCU_INTERNAL_H

#include <stdint.h>

#include "rcu/rcu.h"

/* Our caller broke the contract, or the kernel its word: says so and stops. */
_Noreturn void rcu_bug(const char *what);

/* The grace-period half of rcu_after_fork_child. */
void rcu_readers_after_fork_child(void);

/* Sleeps while *word is value; may return early. Wakes whoever sleeps. */
void rcu_futex_wait(_Atomic(uint32_t) *word, uint32_t value);
void rcu_futex_wake(_Atomic(uint32_t) *word);

#endif
