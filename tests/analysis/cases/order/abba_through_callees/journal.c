#include "store.h"

static void journal_snapshot(struct store *store)
{
    pthread_mutex_lock(&store->lock); /* expect-note: lock-order */
    store_compact(store);
    pthread_mutex_unlock(&store->lock);
}

void journal_append(struct journal *journal, unsigned long length)
{
    pthread_mutex_lock(&journal->lock); /* expect-note: lock-order */
    journal->offset += length;
    pthread_mutex_unlock(&journal->lock);
}

void journal_rotate(struct journal *journal, struct store *store)
{
#ifdef FAULTY
    pthread_mutex_lock(&journal->lock); /* expect-note: lock-order */
    journal_snapshot(store);            /* expect-any: lock-order */
#else
    journal_snapshot(store);
    pthread_mutex_lock(&journal->lock);
#endif
    journal->offset = 0;
    pthread_mutex_unlock(&journal->lock);
}
