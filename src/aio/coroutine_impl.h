/* What the files of coroutines know of one. */
#ifndef MORTISE_AIO_COROUTINE_IMPL_H
#define MORTISE_AIO_COROUTINE_IMPL_H

#include <ck_stack.h>
#include <stdatomic.h>
#include <stddef.h>

#include "aio/coroutine.h"
#include "aio/coroutine_asm.h"
#include "aio/sanitizer.h"
#include "base/annotations.h"
#include "base/tsan.h"

struct aio_context;

enum coroutine_action { COROUTINE_ENTER = 1, COROUTINE_YIELD, COROUTINE_RETURN };

struct OWNED_BY(the thread that runs or enters it) coroutine {
    void *sp;    /* of the backend while it does not run: stack pointer, or ucontext_t */
    void *uc;    /* its ucontext_t, for that backend */
    void *stack; /* lowest address above the guard page; NULL for a thread itself */

    coroutine_entry *entry;
    void *opaque;
    struct coroutine *caller; /* who entered it; NULL: it does not run */

    /* Coroutines that it has woken while it ran, to be entered when it stops;
     * linked by wake_next. */
    struct coroutine *wake_first, *wake_last;
    struct coroutine *wake_next;

    /* The context in which it was last entered; written before it can be woken. */
    _Atomic(struct aio_context *) ctx;
    /* Who put it on a context's list, NULL: it is on none. */
    _Atomic(const char *) scheduled;
    ck_stack_entry_t schedule_link;

    struct coroutine *pool_next;
    unsigned held;       /* locks of the thread when it was entered, with lockdep */
    unsigned rounds;     /* of event loops, under way on the thread when it was entered */
    unsigned co_mutexes; /* that it holds */

#ifdef AIO_ASAN
    void *fake_stack;
    const void *stack_bottom;
    size_t stack_size;
#endif
#ifdef MORTISE_TSAN
    void *fiber;
#endif
};

/* coroutine_enter, with ctx as what becomes the context of co. */
void coroutine_enter_in(struct aio_context *ctx, struct coroutine *co);

/* The calling thread begins and ends a round of an event loop. */
void coroutine_round_begin(void);
void coroutine_round_end(void);

/* Puts co in the list of what the running coroutine has woken. */
void coroutine_wake_later(struct coroutine *self, struct coroutine *co);

/* coroutine_stack.c: one with a stack, and gone with it. */
struct coroutine *coroutine_alloc(void);
void coroutine_free(struct coroutine *co);

/* coroutine_pool.c: one that returned, or a new one; and back. */
struct coroutine *coroutine_pool_get(void);
void coroutine_pool_put(struct coroutine *co);
/* For aio_hold_locks_across_fork. */
void coroutine_hold_lock_across_fork(void);

/* coroutine_switch.c: runs `to` until something runs `from` again; returns the
 * action that that gave. In line where nothing else is to be done. */
enum coroutine_action coroutine_switch_any(struct coroutine *from, struct coroutine *to,
                                           enum coroutine_action action);
extern enum coroutine_backend coroutine_backend __attribute__((visibility("hidden")));

static inline enum coroutine_action coroutine_switch(struct coroutine *from, struct coroutine *to,
                                                     enum coroutine_action action)
{
#if defined(COROUTINE_HAVE_ASM) && !defined(AIO_ASAN) && !defined(MORTISE_TSAN)
    if (__builtin_expect(coroutine_backend == COROUTINE_NATIVE, 1)) {
        return (enum coroutine_action)coroutine_switch_asm(&from->sp, to->sp, (long)action);
    }
#endif
    return coroutine_switch_any(from, to, action);
}

/* Prepares co so that the first switch to it begins coroutine_main. */
void coroutine_prepare(struct coroutine *co);
/* The same for the thread itself, which has a stack. */
void coroutine_prepare_thread(struct coroutine *leader);
void coroutine_unprepare(struct coroutine *co);

/* The running coroutine has returned: goes back to who entered it, and comes
 * back itself when it is used again. */
void coroutine_end(struct coroutine *self);

/* What runs on each stack: entry after entry. */
_Noreturn void coroutine_main(struct coroutine *self) coroutine_fn;

#endif
