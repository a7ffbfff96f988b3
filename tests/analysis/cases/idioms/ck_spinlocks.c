/* Concurrency Kit's spinlocks, whose functions are macros for those of one
 * implementation. */
/* needs: ck */
#include <ck_spinlock.h>

#include "contracts.h"

struct tx_ring {
    ck_spinlock_t lock;
    unsigned head GUARDED_BY(lock);
};

struct completion_ring {
    ck_spinlock_t lock;
    unsigned tail GUARDED_BY(lock);
};

void ring_complete(struct tx_ring *tx, struct completion_ring *done);
void ring_kick(struct tx_ring *tx, struct completion_ring *done);

void ring_complete(struct tx_ring *tx, struct completion_ring *done)
{
    ck_spinlock_lock(&done->lock); /* expect-note: lock-order */
    done->tail++;
    ck_spinlock_lock(&tx->lock); /* expect-any: lock-order */
    tx->head--;
    ck_spinlock_unlock(&tx->lock);
    ck_spinlock_unlock(&done->lock);
}

void ring_kick(struct tx_ring *tx, struct completion_ring *done)
{
    ck_spinlock_lock(&tx->lock); /* expect-note: lock-order */
    tx->head++;
#ifdef FAULTY
    ck_spinlock_lock(&done->lock); /* expect-any: lock-order */
    done->tail = tx->head;
    ck_spinlock_unlock(&done->lock);
    ck_spinlock_unlock(&tx->lock);
#else
    ck_spinlock_unlock(&tx->lock);
    ck_spinlock_lock(&done->lock);
    done->tail++;
    ck_spinlock_unlock(&done->lock);
#endif
}
