/* An RCU callback that waits for a grace period stops all other callbacks:
 * its thread is the one that everybody's reclamation runs on. */
/* needs: liburcu */
#include <stdlib.h>
#include <urcu.h>

#include "contracts.h"

struct index {
    struct rcu_head rcu;
    int *slots;
};

void index_retire(struct index *index);

static void slots_free(int *slots)
{
#ifdef FAULTY
    rcu_barrier(); /* expect-note: wait */
#endif
    free(slots);
}

static void index_free(struct rcu_head *head)
{
    struct index *index = caa_container_of(head, struct index, rcu);

    slots_free(index->slots); /* expect: wait */
    free(index);
}

void index_retire(struct index *index)
{
    call_rcu(&index->rcu, index_free); /* expect-note: wait */
}
