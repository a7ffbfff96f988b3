/* What a trylock has won is held like any other lock: who then waits for a
 * second one can be part of a deadlock. */
#include <pthread.h>

#include "contracts.h"

static pthread_mutex_t index_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t data_lock = PTHREAD_MUTEX_INITIALIZER;
static int entries GUARDED_BY(index_lock);
static int records GUARDED_BY(data_lock);

void record_insert(void);
void index_refresh(void);

void record_insert(void)
{
    pthread_mutex_lock(&data_lock);  /* expect-note: lock-order */
    pthread_mutex_lock(&index_lock); /* expect-any: lock-order */
    records++;
    entries++;
    pthread_mutex_unlock(&index_lock);
    pthread_mutex_unlock(&data_lock);
}

void index_refresh(void)
{
    if (pthread_mutex_trylock(&index_lock) != 0) { /* expect-note: lock-order */
        return;
    }
#ifdef FAULTY
    pthread_mutex_lock(&data_lock); /* expect-any: lock-order */
    entries = records;
    pthread_mutex_unlock(&data_lock);
#else
    if (pthread_mutex_trylock(&data_lock) == 0) {
        entries = records;
        pthread_mutex_unlock(&data_lock);
    }
#endif
    pthread_mutex_unlock(&index_lock);
}
