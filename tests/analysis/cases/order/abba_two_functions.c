/* A mail store: delivery takes the mailbox and then the quota, the quota's
 * recount the other way round. */
#include <pthread.h>

#include "contracts.h"

static pthread_mutex_t mailbox_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t quota_lock = PTHREAD_MUTEX_INITIALIZER;
static long messages GUARDED_BY(mailbox_lock);
static long quota_used GUARDED_BY(quota_lock);

void mailbox_deliver(long size);
void quota_recount(long per_message);

void mailbox_deliver(long size)
{
    pthread_mutex_lock(&mailbox_lock); /* expect-note: lock-order */
    messages++;
    pthread_mutex_lock(&quota_lock); /* expect-any: lock-order */
    quota_used += size;
    pthread_mutex_unlock(&quota_lock);
    pthread_mutex_unlock(&mailbox_lock);
}

void quota_recount(long per_message)
{
#ifdef FAULTY
    pthread_mutex_lock(&quota_lock);   /* expect-note: lock-order */
    pthread_mutex_lock(&mailbox_lock); /* expect-any: lock-order */
#else
    pthread_mutex_lock(&mailbox_lock);
    pthread_mutex_lock(&quota_lock);
#endif
    quota_used = messages * per_message;
    pthread_mutex_unlock(&mailbox_lock);
    pthread_mutex_unlock(&quota_lock);
}
