/* One way out of the function leaves the read section open. */
/* expect: rcu 'rcu_cap' is not held on every path through here */
#include "rcu/pointer.h"

static int *published RCU_PROTECTED;

int act(void)
{
    int value = 0;

    rcu_read_lock();
    if (rcu_dereference(published)) {
        value = *rcu_dereference(published);
        rcu_read_unlock();
    }
    return value;
}
