#include "roster.h"

void roster_join(struct roster *roster)
{
    pthread_mutex_lock(&roster->lock);
    if (roster->players == roster->capacity) {
        roster_grow(roster);
    }
    roster->players++;
    pthread_mutex_unlock(&roster->lock);
}

void roster_reserve(struct roster *roster, int players)
{
#ifdef FAULTY
    for (int i = 0; i < players; i++) {
        roster_grow(roster); /* expect: contract */
    }
#else
    pthread_mutex_lock(&roster->lock);
    for (int i = 0; i < players; i++) {
        roster_grow(roster);
    }
    pthread_mutex_unlock(&roster->lock);
#endif
}
