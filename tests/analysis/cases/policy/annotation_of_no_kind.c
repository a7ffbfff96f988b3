/* A misspelt annotation would otherwise protect nothing, in silence. */
#include <pthread.h>

#include "contracts.h"

#ifdef FAULTY
#define GUARDED CONTRACT("gaurded_by:lock")
#else
#define GUARDED CONTRACT("guarded_by:lock")
#endif

struct tally {
    pthread_mutex_t lock;
    int votes GUARDED; /* expect: annotation */
};

void tally_add(struct tally *tally);

void tally_add(struct tally *tally)
{
    pthread_mutex_lock(&tally->lock);
    tally->votes++;
    pthread_mutex_unlock(&tally->lock);
}
