/* A guarded field is written with another lock of its object. (Which object a
 * lock is in, clang 19 does not see in C; see docs/locking.md.) */
/* expect: writing variable 'balance' requires holding mutex */
#include "account.h"

void act(struct account *a)
{
    spinlock_lock(&a->spin);
    a->balance = 1;
    spinlock_unlock(&a->spin);
}
