/* glib's scope guards; the function that is called with the lock held takes
 * it again. */
/* needs: glib-2.0 */
#include <glib.h>

#include "contracts.h"

struct bookmarks {
    GMutex lock;
    guint count GUARDED_BY(lock);
};

gboolean bookmarks_add(struct bookmarks *bookmarks, guint limit);
guint bookmarks_count(struct bookmarks *bookmarks);

guint bookmarks_count(struct bookmarks *bookmarks)
{
    g_autoptr(GMutexLocker) locker =
        g_mutex_locker_new(&bookmarks->lock); /* expect-note: self-deadlock */

    (void)locker;
    return bookmarks->count;
}

gboolean bookmarks_add(struct bookmarks *bookmarks, guint limit)
{
    g_autoptr(GMutexLocker) locker =
        g_mutex_locker_new(&bookmarks->lock); /* expect-note: self-deadlock */

    (void)locker;
#ifdef FAULTY
    if (bookmarks_count(bookmarks) >= limit) { /* expect: self-deadlock */
#else
    if (bookmarks->count >= limit) {
#endif
        return FALSE;
    }
    bookmarks->count++;
    return TRUE;
}
