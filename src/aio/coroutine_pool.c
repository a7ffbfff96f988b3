/* Coroutines that have returned, kept with their stacks. Each thread has some
 * for itself, without a lock; what it has too many or lacks goes to and comes
 * from a pool of all, in batches. A thread gives up its own when it ends. */
#include <pthread.h>
#include <stdlib.h>

#include "aio/context.h"
#include "aio/coroutine_impl.h"
#include "locks/fork.h"
#include "locks/once.h"

#define BATCH (COROUTINE_POOL_THREAD / 2)

LOCK_CLASS_DEFINE(coroutine_pool_class, RANK_LEAF);
static struct mutex pool_lock = MUTEX_INIT(&coroutine_pool_class);
static struct coroutine *pool GUARDED_BY(&pool_lock);
static unsigned pool_count GUARDED_BY(&pool_lock);

static _Thread_local struct coroutine *own;
static _Thread_local unsigned own_count;
static _Thread_local bool exit_watched;

void coroutine_hold_lock_across_fork(void)
{
    locks_fork_add_mutex(&pool_lock);
}

static pthread_key_t exit_key;
static struct once exit_once = ONCE_INIT;

/* Hands `count` of the thread's own to all. */
static void give(unsigned count)
{
    struct coroutine *surplus = NULL;

    mutex_lock(&pool_lock);
    for (; count > 0; count--) {
        struct coroutine *co = own;

        own = co->pool_next;
        own_count--;
        if (pool_count < COROUTINE_POOL_SHARED) {
            co->pool_next = pool;
            pool = co;
            pool_count++;
        } else {
            co->pool_next = surplus;
            surplus = co;
        }
    }
    mutex_unlock(&pool_lock);
    while (surplus) {
        struct coroutine *co = surplus;

        surplus = co->pool_next;
        coroutine_free(co);
    }
}

static void take(void)
{
    mutex_lock(&pool_lock);
    for (unsigned i = 0; i < BATCH && pool; i++) {
        struct coroutine *co = pool;

        pool = co->pool_next;
        pool_count--;
        co->pool_next = own;
        own = co;
        own_count++;
    }
    mutex_unlock(&pool_lock);
}

static void thread_ends(void *unused)
{
    (void)unused;
    give(own_count);
    exit_watched = false;
}

static void make_exit_key(void)
{
    if (pthread_key_create(&exit_key, thread_ends) != 0) {
        aio_bug("coroutines: cannot watch threads' ends");
    }
}

struct coroutine *coroutine_pool_get(void)
{
    struct coroutine *co;

    if (!own) {
        take();
    }
    co = own;
    if (!co) {
        return coroutine_alloc();
    }
    own = co->pool_next;
    own_count--;
    return co;
}

void coroutine_pool_put(struct coroutine *co)
{
    if (!exit_watched) {
        once_run(&exit_once, make_exit_key);
        exit_watched = pthread_setspecific(exit_key, &own) == 0;
    }
    if (own_count == COROUTINE_POOL_THREAD) {
        give(BATCH);
    }
    co->pool_next = own;
    own = co;
    own_count++;
}
