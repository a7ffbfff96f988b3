/* A lock-free stack that any thread or signal handler pushes on and one thread
 * empties: ck's, with what TSan needs to be told, since it does not see into
 * ck's assembly. A push releases what the pusher did before; taking acquires
 * it. An element is pushed again only after it was taken. */
#ifndef MORTISE_AIO_STACK_H
#define MORTISE_AIO_STACK_H

#include <ck_pr.h>
#include <ck_stack.h>
#include <stdbool.h>

#include "base/tsan.h"

static inline void aio_stack_push(ck_stack_t *stack, ck_stack_entry_t *entry)
{
    tsan_release(stack);
    /* ck writes the link after the release that TSan knows, before its own. */
    tsan_ignore_writes_begin();
    ck_stack_push_upmc(stack, entry);
    tsan_ignore_writes_end();
}

static inline bool aio_stack_empty(ck_stack_t *stack)
{
    return ck_pr_load_ptr(&stack->head) == NULL;
}

/* All elements, newest first, for looking only: the one thread that takes may
 * walk them, others may be pushed meanwhile. */
static inline ck_stack_entry_t *aio_stack_peek(ck_stack_t *stack)
{
    ck_stack_entry_t *entry = ck_pr_load_ptr(&stack->head);

    tsan_acquire(stack);
    return entry;
}

/* Takes all elements, oldest first. */
static inline ck_stack_entry_t *aio_stack_take(ck_stack_t *stack)
{
    ck_stack_entry_t *entry, *next, *oldest = NULL;

    if (aio_stack_empty(stack)) {
        return NULL;
    }
    entry = ck_stack_batch_pop_upmc(stack);
    tsan_acquire(stack);
    for (; entry; entry = next) {
        next = entry->next;
        entry->next = oldest;
        oldest = entry;
    }
    return oldest;
}

#endif
