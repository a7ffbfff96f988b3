/* Lock contracts as attributes. clang checks the first group at compile time
 * (-Wthread-safety, -Wthread-safety-beta); the second group says what clang's
 * C mode has no attribute for, and is left in the tree as annotations for a
 * whole-program checker. Other compilers see nothing.
 *
 * An argument is the capability itself: a lock object or its address, a role
 * (locks/thread.h), or one of the global capabilities bql, mmap_lock_cap,
 * page_lock_cap, region_lock_cap, rcu_cap. docs/locking.md shows each use. */
#ifndef MORTISE_LOCKS_ANNOTATIONS_H
#define MORTISE_LOCKS_ANNOTATIONS_H

#if defined(__clang__)
#define LOCKS_ATTRIBUTE(x)  __attribute__((x))
#define LOCKS_ANNOTATE(...) __attribute__((annotate(__VA_ARGS__)))
#else
#define LOCKS_ATTRIBUTE(x)
#define LOCKS_ANNOTATE(...)
#endif

/* On a type, between `struct` and its name: objects of it can be held. */
#define CAPABILITY(name) LOCKS_ATTRIBUTE(capability(name))

/* On data: touched only by who holds the lock. PT_ is about what it points to. */
#define GUARDED_BY(x)    LOCKS_ATTRIBUTE(guarded_by(x))
#define PT_GUARDED_BY(x) LOCKS_ATTRIBUTE(pt_guarded_by(x))

/* On functions: what the caller holds, and what the call takes or drops. */
#define REQUIRES(...)           LOCKS_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...)    LOCKS_ATTRIBUTE(requires_shared_capability(__VA_ARGS__))
#define ACQUIRE(...)            LOCKS_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define ACQUIRE_SHARED(...)     LOCKS_ATTRIBUTE(acquire_shared_capability(__VA_ARGS__))
#define RELEASE(...)            LOCKS_ATTRIBUTE(release_capability(__VA_ARGS__))
#define RELEASE_SHARED(...)     LOCKS_ATTRIBUTE(release_shared_capability(__VA_ARGS__))
#define RELEASE_GENERIC(...)    LOCKS_ATTRIBUTE(release_generic_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...)        LOCKS_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define TRY_ACQUIRE_SHARED(...) LOCKS_ATTRIBUTE(try_acquire_shared_capability(__VA_ARGS__))
#define EXCLUDES(...)           LOCKS_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define RETURN_CAPABILITY(x)    LOCKS_ATTRIBUTE(lock_returned(x))

/* On functions that check at run time that the caller holds it, and from
 * which on the analysis believes it. */
#define ASSERT_CAPABILITY(x)        LOCKS_ATTRIBUTE(assert_capability(x))
#define ASSERT_SHARED_CAPABILITY(x) LOCKS_ATTRIBUTE(assert_shared_capability(x))

/* On lock objects: the declared order. */
#define ACQUIRED_AFTER(...)  LOCKS_ATTRIBUTE(acquired_after(__VA_ARGS__))
#define ACQUIRED_BEFORE(...) LOCKS_ATTRIBUTE(acquired_before(__VA_ARGS__))

/* On functions whose body is the implementation of a lock, or that do what
 * the analysis cannot follow; the latter say why. */
#define NO_THREAD_SAFETY_ANALYSIS LOCKS_ATTRIBUTE(no_thread_safety_analysis)

/* On data: written before other threads can see it, and never again. */
#define IMMUTABLE_AFTER_INIT LOCKS_ANNOTATE("mortise:immutable_after_init")

/* On data: touched only by threads of the role. */
#define OWNED_BY(role) LOCKS_ANNOTATE("mortise:owned_by:" #role)

/* On pointers: read by rcu_dereference, published by rcu_assign_pointer. */
#define RCU_PROTECTED LOCKS_ANNOTATE("mortise:rcu_protected")

/* On functions: may sleep for an unbounded time, so not under a spinlock nor
 * in an RCU read section. */
#define MAY_BLOCK LOCKS_ANNOTATE("mortise:may_block")

#endif
