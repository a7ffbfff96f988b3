/* Two locks are taken against the declared order. */
/* expect: 'bql' must be acquired before 'region_lock_cap' */
#include "account.h"

void act(struct account *a)
{
    (void)a;
    region_lock();
    bql_lock();
    bql_unlock();
    region_unlock();
}
