/* What a guarded pointer points to is written without the lock. */
/* expect: writing the value pointed to by 'history' requires holding mutex */
#include "account.h"

void act(struct account *a)
{
    *a->history = 1;
}
