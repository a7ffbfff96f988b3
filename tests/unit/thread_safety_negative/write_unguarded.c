/* A guarded field is written after its lock was released. */
/* expect: writing variable 'balance' requires holding mutex */
#include "account.h"

void act(struct account *a)
{
    mutex_lock(&a->lock);
    mutex_unlock(&a->lock);
    a->balance = 1;
}
