/* Directories are of one class. Parents are locked before their children,
 * except where an entry is moved up. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

struct directory {
    pthread_mutex_t lock;
    struct directory *parent;
    struct directory *first_child;
    int entries GUARDED_BY(lock);
};

void directory_sink(struct directory *directory);
void directory_lift(struct directory *directory);

void directory_sink(struct directory *directory)
{
    struct directory *child = directory->first_child;

    if (child == NULL) {
        return;
    }
    pthread_mutex_lock(&directory->lock); /* expect-note: lock-order */
    pthread_mutex_lock(&child->lock);     /* expect-any: lock-order */
    directory->entries--;
    child->entries++;
    pthread_mutex_unlock(&child->lock);
    pthread_mutex_unlock(&directory->lock);
}

void directory_lift(struct directory *directory)
{
    struct directory *parent = directory->parent;

    pthread_mutex_lock(&directory->lock); /* expect-note: lock-order */
    directory->entries--;
#ifdef FAULTY
    pthread_mutex_lock(&parent->lock); /* expect-any: lock-order */
    parent->entries++;
    pthread_mutex_unlock(&parent->lock);
    pthread_mutex_unlock(&directory->lock);
#else
    pthread_mutex_unlock(&directory->lock);
    pthread_mutex_lock(&parent->lock);
    parent->entries++;
    pthread_mutex_unlock(&parent->lock);
#endif
}
