/* Two locks are taken against the declared order. */
/* expect: 'bql' must be acquired before 'mmap_lock_cap' */
#include "account.h"

void act(struct account *a)
{
    (void)a;
    mmap_lock();
    bql_lock();
    bql_unlock();
    mmap_unlock();
}
