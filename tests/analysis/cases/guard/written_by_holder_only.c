/* An atomic that everybody reads and only who holds the lock writes; and a
 * field of a loop that is touched only by who holds the loop. */
#include <pthread.h>
#include <stdatomic.h>

#include "contracts.h"

struct CONTRACT("capability:loop") loop {
    pthread_mutex_t lock, names;
    atomic_uint version CONTRACT("write_guarded_by:&lock");
    unsigned rounds CONTRACT("guarded_by:$this");
};

unsigned loop_version(struct loop *loop);
void loop_change(struct loop *loop);
void loop_round(struct loop *loop) REQUIRES(loop);
#ifdef FAULTY
void loop_turn(struct loop *loop);
#else
void loop_turn(struct loop *loop) REQUIRES(loop);
#endif

unsigned loop_version(struct loop *loop)
{
    return atomic_load(&loop->version);
}

void loop_change(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
#ifndef FAULTY
    atomic_fetch_add(&loop->version, 1);
#endif
    pthread_mutex_unlock(&loop->lock);
#ifdef FAULTY
    atomic_fetch_add(&loop->version, 1); /* expect: missing-guard @version */
#endif
}

void loop_round(struct loop *loop)
{
    loop->rounds++;
}

void loop_turn(struct loop *loop)
{
    loop->rounds++; /* expect: missing-guard @rounds */
}
