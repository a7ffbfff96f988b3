/* Three locks whose order is declared link by link; the edge from the last to
 * the first is against it, by transitivity. */
#include <pthread.h>

#include "contracts.h"

struct machine {
    pthread_mutex_t state_lock ACQUIRED_BEFORE(bus_lock);
    pthread_mutex_t bus_lock ACQUIRED_BEFORE(timer_lock);
    pthread_mutex_t timer_lock;
    int running GUARDED_BY(state_lock);
    int cycles GUARDED_BY(bus_lock);
    int ticks GUARDED_BY(timer_lock);
};

void machine_step(struct machine *machine);
void machine_expire(struct machine *machine);

void machine_step(struct machine *machine)
{
    pthread_mutex_lock(&machine->bus_lock);
    machine->cycles++;
    pthread_mutex_unlock(&machine->bus_lock);
}

void machine_expire(struct machine *machine)
{
    pthread_mutex_lock(&machine->timer_lock); /* expect-note: declared-order */
    machine->ticks++;
#ifdef FAULTY
    pthread_mutex_lock(&machine->state_lock); /* expect: declared-order */
    machine->running = 0;
    pthread_mutex_unlock(&machine->state_lock);
    pthread_mutex_unlock(&machine->timer_lock);
#else
    pthread_mutex_unlock(&machine->timer_lock);
    pthread_mutex_lock(&machine->state_lock);
    machine->running = 0;
    pthread_mutex_unlock(&machine->state_lock);
#endif
}
