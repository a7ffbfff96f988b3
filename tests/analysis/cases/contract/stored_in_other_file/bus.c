#include "bus.h"

void bus_fail(struct bus *bus)
{
    pthread_mutex_lock(&bus->lock);
    bus->errors++;
    bus->on_error(bus);
    pthread_mutex_unlock(&bus->lock);
}
