/* The updater waits for readers while it holds a lock that readers take. */
/* needs: liburcu */
#include <stdlib.h>
#include <urcu.h>

#include "contracts.h"

struct rule {
    int hits;
};

static pthread_mutex_t hits_lock = PTHREAD_MUTEX_INITIALIZER;
static long total_hits GUARDED_BY(hits_lock);
static struct rule *rule RCU_PROTECTED;

void rule_match(void);
void rule_replace(struct rule *next);

void rule_match(void)
{
    struct rule *current;

    rcu_read_lock(); /* expect-note: lock-order */
    current = rcu_dereference(rule);
    if (current != NULL) {
        pthread_mutex_lock(&hits_lock); /* expect-any: lock-order */
        total_hits++;
        pthread_mutex_unlock(&hits_lock);
    }
    rcu_read_unlock();
}

void rule_replace(struct rule *next)
{
    struct rule *old;

    pthread_mutex_lock(&hits_lock); /* expect-note: lock-order */
    total_hits = 0;
    old = rcu_xchg_pointer(&rule, next);
#ifdef FAULTY
    synchronize_rcu(); /* expect-any: lock-order */
    pthread_mutex_unlock(&hits_lock);
#else
    pthread_mutex_unlock(&hits_lock);
    synchronize_rcu();
#endif
    free(old);
}
