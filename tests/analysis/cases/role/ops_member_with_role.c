/* The table's member says on which thread it is called; the worker calls it
 * all the same. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

struct plugin;

struct plugin_ops {
    void (*redraw)(struct plugin *plugin) ROLE("ui");
    void (*render)(struct plugin *plugin);
};

struct plugin {
    const struct plugin_ops *ops IMMUTABLE;
};

void *ui_main(void *opaque) THREAD_ENTRY("ui");
void *render_main(void *opaque) THREAD_ENTRY("render");

void *ui_main(void *opaque)
{
    struct plugin *plugin = opaque;

    plugin->ops->redraw(plugin);
    return NULL;
}

void *render_main(void *opaque)
{
    struct plugin *plugin = opaque;

    plugin->ops->render(plugin);
#ifdef FAULTY
    plugin->ops->redraw(plugin); /* expect: thread-role */
#endif
    return NULL;
}
