/* A GRWLock read-locked twice by a thread: a writer that waits in between may
 * let neither in. */
/* needs: glib-2.0 */
#include <glib.h>

#include "contracts.h"

struct playlist {
    GRWLock lock;
    guint length GUARDED_BY(lock);
};

guint playlist_length(struct playlist *playlist);
void playlist_append(struct playlist *playlist);
gboolean playlist_is_full(struct playlist *playlist, guint limit);

guint playlist_length(struct playlist *playlist)
{
    guint length;

    g_rw_lock_reader_lock(&playlist->lock); /* expect-note: self-deadlock */
    length = playlist->length;
    g_rw_lock_reader_unlock(&playlist->lock);
    return length;
}

void playlist_append(struct playlist *playlist)
{
    g_rw_lock_writer_lock(&playlist->lock);
    playlist->length++;
    g_rw_lock_writer_unlock(&playlist->lock);
}

gboolean playlist_is_full(struct playlist *playlist, guint limit)
{
    gboolean full;

    g_rw_lock_reader_lock(&playlist->lock); /* expect-note: self-deadlock */
#ifdef FAULTY
    full = playlist_length(playlist) >= limit; /* expect: self-deadlock */
#else
    full = playlist->length >= limit;
#endif
    g_rw_lock_reader_unlock(&playlist->lock);
    return full;
}
