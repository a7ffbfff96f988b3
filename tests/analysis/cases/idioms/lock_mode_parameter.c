/* One function takes the lock for reading or for writing, as it is told. */
#include <pthread.h>
#include <stdbool.h>

#include "contracts.h"

struct registry {
    pthread_rwlock_t lock;
    int keys GUARDED_BY(lock);
};

int registry_keys(struct registry *registry);
void registry_clear(struct registry *registry);

static void registry_lock(struct registry *registry, bool write)
{
    if (write) {
        pthread_rwlock_wrlock(&registry->lock);
    } else {
        pthread_rwlock_rdlock(&registry->lock);
    }
}

int registry_keys(struct registry *registry)
{
    int keys;

    registry_lock(registry, false);
    keys = registry->keys;
    pthread_rwlock_unlock(&registry->lock);
    return keys;
}

void registry_clear(struct registry *registry)
{
#ifdef FAULTY
    registry_lock(registry, false);
#else
    registry_lock(registry, true);
#endif
    registry->keys = 0; /* expect: missing-guard */
    pthread_rwlock_unlock(&registry->lock);
}
