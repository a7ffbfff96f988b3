/* Children share their parent's lock through a pointer that is set once. */
#include <pthread.h>
#include <stdlib.h>

#include "contracts.h"

struct tab {
    pthread_mutex_t *lock IMMUTABLE;
    int loading GUARDED_BY(*lock);
};

struct browser {
    pthread_mutex_t lock;
    int tabs GUARDED_BY(lock);
};

struct tab *browser_open(struct browser *browser);
void tab_reload(struct tab *tab);

struct tab *browser_open(struct browser *browser)
{
    struct tab *tab = calloc(1, sizeof(*tab));

    if (tab == NULL) {
        return NULL;
    }
    tab->lock = &browser->lock;
    pthread_mutex_lock(&browser->lock);
    browser->tabs++;
    pthread_mutex_unlock(&browser->lock);
    return tab;
}

void tab_reload(struct tab *tab)
{
#ifndef FAULTY
    pthread_mutex_lock(tab->lock);
#endif
    tab->loading = 1; /* expect: missing-guard */
#ifndef FAULTY
    pthread_mutex_unlock(tab->lock);
#endif
}
