/* A lock is released that is not held. */
/* expect: releasing mutex 'a->lock' that was not held */
#include "account.h"

void act(struct account *a)
{
    mutex_unlock(&a->lock);
}
