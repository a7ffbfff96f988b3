/* A lock is still held at the end of the function. */
/* expect: is still held at the end of function */
#include "account.h"

void act(struct account *a)
{
    spinlock_lock(&a->spin);
    a->spins++;
}
