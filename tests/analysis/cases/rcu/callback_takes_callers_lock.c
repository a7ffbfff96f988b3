/* An RCU callback's lock and rcu_barrier under the same lock: the barrier
 * waits for the callback, the callback for the lock. */
/* needs: liburcu */
#include <stdlib.h>
#include <urcu.h>

#include "contracts.h"

struct entry {
    struct rcu_head rcu;
    int size;
};

static pthread_mutex_t memory_lock = PTHREAD_MUTEX_INITIALIZER;
static long memory_used GUARDED_BY(memory_lock);

void entry_discard(struct entry *entry);
long memory_drain(void);

static void entry_reclaim(struct rcu_head *head)
{
    struct entry *entry = caa_container_of(head, struct entry, rcu);

    pthread_mutex_lock(&memory_lock); /* expect-note: wait */
    memory_used -= entry->size;
    pthread_mutex_unlock(&memory_lock);
    free(entry);
}

void entry_discard(struct entry *entry)
{
    call_rcu(&entry->rcu, entry_reclaim);
}

long memory_drain(void)
{
    long used;

#ifdef FAULTY
    pthread_mutex_lock(&memory_lock); /* expect-note: wait */
    rcu_barrier();                    /* expect: wait */
#else
    rcu_barrier();
    pthread_mutex_lock(&memory_lock);
#endif
    used = memory_used;
    pthread_mutex_unlock(&memory_lock);
    return used;
}
