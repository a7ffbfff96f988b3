/* A function is called without the lock that it requires. */
/* expect: calling function 'add_mapping' requires holding mmap_lock */
#include "account.h"

void act(struct account *a)
{
    (void)a;
    add_mapping();
}
