/* A tree is walked by recursion under one lock; the visitor of leaves is
 * called at the bottom. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

struct node {
    struct node *left, *right;
    int weight;
};

struct forest {
    pthread_mutex_t lock;
    struct node *root GUARDED_BY(lock);
    int heaviest GUARDED_BY(lock);
};

int forest_weigh(struct forest *forest);

static void note_weight(struct forest *forest, int weight)
{
#ifdef FAULTY
    pthread_mutex_lock(&forest->lock); /* expect-note: self-deadlock */
#endif
    if (forest->heaviest < weight) {
        forest->heaviest = weight;
    }
#ifdef FAULTY
    pthread_mutex_unlock(&forest->lock);
#endif
}

static int weigh(struct forest *forest, const struct node *node)
{
    int weight;

    if (node == NULL) {
        return 0;
    }
    weight = node->weight + weigh(forest, node->left) + weigh(forest, node->right);
    note_weight(forest, weight); /* expect-note: self-deadlock */
    return weight;
}

int forest_weigh(struct forest *forest)
{
    int weight;

    pthread_mutex_lock(&forest->lock);    /* expect-note: self-deadlock */
    weight = weigh(forest, forest->root); /* expect: self-deadlock */
    pthread_mutex_unlock(&forest->lock);
    return weight;
}
