/* The window may be touched by the UI thread only; the loader thread sets its
 * title. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

struct window {
    char title[64] OWNED_BY("ui");
};

void window_set_title(struct window *window, const char *title) ROLE("ui");
void *ui_main(void *opaque) THREAD_ENTRY("ui");
void *loader_main(void *opaque) THREAD_ENTRY("loader");
int application_start(struct window *window);

void window_set_title(struct window *window, const char *title)
{
    size_t length = 0;

    while (title[length] != '\0' && length + 1 < sizeof(window->title)) {
        window->title[length] = title[length];
        length++;
    }
    window->title[length] = '\0';
}

void *ui_main(void *opaque)
{
    window_set_title(opaque, "loading");
    return NULL;
}

static void load(struct window *window)
{
#ifdef FAULTY
    window_set_title(window, "ready"); /* expect: thread-role */
#else
    (void)window;
#endif
}

void *loader_main(void *opaque)
{
    load(opaque); /* expect-note: thread-role */
    return NULL;
}

int application_start(struct window *window)
{
    pthread_t ui;
    pthread_t loader;

    if (pthread_create(&ui, NULL, ui_main, window) != 0) {
        return -1;
    }
    if (pthread_create(&loader, NULL, loader_main, window) != 0) {
        return -1;
    }
    return 0;
}
