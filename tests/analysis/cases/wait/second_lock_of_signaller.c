/* A wait that keeps a second lock hangs if the thread that is to signal needs
 * that lock first, and does not if it needs none. */
#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t maintenance = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t ready_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ready_cond = PTHREAD_COND_INITIALIZER;
static bool ready;
static int generation;

static void announce(void)
{
    pthread_mutex_lock(&ready_lock);
    ready = true;
    pthread_cond_signal(&ready_cond);
    pthread_mutex_unlock(&ready_lock);
}

static void *worker(void *arg)
{
#ifdef FAULTY
    pthread_mutex_lock(&maintenance);
    generation++;
    pthread_mutex_unlock(&maintenance);
#endif
    announce();
    return arg;
}

static void *keeper(void *arg)
{
    pthread_mutex_lock(&maintenance); /* expect-note: wait */
    generation++;
    pthread_mutex_lock(&ready_lock);
    while (!ready) {
        pthread_cond_wait(&ready_cond, &ready_lock); /* expect: wait */
    }
    pthread_mutex_unlock(&ready_lock);
    pthread_mutex_unlock(&maintenance);
    return arg;
}

int main(void)
{
    pthread_t threads[2];

    if (pthread_create(&threads[0], NULL, keeper, NULL) != 0 ||
        pthread_create(&threads[1], NULL, worker, NULL) != 0) {
        return 1;
    }
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    return 0;
}
