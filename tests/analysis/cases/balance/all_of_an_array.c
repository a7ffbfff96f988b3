/* Threads are stopped by taking all their locks, and go on when those are
 * dropped: neither function does both. */
#include <pthread.h>
#include <stdbool.h>

enum { THREADS = 8 };

static pthread_mutex_t thread_locks[THREADS];
static bool running;

bool threads_stop_if_idle(unsigned pending);
unsigned threads_serve(unsigned pending);

static void threads_stop(void)
{
    for (unsigned i = 1; i < THREADS; i++) {
        pthread_mutex_lock(&thread_locks[i]);
    }
    running = false;
}

static void threads_start(void)
{
    for (unsigned i = 1; i < THREADS; i++) {
        pthread_mutex_unlock(&thread_locks[i]);
    }
    running = true;
}

bool threads_stop_if_idle(unsigned pending)
{
    if (pending > THREADS) {
        return false;
    }
    if (running) {
        threads_stop();
    }
    return true;
}

unsigned threads_serve(unsigned pending)
{
    if (threads_stop_if_idle(pending)) {
        return 0;
    }
    if (!running) {
        threads_start();
    }
#ifdef FAULTY
    pthread_mutex_lock(&thread_locks[0]); /* expect-note: balance */
    if (pending == 0) {
        return 1; /* expect: balance */
    }
    pthread_mutex_unlock(&thread_locks[0]);
#endif
    return pending;
}
