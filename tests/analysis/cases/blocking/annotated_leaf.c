/* The project's own functions say that they block; who calls them is found
 * out. */
#include <pthread.h>

#include "contracts.h"

struct dma {
    pthread_spinlock_t lock;
    int busy GUARDED_BY(lock);
};

void firmware_call(int command) MAY_BLOCK;
void dma_reset(struct dma *dma);

static void dma_stop_engine(void)
{
    firmware_call(7); /* expect-note: blocking */
}

void dma_reset(struct dma *dma)
{
#ifdef FAULTY
    pthread_spin_lock(&dma->lock); /* expect-note: blocking */
    dma->busy = 0;
    dma_stop_engine(); /* expect: blocking */
    pthread_spin_unlock(&dma->lock);
#else
    dma_stop_engine();
    pthread_spin_lock(&dma->lock);
    dma->busy = 0;
    pthread_spin_unlock(&dma->lock);
#endif
}
