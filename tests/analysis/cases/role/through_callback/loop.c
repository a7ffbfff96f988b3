#include <pthread.h>
#include <stddef.h>

#include "loop.h"

struct item {
    work_function *work;
    void *opaque;
};

#define DEPTH 32

struct mailbox {
    pthread_mutex_t lock;
    struct item items[DEPTH] GUARDED_BY(lock);
    size_t count GUARDED_BY(lock);
};

static struct mailbox loop_box = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct mailbox pool_box = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void mailbox_put(struct mailbox *box, struct item item)
{
    pthread_mutex_lock(&box->lock);
    if (box->count < DEPTH) {
        box->items[box->count] = item;
        box->count++;
    }
    pthread_mutex_unlock(&box->lock);
}

void loop_post(work_function *work, void *opaque)
{
    mailbox_put(&loop_box, (struct item){work, opaque});
}

void pool_submit(work_function *work, void *opaque)
{
    mailbox_put(&pool_box, (struct item){work, opaque});
}
