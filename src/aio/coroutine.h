/* Coroutines: functions with a stack of their own that give up their thread in
 * the middle and go on later. What runs in one, and may yield, is marked
 * coroutine_fn.
 *
 * A coroutine is run by coroutine_enter until it yields or returns; then
 * coroutine_enter returns. Which thread enters it next is up to who does,
 * aio/aio_co.h has the usual ways. Entering one that runs, that waits in a
 * context's list, or that has ended, and yielding outside of one, with a lock
 * taken in it, or in a callback of a round that it runs itself, stop the
 * process with a sentence. So does returning with a co-mutex.
 *
 * Thread-local variables must not be used across a yield: the compiler may
 * remember their address, which is another after it. */
#ifndef MORTISE_AIO_COROUTINE_H
#define MORTISE_AIO_COROUTINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/annotations.h"

/* On functions: called in coroutines only. */
#define coroutine_fn LOCKS_NOTE("requires:coroutine")

struct coroutine;
typedef void coroutine_entry(void *opaque) coroutine_fn;

/* Does not run until it is entered. Stops the process when there is no memory
 * for a stack. It is freed when it returns; it must. */
struct coroutine *coroutine_create(coroutine_entry *entry, void *opaque);

/* Runs co on the calling thread until it yields or returns. In a coroutine
 * too: co then returns to that. */
void coroutine_enter(struct coroutine *co);

/* Returns to whoever entered. */
void coroutine_yield(void) coroutine_fn;

/* The running coroutine; NULL outside of one. */
struct coroutine *coroutine_self(void);

static inline bool coroutine_in(void)
{
    return coroutine_self() != NULL;
}

/* Whether co has been entered and has not yielded since. By a thread that
 * knows that co lives. */
bool coroutine_entered(const struct coroutine *co);

/* How stacks are switched. By default with a few instructions where we have
 * them (x86-64), otherwise by the C library's ucontext, which makes a system
 * call each time. Before the first coroutine of the process. */
enum coroutine_backend { COROUTINE_NATIVE, COROUTINE_UCONTEXT };
void coroutine_set_backend(enum coroutine_backend wanted) BEFORE_THREADS;
const char *coroutine_backend_name(void);

/* Size of each stack; one page below it is a guard. */
#define COROUTINE_STACK_SIZE ((size_t)1 << 20)

/* Stacks kept for reuse: per thread, and by all threads together. */
#define COROUTINE_POOL_THREAD 64
#define COROUTINE_POOL_SHARED 256

#endif
