#include "bus.h"

/* Resets the counter when it has been reported. */
#ifdef FAULTY
static void report_error(struct bus *bus) EXCLUDES(&bus -> lock);

static void report_error(struct bus *bus)
{
    pthread_mutex_lock(&bus->lock); /* expect-note: self-deadlock */
    bus->errors = 0;
    pthread_mutex_unlock(&bus->lock);
}
#else
static void report_error(struct bus *bus) REQUIRES(&bus -> lock);

static void report_error(struct bus *bus)
{
    bus->errors = 0;
}
#endif

void bus_attach(struct bus *bus)
{
    bus->on_error = report_error; /* expect: contract */
}
