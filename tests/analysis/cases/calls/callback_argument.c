/* A registry that calls a visitor for each client, under its lock. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

#define MAX_CLIENTS 16

struct client {
    pthread_mutex_t lock;
    long sent GUARDED_BY(lock);
    int closed GUARDED_BY(lock);
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct client *clients[MAX_CLIENTS] GUARDED_BY(registry_lock);

typedef void client_visitor(struct client *client, void *opaque);

static void registry_visit(client_visitor *visit, void *opaque)
{
    pthread_mutex_lock(&registry_lock); /* expect-note: lock-order */
    for (size_t i = 0; i < MAX_CLIENTS; i++) {
        if (clients[i] != NULL) {
            visit(clients[i], opaque); /* expect-any: lock-order */
        }
    }
    pthread_mutex_unlock(&registry_lock);
}

static void registry_remove(struct client *client)
{
    pthread_mutex_lock(&registry_lock); /* expect-note: lock-order */
    for (size_t i = 0; i < MAX_CLIENTS; i++) {
        if (clients[i] == client) {
            clients[i] = NULL;
        }
    }
    pthread_mutex_unlock(&registry_lock);
}

static void add_sent(struct client *client, void *opaque)
{
    long *total = opaque;

    pthread_mutex_lock(&client->lock); /* expect-note: lock-order */
    *total += client->sent;
    pthread_mutex_unlock(&client->lock);
}

long registry_total(void);
void client_close(struct client *client);

long registry_total(void)
{
    long total = 0;

    registry_visit(add_sent, &total);
    return total;
}

void client_close(struct client *client)
{
    pthread_mutex_lock(&client->lock); /* expect-note: lock-order */
    client->closed = 1;
#ifdef FAULTY
    registry_remove(client); /* expect-any: lock-order */
    pthread_mutex_unlock(&client->lock);
#else
    pthread_mutex_unlock(&client->lock);
    registry_remove(client);
#endif
}
