/* A lock is taken that is held. */
/* expect: acquiring mutex 'a->lock' that is already held */
#include "account.h"

void act(struct account *a)
{
    mutex_lock(&a->lock);
    mutex_lock(&a->lock);
    mutex_unlock(&a->lock);
}
