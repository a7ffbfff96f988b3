/* The names by which the programs in tests/analysis/cases state their locking
 * contracts: those of lockcheck.h, made short as a project would do for
 * itself. Roles and reasons are strings here. */
#ifndef CASES_CONTRACTS_H
#define CASES_CONTRACTS_H

#include "lockcheck.h"

#define CONTRACT(text)       LOCKCHECK_ANNOTATE(text)
#define GUARDED_BY(x)        LOCKCHECK_GUARDED_BY(x)
#define PT_GUARDED_BY(x)     LOCKCHECK_PT_GUARDED_BY(x)
#define REQUIRES(...)        LOCKCHECK_REQUIRES(__VA_ARGS__)
#define EXCLUDES(...)        LOCKCHECK_EXCLUDES(__VA_ARGS__)
#define RELEASE(...)         LOCKCHECK_RELEASE(__VA_ARGS__)
#define ACQUIRED_AFTER(...)  LOCKCHECK_ACQUIRED_AFTER(__VA_ARGS__)
#define ACQUIRED_BEFORE(...) LOCKCHECK_ACQUIRED_BEFORE(__VA_ARGS__)
#define ROLE(name)           LOCKCHECK_ANNOTATE("role:" name)
#define THREAD_ENTRY(name)   LOCKCHECK_ANNOTATE("thread_entry:" name)
#define OWNED_BY(name)       LOCKCHECK_ANNOTATE("owned_by:" name)
#define MAY_BLOCK            LOCKCHECK_MAY_BLOCK
#define NONBLOCKING_LOCK     LOCKCHECK_NONBLOCKING
#define IMMUTABLE            LOCKCHECK_IMMUTABLE
#define RCU_PROTECTED        LOCKCHECK_RCU
#define KEYED_ASCENDING      LOCKCHECK_KEYED_ASCENDING
#define ACQUIRE(...)         LOCKCHECK_ACQUIRE(__VA_ARGS__)
#define SUPPRESS(id, reason) LOCKCHECK_SUPPRESS(id, reason)

/* clang's own, for what it cannot follow. */
#if defined(__clang__)
#define NO_THREAD_SAFETY_ANALYSIS __attribute__((no_thread_safety_analysis))
#else
#define NO_THREAD_SAFETY_ANALYSIS
#endif

#endif
