/* Lock contracts as attributes. clang checks the first group at compile time
 * (-Wthread-safety, -Wthread-safety-beta); mortise-lockcheck, which defines
 * __LOCKCHECK__, reads all of them as annotation strings, those included that
 * clang's C mode has no attribute for. Other compilers see nothing.
 *
 * An argument is the capability itself: a lock object or its address, a role
 * (locks/thread.h), or one of the global capabilities bql, mmap_lock_cap,
 * page_lock_cap, region_lock_cap, rcu_cap. docs/locking.md shows each use. */
#ifndef MORTISE_BASE_ANNOTATIONS_H
#define MORTISE_BASE_ANNOTATIONS_H

#if defined(__LOCKCHECK__)
#define LOCKS_CLANG(x)
#define LOCKS_NOTE(text) __attribute__((annotate("lockcheck:" text)))
#elif defined(__clang__)
#define LOCKS_CLANG(x) __attribute__((x))
#define LOCKS_NOTE(text)
#else
#define LOCKS_CLANG(x)
#define LOCKS_NOTE(text)
#endif
#define LOCKS_BOTH(attribute, kind, ...)                                                           \
    LOCKS_CLANG(attribute(__VA_ARGS__)) LOCKS_NOTE(kind ":" #__VA_ARGS__)

/* On a type, between `struct` and its name: objects of it can be held. */
#define CAPABILITY(name) LOCKS_CLANG(capability(name)) LOCKS_NOTE("capability:" name)

/* On a type that is a capability, or one lock: who holds it must not sleep. */
#define NONBLOCKING LOCKS_NOTE("nonblocking")

/* On data: touched only by who holds the lock. PT_ is about what it points to. */
#define GUARDED_BY(...)    LOCKS_BOTH(guarded_by, "guarded_by", __VA_ARGS__)
#define PT_GUARDED_BY(...) LOCKS_BOTH(pt_guarded_by, "pt_guarded_by", __VA_ARGS__)

/* The same for what everybody may read, as atomics are read; and, on a field
 * of a struct that is a capability, for what only its holder touches. */
#define WRITE_GUARDED_BY(...)   LOCKS_NOTE("write_guarded_by:" #__VA_ARGS__)
#define GUARDED_BY_STRUCT       LOCKS_NOTE("guarded_by:$this")
#define WRITE_GUARDED_BY_STRUCT LOCKS_NOTE("write_guarded_by:$this")

/* On functions: what the caller holds, and what the call takes or drops. */
#define REQUIRES(...)        LOCKS_BOTH(requires_capability, "requires", __VA_ARGS__)
#define REQUIRES_SHARED(...) LOCKS_BOTH(requires_shared_capability, "requires_shared", __VA_ARGS__)
#define ACQUIRE(...)         LOCKS_BOTH(acquire_capability, "acquire", __VA_ARGS__)
#define ACQUIRE_SHARED(...)  LOCKS_BOTH(acquire_shared_capability, "acquire_shared", __VA_ARGS__)
#define RELEASE(...)         LOCKS_BOTH(release_capability, "release", __VA_ARGS__)
#define RELEASE_SHARED(...)  LOCKS_BOTH(release_shared_capability, "release_shared", __VA_ARGS__)
#define RELEASE_GENERIC(...) LOCKS_BOTH(release_generic_capability, "release_generic", __VA_ARGS__)
#define TRY_ACQUIRE(...)     LOCKS_BOTH(try_acquire_capability, "try_acquire", __VA_ARGS__)
#define TRY_ACQUIRE_SHARED(...)                                                                    \
    LOCKS_BOTH(try_acquire_shared_capability, "try_acquire_shared", __VA_ARGS__)
#define EXCLUDES(...)          LOCKS_BOTH(locks_excluded, "excludes", __VA_ARGS__)
#define RETURN_CAPABILITY(...) LOCKS_BOTH(lock_returned, "returns", __VA_ARGS__)

/* The same for a lock that clang would ask of all callers, and only some have. */
#define NOTE_ACQUIRE(...) LOCKS_NOTE("acquire:" #__VA_ARGS__)
#define NOTE_RELEASE(...) LOCKS_NOTE("release:" #__VA_ARGS__)

/* On function pointers, which clang's C mode has no attributes for: REQUIRES. */
#define CALLED_WITH(...) LOCKS_NOTE("requires:" #__VA_ARGS__)

/* On functions that check at run time that the caller holds it, and from
 * which on the analysis believes it. */
#define ASSERT_CAPABILITY(...) LOCKS_BOTH(assert_capability, "assert", __VA_ARGS__)
#define ASSERT_SHARED_CAPABILITY(...)                                                              \
    LOCKS_BOTH(assert_shared_capability, "assert_shared", __VA_ARGS__)

/* On lock objects: the declared order. */
#define ACQUIRED_AFTER(...)  LOCKS_BOTH(acquired_after, "acquired_after", __VA_ARGS__)
#define ACQUIRED_BEFORE(...) LOCKS_BOTH(acquired_before, "acquired_before", __VA_ARGS__)

/* On locks in an array: several may be held, taken in ascending order. */
#define KEYED_ASCENDING LOCKS_NOTE("keyed:ascending")

/* On functions whose body is the implementation of a lock, or that do what
 * clang's analysis cannot follow; the latter say why. mortise-lockcheck looks
 * into them all the same. */
#define NO_THREAD_SAFETY_ANALYSIS                                                                  \
    LOCKS_CLANG(no_thread_safety_analysis) LOCKS_NOTE("no_clang_analysis")

/* On functions that neither can follow: believed, and they say why. */
#define NO_LOCK_ANALYSIS LOCKS_CLANG(no_thread_safety_analysis) LOCKS_NOTE("no_analysis")

/* On data: written before other threads can see it, and never again. */
#define IMMUTABLE_AFTER_INIT LOCKS_NOTE("immutable")

/* On a function: no other thread can see what it returns; on a parameter: nor
 * what it is given. */
#define PRIVATE_OBJECT LOCKS_NOTE("private")

/* On a function: called only while the process has one thread. */
#define BEFORE_THREADS LOCKS_NOTE("alone")

/* On data, or on a struct for all its fields that say nothing themselves:
 * touched only by threads of the role, or by whom the words name. */
#define OWNED_BY(role) LOCKS_NOTE("owned_by:" #role)

/* On pointers: read by rcu_dereference, published by rcu_assign_pointer. */
#define RCU_PROTECTED LOCKS_NOTE("rcu")

/* On functions: may sleep for an unbounded time, so not under a spinlock nor
 * in an RCU read section. */
#define MAY_BLOCK LOCKS_NOTE("may_block")

/* On functions: they may sleep, and are called all the same where that is not
 * allowed, for the reason given. */
#define BLOCKING_OK(reason) LOCKS_NOTE("blocking_ok:" reason)

#endif
