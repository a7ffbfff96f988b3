/* Handlers of a bus are called with its lock held. */
#ifndef BUS_H
#define BUS_H

#include <pthread.h>

#include "contracts.h"

struct bus {
    pthread_mutex_t lock;
    int errors GUARDED_BY(lock);
    void (*on_error)(struct bus *bus) REQUIRES(bus->lock); /* expect-note: contract */
};

void bus_fail(struct bus *bus);
void bus_attach(struct bus *bus);

#endif
