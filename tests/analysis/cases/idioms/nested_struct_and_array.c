/* A lock in a struct in an array in a struct, and one lock of the whole. */
#include <pthread.h>

#include "contracts.h"

#define PORTS 8

struct counters {
    pthread_mutex_t lock;
    unsigned long frames GUARDED_BY(lock);
};

struct port {
    int number;
    struct counters rx;
};

struct bridge {
    pthread_mutex_t config_lock;
    int promiscuous GUARDED_BY(config_lock);
    struct port ports[PORTS];
};

void bridge_reset(struct bridge *bridge);
void bridge_receive(struct bridge *bridge, unsigned port);

void bridge_reset(struct bridge *bridge)
{
    pthread_mutex_lock(&bridge->config_lock); /* expect-note: lock-order */
    bridge->promiscuous = 0;
    for (int i = 0; i < PORTS; i++) {
        pthread_mutex_lock(&bridge->ports[i].rx.lock); /* expect-any: lock-order */
        bridge->ports[i].rx.frames = 0;
        pthread_mutex_unlock(&bridge->ports[i].rx.lock);
    }
    pthread_mutex_unlock(&bridge->config_lock);
}

void bridge_receive(struct bridge *bridge, unsigned port)
{
    struct counters *rx = &bridge->ports[port % PORTS].rx;
    int promiscuous = 0;

#ifdef FAULTY
    pthread_mutex_lock(&rx->lock);            /* expect-note: lock-order */
    pthread_mutex_lock(&bridge->config_lock); /* expect-any: lock-order */
    promiscuous = bridge->promiscuous;
    pthread_mutex_unlock(&bridge->config_lock);
#else
    pthread_mutex_lock(&bridge->config_lock);
    promiscuous = bridge->promiscuous;
    pthread_mutex_unlock(&bridge->config_lock);
    pthread_mutex_lock(&rx->lock);
#endif
    rx->frames += promiscuous ? 2 : 1;
    pthread_mutex_unlock(&rx->lock);
}
