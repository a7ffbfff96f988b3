/* Locks that remember who took them, by macros that pass the place. */
#ifndef DBG_MUTEX_H
#define DBG_MUTEX_H

#include <pthread.h>

#include "contracts.h"

typedef struct dbg_mutex {
    pthread_mutex_t mutex;
    const char *file;
    int line;
} dbg_mutex_t;

void dbg_mutex_enter(dbg_mutex_t *m, const char *file, int line);
void dbg_mutex_leave(dbg_mutex_t *m);

#define mutex_enter(m) dbg_mutex_enter((m), __FILE__, __LINE__)
#define mutex_leave(m) dbg_mutex_leave((m))

#endif
