/* A published pointer is followed outside a read section. */
/* expect: calling function 'rcu_require_read_held' requires holding rcu 'rcu_cap' */
#include "rcu/pointer.h"

static int *published RCU_PROTECTED;

int act(void)
{
    return *rcu_dereference(published);
}
