/* Switching between coroutines: the backend, and what sanitizers need to be
 * told of it. Functions here run on two stacks at once, in a way: they are
 * called on one and return on another. So ASan must not give them frames of
 * its own, and they keep nothing in locals across a switch but their
 * arguments, which are on the stack that comes back. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

#include "aio/context.h"
#include "aio/coroutine_impl.h"

#ifdef AIO_ASAN
void __sanitizer_start_switch_fiber(void **fake_stack_save, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *fake_stack_save, const void **bottom_old,
                                     size_t *size_old);
#endif

enum coroutine_backend coroutine_backend IMMUTABLE_AFTER_INIT
#ifndef COROUTINE_HAVE_ASM
    = COROUTINE_UCONTEXT
#endif
    ;

void coroutine_set_backend(enum coroutine_backend wanted)
{
#ifdef COROUTINE_HAVE_ASM
    coroutine_backend = wanted;
#else
    (void)wanted;
#endif
}

const char *coroutine_backend_name(void)
{
    return coroutine_backend == COROUTINE_NATIVE ? "native" : "ucontext";
}

/* ucontext has no way to hand a value over. Used between a switch and its
 * arrival, on one thread. */
static _Thread_local enum coroutine_action ucontext_action;
static _Thread_local ucontext_t ucontext_leader; /* of the thread's own stack */

__attribute__((noinline)) static void set_ucontext_action(enum coroutine_action action)
{
    ucontext_action = action;
}

__attribute__((noinline)) static enum coroutine_action get_ucontext_action(void)
{
    return ucontext_action;
}

AIO_NO_ASAN static void finish_switch(struct coroutine *self)
{
#ifdef AIO_ASAN
    __sanitizer_finish_switch_fiber(self->fake_stack, NULL, NULL);
    self->fake_stack = NULL;
#else
    (void)self;
#endif
}

/* `action` last: the fake stack of one that returns goes. */
AIO_NO_ASAN static void begin_switch(struct coroutine *from, struct coroutine *to,
                                     enum coroutine_action action)
{
#ifdef AIO_ASAN
    __sanitizer_start_switch_fiber(action == COROUTINE_RETURN ? NULL : &from->fake_stack,
                                   to->stack_bottom, to->stack_size);
#endif
#ifdef MORTISE_TSAN
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
    (void)from, (void)to, (void)action;
}

AIO_NO_ASAN enum coroutine_action coroutine_switch_any(struct coroutine *from, struct coroutine *to,
                                                       enum coroutine_action action)
{
    begin_switch(from, to, action);
#ifdef COROUTINE_HAVE_ASM
    if (coroutine_backend == COROUTINE_NATIVE) {
        action = (enum coroutine_action)coroutine_switch_asm(&from->sp, to->sp, (long)action);
        finish_switch(from);
        return action;
    }
#endif
    set_ucontext_action(action);
    swapcontext(from->uc, to->uc);
    finish_switch(from);
    return get_ucontext_action();
}

AIO_NO_ASAN void coroutine_main(struct coroutine *self)
{
    finish_switch(self);
    for (;;) {
        self->entry(self->opaque);
        coroutine_end(self);
    }
}

/* makecontext passes ints. */
AIO_NO_ASAN static coroutine_fn void ucontext_start(unsigned low, unsigned high)
{
    coroutine_main((struct coroutine *)((uintptr_t)high << 32 | low));
}

static void prepare_sanitizer(struct coroutine *co)
{
#ifdef MORTISE_TSAN
    co->fiber = co->stack ? __tsan_create_fiber(0) : __tsan_get_current_fiber();
#endif
#ifdef AIO_ASAN
    if (co->stack) {
        co->stack_bottom = co->stack;
        co->stack_size = COROUTINE_STACK_SIZE;
    } else {
        pthread_attr_t attr;
        void *bottom = NULL;

        if (pthread_getattr_np(pthread_self(), &attr) == 0) {
            pthread_attr_getstack(&attr, &bottom, &co->stack_size);
            pthread_attr_destroy(&attr);
        }
        co->stack_bottom = bottom;
    }
#endif
    (void)co;
}

void coroutine_prepare(struct coroutine *co)
{
    prepare_sanitizer(co);
#ifdef COROUTINE_HAVE_ASM
    if (coroutine_backend == COROUTINE_NATIVE) {
        co->sp = coroutine_prepare_asm((char *)co->stack + COROUTINE_STACK_SIZE, co);
        return;
    }
#endif
    ucontext_t *uc = aio_alloc(sizeof(*uc));
    uintptr_t self = (uintptr_t)co;

    co->uc = uc;
    (void)getcontext(uc);
    uc->uc_stack.ss_sp = co->stack;
    uc->uc_stack.ss_size = COROUTINE_STACK_SIZE;
    uc->uc_link = NULL;
    makecontext(uc, (void (*)(void))ucontext_start, 2, (unsigned)self, (unsigned)(self >> 32));
}

void coroutine_prepare_thread(struct coroutine *leader)
{
    prepare_sanitizer(leader);
    if (coroutine_backend == COROUTINE_UCONTEXT) {
        leader->uc = &ucontext_leader;
    }
}

void coroutine_unprepare(struct coroutine *co)
{
#ifdef MORTISE_TSAN
    if (co->stack) {
        __tsan_destroy_fiber(co->fiber);
    }
#endif
    free(co->uc);
    co->uc = NULL;
}
