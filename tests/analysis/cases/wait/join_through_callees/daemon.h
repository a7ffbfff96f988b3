/* The daemon joins its watcher under the state lock; the watcher's reload is
 * two files away. */
#ifndef DAEMON_H
#define DAEMON_H

#include <pthread.h>

#include "contracts.h"

extern pthread_mutex_t state_lock;

int watcher_start(pthread_t *thread);
void watcher_join(pthread_t thread);
void state_reload(void);
void daemon_shutdown(pthread_t watcher);

#endif
