/* The lock is dropped around each callback, and the walk starts over. */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "contracts.h"

struct subscriber {
    struct subscriber *next;
    bool pending;
    void (*notify)(struct subscriber *subscriber);
};

struct topic {
    pthread_mutex_t lock;
    struct subscriber *head GUARDED_BY(lock);
    long published GUARDED_BY(lock);
};

static struct topic news = {.lock = PTHREAD_MUTEX_INITIALIZER};

void news_publish(void);
void news_subscribe(struct subscriber *subscriber);
void reader_start(struct subscriber *subscriber);

void news_subscribe(struct subscriber *subscriber)
{
    pthread_mutex_lock(&news.lock); /* expect-note: self-deadlock */
    subscriber->next = news.head;
    news.head = subscriber;
    pthread_mutex_unlock(&news.lock);
}

void news_publish(void)
{
    struct subscriber *s;

    pthread_mutex_lock(&news.lock); /* expect-note: self-deadlock */
    news.published++;
again:
    for (s = news.head; s != NULL; s = s->next) {
        if (s->pending) {
            s->pending = false;
#ifdef FAULTY
            s->notify(s); /* expect: self-deadlock */
#else
            pthread_mutex_unlock(&news.lock);
            s->notify(s);
            pthread_mutex_lock(&news.lock);
#endif
            goto again;
        }
    }
    pthread_mutex_unlock(&news.lock);
}

/* One piece of news is enough for today: back in the queue. */
static void read_and_requeue(struct subscriber *subscriber)
{
    news_subscribe(subscriber); /* expect-note: self-deadlock */
}

void reader_start(struct subscriber *subscriber)
{
    subscriber->notify = read_and_requeue;
    news_subscribe(subscriber);
}
