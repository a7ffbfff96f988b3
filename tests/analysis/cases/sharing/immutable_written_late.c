/* Immutable after initialisation, and then changed by a reload. */
#include <pthread.h>
#include <stdlib.h>

#include "contracts.h"

struct settings {
    int backlog IMMUTABLE;
    pthread_mutex_t lock;
    int timeout GUARDED_BY(lock);
};

struct settings *settings_new(int backlog);
void settings_reload(struct settings *settings, int backlog, int timeout);

struct settings *settings_new(int backlog)
{
    struct settings *settings = malloc(sizeof(*settings));

    if (settings == NULL) {
        return NULL;
    }
    pthread_mutex_init(&settings->lock, NULL);
    settings->backlog = backlog;
    settings->timeout = 0;
    return settings;
}

void settings_reload(struct settings *settings, int backlog, int timeout)
{
    pthread_mutex_lock(&settings->lock);
#ifdef FAULTY
    settings->backlog = backlog; /* expect: sharing */
#else
    (void)backlog;
#endif
    settings->timeout = timeout;
    pthread_mutex_unlock(&settings->lock);
}
