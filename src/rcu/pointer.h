/* Pointers that are published to RCU readers. The field itself is a plain
 * pointer, marked RCU_PROTECTED and touched only through these macros. */
#ifndef MORTISE_RCU_POINTER_H
#define MORTISE_RCU_POINTER_H

#include "rcu/rcu.h"

/* Reads p in a read section; what it points to stays until the section ends.
 * acquire pairs with the release in rcu_assign_pointer: the object is seen
 * as it was when published. */
#define rcu_dereference(p) (rcu_require_read_held(), __atomic_load_n(&(p), __ATOMIC_ACQUIRE))

/* Reads p by an updater, who excludes other updaters and needs no section. */
#define rcu_dereference_locked(p) __atomic_load_n(&(p), __ATOMIC_RELAXED)

/* Reads p only to compare it, never to follow it: any context. */
#define rcu_access_pointer(p) __atomic_load_n(&(p), __ATOMIC_RELAXED)

/* Publishes v, an initialised object or NULL, through p. Pairs with
 * rcu_dereference. */
#define rcu_assign_pointer(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)

/* Publishes v and returns what p pointed to, in one step; for updaters that
 * do not exclude each other. */
#define rcu_exchange_pointer(p, v) __atomic_exchange_n(&(p), (v), __ATOMIC_ACQ_REL)

/* Sets a pointer that no reader can reach yet. */
#define RCU_INIT_POINTER(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELAXED)

#endif
