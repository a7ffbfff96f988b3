/* Two locks are taken against the declared order. */
/* expect: 'mmap_lock_cap' must be acquired before 'page_lock_cap' */
#include "account.h"

void act(struct account *a)
{
    (void)a;
    page_lock(1);
    mmap_lock();
    mmap_unlock();
    page_unlock(1);
}
