/* A reader that waits for all readers waits for itself. */
/* needs: liburcu */
#include <stdlib.h>
#include <urcu.h>

#include "contracts.h"

struct limits {
    int connections;
};

static struct limits *limits RCU_PROTECTED;
static pthread_mutex_t update_lock = PTHREAD_MUTEX_INITIALIZER;

int limits_get(void);
void limits_double(void);

int limits_get(void)
{
    struct limits *current;
    int connections = 0;

    rcu_read_lock();
    current = rcu_dereference(limits);
    if (current != NULL) {
        connections = current->connections;
    }
    rcu_read_unlock();
    return connections;
}

void limits_double(void)
{
    struct limits *old;
    struct limits *next = malloc(sizeof(*next));

    if (next == NULL) {
        return;
    }
    pthread_mutex_lock(&update_lock);
    rcu_read_lock(); /* expect-note: rcu */
    old = rcu_dereference(limits);
    next->connections = old != NULL ? 2 * old->connections : 1;
    rcu_assign_pointer(limits, next);
#ifdef FAULTY
    synchronize_rcu(); /* expect: rcu */
    rcu_read_unlock();
#else
    rcu_read_unlock();
    synchronize_rcu();
#endif
    pthread_mutex_unlock(&update_lock);
    free(old);
}
