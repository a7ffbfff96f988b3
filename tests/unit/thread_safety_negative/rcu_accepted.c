/* Correct uses of RCU: the analysis has nothing to say. */
#include "rcu/list.h"

struct item {
    int value;
    struct rcu_list link;
};

static struct rcu_list items = RCU_LIST_INIT(items);
static int *published RCU_PROTECTED;

static int sum(void) REQUIRES_SHARED(rcu_cap)
{
    int total = *rcu_dereference(published);

    RCU_LIST_FOREACH (struct item, item, &items, link) {
        total += item->value;
    }
    return total;
}

int act(void);
int act(void)
{
    int total;

    rcu_read_lock();
    total = sum();
    rcu_read_unlock();
    synchronize_rcu();
    rcu_barrier();
    return total;
}
