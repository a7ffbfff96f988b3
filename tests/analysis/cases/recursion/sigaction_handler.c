/* A signal handler that takes a lock can interrupt the thread that holds
 * it. */
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

#include "contracts.h"

static pthread_mutex_t statistics_lock = PTHREAD_MUTEX_INITIALIZER;
static long requests GUARDED_BY(statistics_lock);
static volatile sig_atomic_t dump_wanted OWNED_BY("the handler sets it, the main loop clears it");

void statistics_count(void);
int statistics_install(void);

static void statistics_dump(void)
{
    pthread_mutex_lock(&statistics_lock); /* expect-note: self-deadlock */
    requests = 0;
    pthread_mutex_unlock(&statistics_lock);
}

static void on_usr1(int signal)
{
    (void)signal;
    dump_wanted = 1;
#ifdef FAULTY
    statistics_dump(); /* expect: self-deadlock */
#endif
}

void statistics_count(void)
{
    pthread_mutex_lock(&statistics_lock);
    requests++;
    pthread_mutex_unlock(&statistics_lock);
    if (dump_wanted) {
        dump_wanted = 0;
        statistics_dump();
    }
}

int statistics_install(void)
{
    struct sigaction action = {.sa_handler = on_usr1};

    return sigaction(SIGUSR1, &action, NULL);
}
