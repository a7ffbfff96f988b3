/* Entering, yielding, returning, and the checks that it is done in the right
 * place.
 *
 * A coroutine that stops may be entered by another thread the moment it has
 * switched away, or even be gone. So whatever has to be read from it is read
 * before the switch, on its own stack; after it, coroutine_enter touches it
 * only if it returned, for then nobody else has it. */
#include "aio/coroutine.h"

#include <stdlib.h>

#include "aio/aio.h"
#include "aio/context.h"
#include "aio/coroutine_impl.h"
#include "locks/lockdep.h"

/* Of each thread. Read through functions that are not inlined, so that no
 * address survives a switch in a register. The model, which holds for what is
 * linked to a program, saves working that address out again and again. */
struct thread_state {
    struct coroutine *self;               /* the running coroutine, or &leader; NULL: first use */
    struct coroutine leader;              /* the thread's own stack */
    struct coroutine *woken, *woken_last; /* by those that stopped; to be entered next */
    unsigned rounds;                      /* of event loops, under way */
};
static _Thread_local struct thread_state state __attribute__((tls_model("initial-exec")));

__attribute__((noinline)) static void thread_start(void)
{
    coroutine_prepare_thread(&state.leader);
    state.self = &state.leader;
}

/* For functions that are not in line, and so end before a switch. */
static inline struct coroutine *self_before_switch(void)
{
    if (__builtin_expect(!state.self, 0)) {
        thread_start();
    }
    return state.self;
}

__attribute__((noinline)) static struct coroutine *get_self(void)
{
    return self_before_switch();
}

/* Each function between a caller and the switch is a return that the processor
 * predicts wrongly. */
#define IN_LINE __attribute__((always_inline)) static inline

/* Moves what self has woken to the thread that it stops on. */
static void hand_over_woken(struct coroutine *self)
{
    if (state.woken_last) {
        state.woken_last->wake_next = self->wake_first;
    } else {
        state.woken = self->wake_first;
    }
    state.woken_last = self->wake_last;
    self->wake_first = self->wake_last = NULL;
}

__attribute__((noinline)) static struct coroutine *pop_woken(void)
{
    struct coroutine *co = state.woken;

    if (co) {
        state.woken = co->wake_next;
        co->wake_next = NULL;
        if (!state.woken) {
            state.woken_last = NULL;
        }
    }
    return co;
}

void coroutine_round_begin(void)
{
    state.rounds++;
}

void coroutine_round_end(void)
{
    state.rounds--;
}

struct coroutine *coroutine_self(void)
{
    struct coroutine *self = get_self();

    return self->stack ? self : NULL;
}

bool coroutine_entered(const struct coroutine *co)
{
    return co->caller != NULL;
}

struct coroutine *coroutine_create(coroutine_entry *entry, void *opaque)
{
    struct coroutine *co = coroutine_pool_get();

    co->entry = entry;
    co->opaque = opaque;
    return co;
}

void coroutine_wake_later(struct coroutine *self, struct coroutine *co)
{
    co->wake_next = NULL;
    if (self->wake_last) {
        self->wake_last->wake_next = co;
    } else {
        self->wake_first = co;
    }
    self->wake_last = co;
}

static void check_enter(const struct coroutine *co)
{
    const char *by = atomic_load_explicit(&co->scheduled, memory_order_relaxed);

    if (by) {
        aio_bug("a coroutine is entered that %s has scheduled", by);
    }
    if (co->caller) {
        aio_bug("a coroutine is entered that is running");
    }
    if (!co->entry) {
        aio_bug("a coroutine is entered that has returned");
    }
}

/* Makes co the running coroutine, in ctx or, if that is NULL, the thread's current
 * context; returns who was. */
__attribute__((noinline)) static struct coroutine *begin_enter(struct aio_context *ctx,
                                                               struct coroutine *co)
{
    struct coroutine *self = self_before_switch();

    check_enter(co);
    co->caller = self;
    co->held = lockdep_held_count();
    co->rounds = state.rounds;
    /* release pairs with the acquire in aio_co_wake. */
    atomic_store_explicit(&co->ctx, ctx ? ctx : aio_context_current(), memory_order_release);
    state.self = co;
    return self;
}

IN_LINE void enter_one(struct aio_context *ctx, struct coroutine *co)
{
    struct coroutine *self = begin_enter(ctx, co);

    if (coroutine_switch(self, co, COROUTINE_ENTER) == COROUTINE_RETURN) {
        coroutine_pool_put(co);
    }
}

void coroutine_enter(struct coroutine *co)
{
    do {
        enter_one(NULL, co);
    } while ((co = pop_woken()));
}

void coroutine_enter_in(struct aio_context *ctx, struct coroutine *co)
{
    enter_one(ctx, co);
    while ((co = pop_woken())) {
        enter_one(NULL, co);
    }
}

/* Makes who entered self the running one, and returns it; self may be entered
 * by others from the switch on. */
__attribute__((noinline)) static struct coroutine *begin_stop(struct coroutine *self,
                                                              enum coroutine_action action)
{
    struct coroutine *caller = self->caller;

    if (lockdep_held_count() != self->held) {
        aio_bug("a coroutine %s with a lock that it took, or without one that was held when it "
                "was entered",
                action == COROUTINE_YIELD ? "yields" : "returns");
    }
    if (state.rounds != self->rounds) {
        aio_bug("a coroutine yields in a callback of the event loop that it runs");
    }
    if (action == COROUTINE_RETURN && self->co_mutexes > 0) {
        aio_bug("a coroutine returns with a co-mutex that it holds");
    }
    if (self->wake_first) {
        hand_over_woken(self);
    }
    self->caller = NULL;
    state.self = caller;
    return caller;
}

IN_LINE void stop(struct coroutine *self, enum coroutine_action action)
{
    coroutine_switch(self, begin_stop(self, action), action);
}

void coroutine_yield(void)
{
    struct coroutine *self = get_self();

    if (!self->stack) {
        aio_bug("coroutine_yield outside of a coroutine");
    }
    lockdep_may_block("yielding a coroutine", LOCK_SITE);
    stop(self, COROUTINE_YIELD);
}

void coroutine_end(struct coroutine *self)
{
    self->entry = NULL;
    stop(self, COROUTINE_RETURN);
}
