/* Two locks are taken against the declared order. */
/* expect: 'page_lock_cap' must be acquired before 'region_lock_cap' */
#include "account.h"

void act(struct account *a)
{
    (void)a;
    region_lock();
    page_lock(1);
    page_unlock(1);
    region_unlock();
}
