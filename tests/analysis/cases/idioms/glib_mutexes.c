/* GMutex in both orders, once through g_mutex_trylock. */
/* needs: glib-2.0 */
#include <glib.h>

#include "contracts.h"

struct album {
    GMutex lock;
    guint pictures GUARDED_BY(lock);
};

struct thumbnailer {
    GMutex lock;
    guint pending GUARDED_BY(lock);
    struct album *album;
};

void thumbnailer_run(struct thumbnailer *thumbnailer);
void album_import(struct album *album, struct thumbnailer *thumbnailer);

void thumbnailer_run(struct thumbnailer *thumbnailer)
{
    g_mutex_lock(&thumbnailer->lock);        /* expect-note: lock-order */
    g_mutex_lock(&thumbnailer->album->lock); /* expect-any: lock-order */
    thumbnailer->pending = thumbnailer->album->pictures;
    g_mutex_unlock(&thumbnailer->album->lock);
    g_mutex_unlock(&thumbnailer->lock);
}

void album_import(struct album *album, struct thumbnailer *thumbnailer)
{
    g_mutex_lock(&album->lock); /* expect-note: lock-order */
    album->pictures++;
#ifdef FAULTY
    g_mutex_lock(&thumbnailer->lock); /* expect-any: lock-order */
    thumbnailer->pending++;
    g_mutex_unlock(&thumbnailer->lock);
#else
    if (g_mutex_trylock(&thumbnailer->lock)) {
        thumbnailer->pending++;
        g_mutex_unlock(&thumbnailer->lock);
    }
#endif
    g_mutex_unlock(&album->lock);
}
