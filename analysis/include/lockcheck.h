/* Locking contracts for mortise-lockcheck, in C11 code of any project. The
 * checker reads with clang, where the macros become annotations; for every
 * other compiler they are nothing. docs/lockcheck.md explains each by example.
 *
 *     struct queue {
 *         pthread_mutex_t lock;
 *         int length LOCKCHECK_GUARDED_BY(&lock);
 *     };
 *     void queue_flush(struct queue *q) LOCKCHECK_REQUIRES(&q->lock);
 *
 * An argument is the lock, as an expression where the annotation stands: of the
 * function's parameters, of the fields of the same struct, or global. Function
 * pointers take the annotations of functions. A capability that is no object
 * ("the config is frozen", a role) is a name that nothing else has.
 *
 * Clang's own thread-safety attributes (guarded_by, requires_capability and so
 * on) are understood as well; code that has them needs nothing of this. */
#ifndef LOCKCHECK_H
#define LOCKCHECK_H

#if defined(__clang__)
#define LOCKCHECK_ANNOTATE(text) __attribute__((annotate("lockcheck:" text)))
#else
#define LOCKCHECK_ANNOTATE(text)
#endif

/* On a struct, between `struct` and its name: it is a lock type. */
#define LOCKCHECK_CAPABILITY(name) LOCKCHECK_ANNOTATE("capability:" name)

/* On functions of a lock type, and on those that take or drop a lock for their
 * caller. Without an argument: the object that the first parameter points to.
 * TRY_ACQUIRE: the value returned when it is held then, and the lock. */
#define LOCKCHECK_ACQUIRE(...)            LOCKCHECK_ANNOTATE("acquire:" #__VA_ARGS__)
#define LOCKCHECK_ACQUIRE_SHARED(...)     LOCKCHECK_ANNOTATE("acquire_shared:" #__VA_ARGS__)
#define LOCKCHECK_TRY_ACQUIRE(...)        LOCKCHECK_ANNOTATE("try_acquire:" #__VA_ARGS__)
#define LOCKCHECK_TRY_ACQUIRE_SHARED(...) LOCKCHECK_ANNOTATE("try_acquire_shared:" #__VA_ARGS__)
#define LOCKCHECK_RELEASE(...)            LOCKCHECK_ANNOTATE("release:" #__VA_ARGS__)
#define LOCKCHECK_RELEASE_SHARED(...)     LOCKCHECK_ANNOTATE("release_shared:" #__VA_ARGS__)
#define LOCKCHECK_RELEASE_GENERIC(...)    LOCKCHECK_ANNOTATE("release_generic:" #__VA_ARGS__)

/* On functions: what the caller holds, and must not hold. */
#define LOCKCHECK_REQUIRES(...)        LOCKCHECK_ANNOTATE("requires:" #__VA_ARGS__)
#define LOCKCHECK_REQUIRES_SHARED(...) LOCKCHECK_ANNOTATE("requires_shared:" #__VA_ARGS__)
#define LOCKCHECK_EXCLUDES(...)        LOCKCHECK_ANNOTATE("excludes:" #__VA_ARGS__)

/* On functions: checks at run time that the lock is held; which lock is
 * returned; the body is believed and not looked into. */
#define LOCKCHECK_ASSERT_HELD(...)        LOCKCHECK_ANNOTATE("assert:" #__VA_ARGS__)
#define LOCKCHECK_ASSERT_HELD_SHARED(...) LOCKCHECK_ANNOTATE("assert_shared:" #__VA_ARGS__)
#define LOCKCHECK_RETURNS(lock)           LOCKCHECK_ANNOTATE("returns:" #lock)
#define LOCKCHECK_NO_ANALYSIS             LOCKCHECK_ANNOTATE("no_analysis:")

/* On data: who may touch it. */
#define LOCKCHECK_GUARDED_BY(lock)    LOCKCHECK_ANNOTATE("guarded_by:" #lock)
#define LOCKCHECK_PT_GUARDED_BY(lock) LOCKCHECK_ANNOTATE("pt_guarded_by:" #lock)
#define LOCKCHECK_IMMUTABLE           LOCKCHECK_ANNOTATE("immutable:")
#define LOCKCHECK_OWNED_BY(role)      LOCKCHECK_ANNOTATE("owned_by:" #role)
#define LOCKCHECK_RCU                 LOCKCHECK_ANNOTATE("rcu:")

/* On locks: the declared order; held like a spinlock; several at once by
 * ascending key (index or address). */
#define LOCKCHECK_ACQUIRED_AFTER(...)  LOCKCHECK_ANNOTATE("acquired_after:" #__VA_ARGS__)
#define LOCKCHECK_ACQUIRED_BEFORE(...) LOCKCHECK_ANNOTATE("acquired_before:" #__VA_ARGS__)
#define LOCKCHECK_NONBLOCKING          LOCKCHECK_ANNOTATE("nonblocking:")
#define LOCKCHECK_KEYED_ASCENDING      LOCKCHECK_ANNOTATE("keyed:ascending")

/* On functions: which thread runs them. ENTRY, on a function or on a parameter
 * that takes one: it is started as a thread of the role. */
#define LOCKCHECK_ROLE(role)         LOCKCHECK_ANNOTATE("role:" #role)
#define LOCKCHECK_THREAD_ENTRY(role) LOCKCHECK_ANNOTATE("thread_entry:" #role)

/* On functions and parameters: no other thread can see the object that is
 * returned or handed over; on functions: called only while the process has one
 * thread (start-up, the child of a fork). */
#define LOCKCHECK_PRIVATE LOCKCHECK_ANNOTATE("private:")
#define LOCKCHECK_ALONE   LOCKCHECK_ANNOTATE("alone:")

/* On functions: may sleep; may in theory, but not where it is called from. */
#define LOCKCHECK_MAY_BLOCK           LOCKCHECK_ANNOTATE("may_block:")
#define LOCKCHECK_BLOCKING_OK(reason) LOCKCHECK_ANNOTATE("blocking_ok:" reason)

/* On a function: findings of this check in it are known and harmless. Both are
 * strings. */
#define LOCKCHECK_SUPPRESS(check, reason) LOCKCHECK_ANNOTATE("suppress:" check "," reason)

#endif
