/* A reader of a rwlock writes. */
/* expect: writing variable 'table' requires holding rwlock '&account::table_lock' exclusively */
#include "account.h"

void act(struct account *a)
{
    rwlock_read_lock(&a->table_lock);
    a->table++;
    rwlock_read_unlock(&a->table_lock);
}
