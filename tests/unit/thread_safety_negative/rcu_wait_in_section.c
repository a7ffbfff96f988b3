/* A read section waits for the end of all read sections. */
/* expect: cannot call function 'synchronize_rcu_at' while rcu 'rcu_cap' is held */
#include "rcu/rcu.h"

void act(void)
{
    rcu_read_lock();
    synchronize_rcu();
    rcu_read_unlock();
}
