/* A condition is waited for without its mutex. */
/* expect: requires holding mutex 'a->lock' exclusively */
#include "account.h"

void act(struct account *a)
{
    cond_wait(&a->changed, &a->lock);
}
