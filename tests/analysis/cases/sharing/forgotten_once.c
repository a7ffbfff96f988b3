/* Nothing says what guards the counter; that it is the lock shows in what the
 * rest of the program does. */
#include <pthread.h>

static pthread_mutex_t stats_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long requests; /* expect: sharing */

static void count_request(void)
{
    pthread_mutex_lock(&stats_lock);
    requests++;
    pthread_mutex_unlock(&stats_lock);
}

static void count_batch(unsigned long size)
{
    pthread_mutex_lock(&stats_lock);
    requests += size;
    pthread_mutex_unlock(&stats_lock);
}

static unsigned long count_all(void)
{
    unsigned long all;

    pthread_mutex_lock(&stats_lock);
    all = requests;
    pthread_mutex_unlock(&stats_lock);
    return all;
}

static void *server(void *arg)
{
    count_request();
    count_batch(4);
    return arg;
}

static void *monitor(void *arg)
{
    if (count_all() > 1000) {
#ifdef FAULTY
        requests = 0; /* expect-note: sharing */
#else
        pthread_mutex_lock(&stats_lock);
        requests = 0;
        pthread_mutex_unlock(&stats_lock);
#endif
    }
    return arg;
}

int main(void)
{
    pthread_t threads[2];

    if (pthread_create(&threads[0], NULL, server, NULL) != 0 ||
        pthread_create(&threads[1], NULL, monitor, NULL) != 0) {
        return 1;
    }
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    return 0;
}
