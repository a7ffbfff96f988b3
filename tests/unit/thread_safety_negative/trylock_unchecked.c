/* A trylock is taken to have succeeded. */
/* expect: writing variable 'balance' requires holding mutex */
#include "account.h"

void act(struct account *a)
{
    bool locked = mutex_trylock(&a->lock);

    a->balance = 1;
    if (locked) {
        mutex_unlock(&a->lock);
    }
}
