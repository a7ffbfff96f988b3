/* Idle functions and timeouts run on the main loop, which owns the widgets;
 * the import runs on a thread of its own. */
/* needs: glib-2.0 */
#include <glib.h>

#include "contracts.h"

struct progress_bar {
    int percent OWNED_BY("main-loop");
};

void progress_bar_set(struct progress_bar *bar, int percent) ROLE("main-loop");
gpointer import_main(gpointer opaque) THREAD_ENTRY("import");
void import_start(struct progress_bar *bar);

void progress_bar_set(struct progress_bar *bar, int percent)
{
    bar->percent = percent;
}

static gboolean show_done(gpointer opaque)
{
    progress_bar_set(opaque, 100); /* expect: thread-role */
    return G_SOURCE_REMOVE;
}

gpointer import_main(gpointer opaque)
{
#ifdef FAULTY
    show_done(opaque); /* expect-note: thread-role */
#else
    g_idle_add(show_done, opaque);
#endif
    return NULL;
}

void import_start(struct progress_bar *bar)
{
    g_timeout_add(1000, show_done, bar);
    g_thread_unref(g_thread_new("import", import_main, bar));
}
