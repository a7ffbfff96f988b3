/* What a caller holds by contract it still holds afterwards; one function lets
 * go of it and does not take it again, another takes it a second time. */
#include <pthread.h>
#include <unistd.h>

#include "contracts.h"

void pause_briefly(pthread_mutex_t *lock) REQUIRES(lock);
void pause_longer(pthread_mutex_t *lock) REQUIRES(lock);

void pause_briefly(pthread_mutex_t *lock)
{
    pthread_mutex_unlock(lock); /* expect-note: balance */
    usleep(10);
#ifndef FAULTY
    pthread_mutex_lock(lock);
#endif
} /* expect: balance */

void pause_longer(pthread_mutex_t *lock)
{
#ifndef FAULTY
    pthread_mutex_unlock(lock);
#endif
    usleep(1000);
    pthread_mutex_lock(lock); /* expect: self-deadlock */
}
