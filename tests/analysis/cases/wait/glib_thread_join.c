/* The same with glib: the thread's function is an argument of
 * g_thread_new. */
/* needs: glib-2.0 */
#include <glib.h>

#include "contracts.h"

struct indexer {
    GMutex lock;
    guint files GUARDED_BY(lock);
    GThread *thread OWNED_BY("who started it");
};

void indexer_start(struct indexer *indexer);
guint indexer_finish(struct indexer *indexer);

static gpointer indexer_main(gpointer opaque)
{
    struct indexer *indexer = opaque;

    g_mutex_lock(&indexer->lock); /* expect-note: wait */
    indexer->files++;
    g_mutex_unlock(&indexer->lock);
    return NULL;
}

void indexer_start(struct indexer *indexer)
{
    indexer->thread = g_thread_new("indexer", indexer_main, indexer);
}

guint indexer_finish(struct indexer *indexer)
{
    guint files;

    g_mutex_lock(&indexer->lock); /* expect-note: wait */
#ifdef FAULTY
    g_thread_join(indexer->thread); /* expect: wait */
#endif
    files = indexer->files;
    g_mutex_unlock(&indexer->lock);
#ifndef FAULTY
    g_thread_join(indexer->thread);
#endif
    return files;
}
