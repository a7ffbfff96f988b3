/* A callback parameter has a contract too. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

struct tree {
    pthread_rwlock_t lock;
    int values[16] GUARDED_BY(lock);
};

void tree_each(struct tree *tree, void (*visit)(struct tree *tree, size_t at) REQUIRES(tree->lock));

void tree_each(struct tree *tree, void (*visit)(struct tree *tree, size_t at) REQUIRES(tree->lock))
{
#ifndef FAULTY
    pthread_rwlock_wrlock(&tree->lock);
#endif
    for (size_t i = 0; i < 16; i++) {
        visit(tree, i); /* expect: contract */
    }
#ifndef FAULTY
    pthread_rwlock_unlock(&tree->lock);
#endif
}
