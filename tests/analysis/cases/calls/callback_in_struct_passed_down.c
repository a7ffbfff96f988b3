/* Callbacks in a struct that is filled on the stack and handed down. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

static pthread_mutex_t mount_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t label_lock = PTHREAD_MUTEX_INITIALIZER;
static int mounts GUARDED_BY(mount_lock);
static int labels GUARDED_BY(label_lock);

struct walk {
    int (*enter)(struct walk *walk, int depth);
    int (*leave)(struct walk *walk, int depth);
    int visited;
};

static int walk_tree(struct walk *walk, int depth)
{
    int result = walk->enter(walk, depth);

    if (result == 0 && depth > 0) {
        result = walk_tree(walk, depth - 1); /* recursion: the graph has a cycle of calls */
    }
    if (walk->leave != NULL) {
        walk->leave(walk, depth);
    }
    return result;
}

static int count_label(struct walk *walk, int depth)
{
    (void)depth;
    pthread_mutex_lock(&label_lock); /* expect-note: lock-order */
    labels++;
    walk->visited++;
    pthread_mutex_unlock(&label_lock);
    return 0;
}

int mounts_relabel(void);
void label_drop(void);

int mounts_relabel(void)
{
    struct walk walk = {.enter = count_label};
    int result;

    pthread_mutex_lock(&mount_lock);   /* expect-note: lock-order */
    result = walk_tree(&walk, mounts); /* expect-any: lock-order */
    pthread_mutex_unlock(&mount_lock);
    return result;
}

void label_drop(void)
{
    pthread_mutex_lock(&label_lock); /* expect-note: lock-order */
    labels = 0;
#ifdef FAULTY
    pthread_mutex_lock(&mount_lock); /* expect-any: lock-order */
    mounts--;
    pthread_mutex_unlock(&mount_lock);
#endif
    pthread_mutex_unlock(&label_lock);
}
