/* A lock is not released on an early return. */
/* expect: is not held on every path through here */
#include "account.h"

void act(struct account *a)
{
    mutex_lock(&a->lock);
    if (a->balance) {
        return;
    }
    mutex_unlock(&a->lock);
}
