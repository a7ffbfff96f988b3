/* The last access slips behind the unlock. */
#include <pthread.h>

#include "contracts.h"

struct ticket_office {
    pthread_mutex_t lock;
    int next GUARDED_BY(lock);
};

int ticket_draw(struct ticket_office *office);

int ticket_draw(struct ticket_office *office)
{
    int ticket;

    pthread_mutex_lock(&office->lock);
    office->next++;
#ifdef FAULTY
    pthread_mutex_unlock(&office->lock);
    ticket = office->next; /* expect: missing-guard */
#else
    ticket = office->next;
    pthread_mutex_unlock(&office->lock);
#endif
    return ticket;
}
