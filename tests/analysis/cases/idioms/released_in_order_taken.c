/* Locks may be dropped in any order; only taking them counts. */
#include <pthread.h>

#include "contracts.h"

static pthread_mutex_t input_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t output_lock = PTHREAD_MUTEX_INITIALIZER;
static int input GUARDED_BY(input_lock);
static int output GUARDED_BY(output_lock);

void copy_once(void);
void copy_back(void);

void copy_once(void)
{
    int value;

    pthread_mutex_lock(&input_lock); /* expect-note: lock-order */
    value = input;
    pthread_mutex_lock(&output_lock); /* expect-any: lock-order */
    pthread_mutex_unlock(&input_lock);
    output = value;
    pthread_mutex_unlock(&output_lock);
}

void copy_back(void)
{
    int value;

    pthread_mutex_lock(&output_lock); /* expect-note: lock-order */
    value = output;
#ifdef FAULTY
    pthread_mutex_lock(&input_lock); /* expect-any: lock-order */
    pthread_mutex_unlock(&output_lock);
#else
    pthread_mutex_unlock(&output_lock);
    pthread_mutex_lock(&input_lock);
#endif
    input = value;
    pthread_mutex_unlock(&input_lock);
}
