/* The names by which the programs in tests/analysis/cases state their locking
 * contracts: short ones, as a project would define them for itself. Compilers
 * other than clang see nothing. analysis/lockcheck/annotation.h says what each
 * means. */
#ifndef CASES_CONTRACTS_H
#define CASES_CONTRACTS_H

#if defined(__clang__)
#define CONTRACT(...) __attribute__((annotate("lockcheck:" __VA_ARGS__)))
#else
#define CONTRACT(...)
#endif

#define CAPABILITY(name)     CONTRACT("capability:" name)
#define GUARDED_BY(x)        CONTRACT("guarded_by:" #x)
#define PT_GUARDED_BY(x)     CONTRACT("pt_guarded_by:" #x)
#define REQUIRES(...)        CONTRACT("requires:" #__VA_ARGS__)
#define REQUIRES_SHARED(...) CONTRACT("requires_shared:" #__VA_ARGS__)
#define ACQUIRE(...)         CONTRACT("acquire:" #__VA_ARGS__)
#define ACQUIRE_SHARED(...)  CONTRACT("acquire_shared:" #__VA_ARGS__)
#define RELEASE(...)         CONTRACT("release:" #__VA_ARGS__)
#define TRY_ACQUIRE(...)     CONTRACT("try_acquire:" #__VA_ARGS__)
#define EXCLUDES(...)        CONTRACT("excludes:" #__VA_ARGS__)
#define ACQUIRED_AFTER(...)  CONTRACT("acquired_after:" #__VA_ARGS__)
#define ACQUIRED_BEFORE(...) CONTRACT("acquired_before:" #__VA_ARGS__)
#define ASSERT_HELD(...)     CONTRACT("assert:" #__VA_ARGS__)
#define RETURNS_LOCK(x)      CONTRACT("returns:" #x)
#define NO_ANALYSIS          CONTRACT("no_analysis:")
#define ROLE(name)           CONTRACT("role:" name)
#define THREAD_ENTRY(name)   CONTRACT("thread_entry:" name)
#define MAY_BLOCK            CONTRACT("may_block:")
#define NONBLOCKING_LOCK     CONTRACT("nonblocking:")
#define BLOCKING_OK(reason)  CONTRACT("blocking_ok:" reason)
#define IMMUTABLE            CONTRACT("immutable:")
#define OWNED_BY(name)       CONTRACT("owned_by:" name)
#define RCU_PROTECTED        CONTRACT("rcu:")
#define KEYED_ASCENDING      CONTRACT("keyed:ascending")
#define SUPPRESS(id, reason) CONTRACT("suppress:" id "," reason)

#endif
