/* A pointer is read as by an updater, who needs no section: he has the lock that
 * keeps other updaters out. Whoever only reads it so may meet freed memory. */
#include <pthread.h>
#include <stdlib.h>

#include "contracts.h"

#define my_assign_pointer(p, v)      __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)
#define my_dereference_locked(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)

struct config {
    int level;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct config *current RCU_PROTECTED;

void config_set(int level);
void config_set(int level)
{
    struct config *fresh = malloc(sizeof(*fresh));

    if (fresh != NULL) {
        fresh->level = level;
        pthread_mutex_lock(&lock);
        my_assign_pointer(current, fresh);
        pthread_mutex_unlock(&lock);
    }
}

int config_level(void);
int config_level(void)
{
    int level;

#ifndef FAULTY
    pthread_mutex_lock(&lock);
#endif
    const struct config *config = my_dereference_locked(current); /* expect: rcu */

    level = config ? config->level : 0;
#ifndef FAULTY
    pthread_mutex_unlock(&lock);
#endif
    return level;
}
