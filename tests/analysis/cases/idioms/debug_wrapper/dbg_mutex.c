#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbg_mutex.h"

static void die(const char *what, int error)
{
    fprintf(stderr, "%s: %s\n", what, strerror(error));
    exit(1);
}

void dbg_mutex_enter(dbg_mutex_t *m, const char *file, int line)
{
    int error = pthread_mutex_trylock(&m->mutex);

    if (error != 0) {
        error = pthread_mutex_lock(&m->mutex);
        if (error != 0) {
            die("lock", error);
        }
    }
    m->file = file;
    m->line = line;
}

void dbg_mutex_leave(dbg_mutex_t *m)
{
    int error;

    m->file = NULL;
    error = pthread_mutex_unlock(&m->mutex);
    if (error != 0) {
        die("unlock", error);
    }
}
