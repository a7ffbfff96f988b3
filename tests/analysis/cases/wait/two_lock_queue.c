/* A queue with a lock at each end: the consumer waits at its own end and may
 * not have the other one. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

struct entry {
    struct entry *next;
};

struct queue {
    pthread_mutex_t head_lock;
    pthread_mutex_t tail_lock;
    pthread_cond_t filled;
    struct entry *head GUARDED_BY(head_lock);
    struct entry *tail GUARDED_BY(tail_lock);
    int count GUARDED_BY(head_lock);
};

void queue_put(struct queue *queue, struct entry *entry);
struct entry *queue_get(struct queue *queue);

void queue_put(struct queue *queue, struct entry *entry)
{
    pthread_mutex_lock(&queue->tail_lock);
    queue->tail = entry;
    pthread_mutex_unlock(&queue->tail_lock);
    pthread_mutex_lock(&queue->head_lock);
    if (queue->head == NULL) {
        queue->head = entry;
    }
    queue->count++;
    pthread_cond_signal(&queue->filled);
    pthread_mutex_unlock(&queue->head_lock);
}

struct entry *queue_get(struct queue *queue)
{
    struct entry *entry;

#ifdef FAULTY
    pthread_mutex_lock(&queue->tail_lock); /* expect-note: wait */
#endif
    pthread_mutex_lock(&queue->head_lock);
    while (queue->count == 0) {
        pthread_cond_wait(&queue->filled, &queue->head_lock); /* expect: wait */
    }
    queue->count--;
    entry = queue->head;
    queue->head = entry->next;
    pthread_mutex_unlock(&queue->head_lock);
#ifdef FAULTY
    if (entry->next == NULL) {
        queue->tail = NULL;
    }
    pthread_mutex_unlock(&queue->tail_lock);
#endif
    return entry;
}
