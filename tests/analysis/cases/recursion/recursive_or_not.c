/* A GRecMutex may be taken again by its holder, a GMutex may not. */
/* needs: glib-2.0 */
#include <glib.h>

#include "contracts.h"

#ifdef FAULTY
typedef GMutex document_lock;
#define document_lock_take g_mutex_lock
#define document_lock_drop g_mutex_unlock
#else
typedef GRecMutex document_lock;
#define document_lock_take g_rec_mutex_lock
#define document_lock_drop g_rec_mutex_unlock
#endif

struct document {
    document_lock lock;
    guint paragraphs GUARDED_BY(lock);
};

void document_append(struct document *document);
void document_append_pair(struct document *document);

void document_append(struct document *document)
{
    document_lock_take(&document->lock); /* expect-note: self-deadlock */
    document->paragraphs++;
    document_lock_drop(&document->lock);
}

void document_append_pair(struct document *document)
{
    document_lock_take(&document->lock); /* expect-note: self-deadlock */
    document_append(document);           /* expect: self-deadlock */
    document_lock_drop(&document->lock);
}
