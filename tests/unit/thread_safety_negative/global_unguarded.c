/* A guarded global is written without its lock. */
/* expect: writing variable 'global' requires holding mutex */
#include "account.h"

void act(struct account *a)
{
    (void)a;
    global = 1;
}
