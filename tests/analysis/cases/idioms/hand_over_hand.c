/* A sorted list with a lock in each node: the next node's lock is taken
 * before this one's is dropped, always from front to back. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

struct node {
    pthread_mutex_t lock;
    struct node *next GUARDED_BY(lock);
    struct node *previous GUARDED_BY(lock);
    int key;
};

int list_contains(struct node *head, int key);
int node_unlink(struct node *node);

int list_contains(struct node *head, int key)
{
    struct node *node = head;
    struct node *next;
    int found = 0;

    pthread_mutex_lock(&node->lock); /* expect-note: lock-order */
    while (!found && node->next != NULL) {
        next = node->next;
        pthread_mutex_lock(&next->lock); /* expect-any: lock-order */
        pthread_mutex_unlock(&node->lock);
        node = next;
        found = node->key == key;
    }
    pthread_mutex_unlock(&node->lock);
    return found;
}

/* Nodes are never freed while the list lives. */
int node_unlink(struct node *node)
{
    struct node *previous;
    int done = 0;

    pthread_mutex_lock(&node->lock); /* expect-note: lock-order */
    previous = node->previous;
#ifdef FAULTY
    pthread_mutex_lock(&previous->lock); /* expect-any: lock-order */
    previous->next = node->next;
    done = 1;
    pthread_mutex_unlock(&previous->lock);
#else
    if (pthread_mutex_trylock(&previous->lock) == 0) {
        previous->next = node->next;
        done = 1;
        pthread_mutex_unlock(&previous->lock);
    }
#endif
    pthread_mutex_unlock(&node->lock);
    return done;
}
