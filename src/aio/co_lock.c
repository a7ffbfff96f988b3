/* A co-mutex is handed over: who unlocks makes the first of those that wait the
 * holder, and wakes it. So it is never free while somebody waits, and nobody
 * overtakes. The spinlock is held for a few instructions, never across a
 * yield. A waiter puts itself on the list before it yields; it may be woken in
 * between, by another thread, and is entered after the yield, because on the
 * same home thread (aio_co.c).
 *
 * Why clang's analysis is off in functions here: they are the capability, as
 * those of src/locks are. co_mutex_lock, trylock and unlock acquire and release
 * it by what they store in m->holder, which clang cannot connect with the
 * attributes on their prototypes; co_queue_wait gives it up and takes it again
 * inside, through those. What they share is still locked: m->holder, first and
 * last are touched only between spinlock_lock and spinlock_unlock of m->lock,
 * but in co_mutex_init, when nobody else knows m; a co_queue's list is touched
 * by co_queue_wait before it unlocks m. */
#include "aio/co_lock.h"

#include <stddef.h>

#include "aio/aio_co.h"
#include "aio/context.h"
#include "aio/coroutine_impl.h"

LOCK_CLASS_DEFINE(co_mutex_class, RANK_LEAF);

/* On the stack of who waits. */
struct co_waiter {
    struct coroutine *co;
    struct co_waiter *next;
};

static void append(struct co_waiter **first, struct co_waiter **last, struct co_waiter *w)
{
    w->next = NULL;
    if (*first) {
        (*last)->next = w;
    } else {
        *first = w;
    }
    *last = w;
}

static struct coroutine *running(const char *doing)
{
    struct coroutine *self = coroutine_self();

    if (!self) {
        aio_bug("%s outside of a coroutine", doing);
    }
    return self;
}

void co_mutex_init(struct co_mutex *m PRIVATE_OBJECT) NO_THREAD_SAFETY_ANALYSIS
{
    spinlock_init(&m->lock, &co_mutex_class);
    m->holder = NULL;
    m->first = m->last = NULL;
}

void co_mutex_destroy(struct co_mutex *m)
{
    struct coroutine *holder;

    spinlock_lock(&m->lock);
    holder = m->holder;
    spinlock_unlock(&m->lock);
    if (holder) {
        aio_bug("co_mutex_destroy: the lock is held");
    }
}

void co_mutex_lock(struct co_mutex *m) NO_THREAD_SAFETY_ANALYSIS
{
    struct coroutine *self = running("co_mutex_lock");
    struct co_waiter w = {.co = self};
    struct coroutine *holder;

    spinlock_lock(&m->lock);
    holder = m->holder;
    if (!holder) {
        m->holder = self;
    } else if (holder != self) {
        append(&m->first, &m->last, &w);
    }
    spinlock_unlock(&m->lock);
    if (holder == self) {
        aio_bug("co_mutex_lock by the coroutine that holds it");
    }
    if (holder) {
        coroutine_yield(); /* the lock is ours when we are woken */
    }
    self->co_mutexes++;
}

bool co_mutex_trylock(struct co_mutex *m) NO_THREAD_SAFETY_ANALYSIS
{
    struct coroutine *self = running("co_mutex_trylock");
    bool taken;

    spinlock_lock(&m->lock);
    taken = !m->holder;
    if (taken) {
        m->holder = self;
    }
    spinlock_unlock(&m->lock);
    self->co_mutexes += taken;
    return taken;
}

void co_mutex_unlock(struct co_mutex *m) NO_THREAD_SAFETY_ANALYSIS
{
    struct coroutine *self = running("co_mutex_unlock");
    struct coroutine *holder, *wake = NULL;

    spinlock_lock(&m->lock);
    holder = m->holder;
    if (holder == self) {
        struct co_waiter *w = m->first;

        if (w) {
            m->first = w->next;
            wake = w->co;
        }
        m->holder = wake;
    }
    spinlock_unlock(&m->lock);
    if (holder != self) {
        aio_bug("co_mutex_unlock by a coroutine that does not hold it");
    }
    self->co_mutexes--;
    if (wake) {
        aio_co_wake(wake);
    }
}

void co_queue_init(struct co_queue *q)
{
    q->first = q->last = NULL;
}

void co_queue_wait(struct co_queue *q, struct co_mutex *m) NO_THREAD_SAFETY_ANALYSIS
{
    struct co_waiter w = {.co = running("co_queue_wait")};

    append(&q->first, &q->last, &w);
    co_mutex_unlock(m);
    coroutine_yield();
    co_mutex_lock(m);
}

bool co_queue_next(struct co_queue *q)
{
    struct co_waiter *w = q->first;

    if (!w) {
        return false;
    }
    q->first = w->next;
    aio_co_wake(w->co);
    return true;
}

void co_queue_restart_all(struct co_queue *q)
{
    struct co_queue all = *q;

    /* Those that come to wait meanwhile are not meant. */
    co_queue_init(q);
    while (co_queue_next(&all)) {
    }
}

bool co_queue_empty(const struct co_queue *q)
{
    return !q->first;
}
