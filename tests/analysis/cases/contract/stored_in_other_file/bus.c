#include "bus.h"

void bus_fail(struct bus *bus)
{
    pthread_mutex_lock(&bus->lock); /* expect-note: self-deadlock */
    bus->errors++;
    bus->on_error(bus); /* expect: self-deadlock */
    pthread_mutex_unlock(&bus->lock);
}
