/* A function that takes a lock itself is called with it held. */
/* expect: cannot call function 'flush' while mmap_lock 'mmap_lock_cap' is held */
#include "account.h"

void act(struct account *a)
{
    (void)a;
    mmap_lock();
    flush();
    mmap_unlock();
}
