/* Requests are dispatched through an array of functions by their number. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

enum request { REQUEST_OPEN, REQUEST_STAT, REQUEST_SYNC, REQUEST_COUNT };

struct server {
    pthread_mutex_t session_lock;
    pthread_mutex_t disk_lock;
    int sessions GUARDED_BY(session_lock);
    int dirty GUARDED_BY(disk_lock);
};

int server_handle(struct server *server, enum request request);
void server_expire(struct server *server);

static int handle_open(struct server *server)
{
    return ++server->sessions;
}

static int handle_stat(struct server *server)
{
    return server->sessions;
}

static int handle_sync(struct server *server)
{
    pthread_mutex_lock(&server->disk_lock); /* expect-note: lock-order */
    server->dirty = 0;
    pthread_mutex_unlock(&server->disk_lock);
    return 0;
}

static int (*const handlers[REQUEST_COUNT])(struct server *server) = {
    [REQUEST_OPEN] = handle_open,
    [REQUEST_STAT] = handle_stat,
    [REQUEST_SYNC] = handle_sync,
};

int server_handle(struct server *server, enum request request)
{
    int result;

    pthread_mutex_lock(&server->session_lock); /* expect-note: lock-order */
    result = handlers[request](server);        /* expect-any: lock-order */
    pthread_mutex_unlock(&server->session_lock);
    return result;
}

void server_expire(struct server *server)
{
    pthread_mutex_lock(&server->disk_lock); /* expect-note: lock-order */
    server->dirty = 1;
#ifndef FAULTY
    pthread_mutex_unlock(&server->disk_lock);
#endif
    pthread_mutex_lock(&server->session_lock); /* expect-any: lock-order */
    server->sessions = 0;
    pthread_mutex_unlock(&server->session_lock);
#ifdef FAULTY
    pthread_mutex_unlock(&server->disk_lock);
#endif
}
