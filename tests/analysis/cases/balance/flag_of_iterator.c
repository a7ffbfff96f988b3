/* An iterator returns with the bucket that it is at locked, keeps that in mind
 * in a flag, and unlocks it the next time. */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum { BUCKETS = 64 };

struct node {
    struct node *next;
};

struct iterator {
    size_t bucket;
    struct node *next;
    bool locked;
};

static pthread_mutex_t bucket_locks[BUCKETS];
static struct node *buckets[BUCKETS];

bool iterate(struct iterator *iterator, struct node **node);

bool iterate(struct iterator *iterator, struct node **node)
{
    *node = NULL;
    if (iterator->locked) {
        if (iterator->next) {
            *node = iterator->next;
            iterator->next = iterator->next->next;
        } else {
            pthread_mutex_unlock(&bucket_locks[iterator->bucket]); /* expect: double-release */
            iterator->bucket++;
            iterator->locked = false;
        }
        return true; /* expect-note: double-release */
    }
    if (iterator->bucket == BUCKETS) {
        return false;
    }
    pthread_mutex_lock(&bucket_locks[iterator->bucket]); /* expect-note: balance */
#ifndef FAULTY
    iterator->locked = true;
#endif
    if (buckets[iterator->bucket]) {
        *node = buckets[iterator->bucket];
        iterator->next = (*node)->next;
    } else {
        pthread_mutex_unlock(&bucket_locks[iterator->bucket]);
        iterator->locked = false;
        iterator->bucket++;
    }
    return true; /* expect: balance */
}
