/* The function of pthread_once runs in the caller, with its locks. */
#include <pthread.h>

#include "contracts.h"

static pthread_once_t tables_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;
static int tables GUARDED_BY(tables_lock);

int tables_count(void);

static void make_tables(void)
{
    pthread_mutex_lock(&tables_lock); /* expect-note: self-deadlock */
    tables = 8;
    pthread_mutex_unlock(&tables_lock);
}

int tables_count(void)
{
    int count;

#ifdef FAULTY
    pthread_mutex_lock(&tables_lock);        /* expect-note: self-deadlock */
    pthread_once(&tables_once, make_tables); /* expect: self-deadlock */
#else
    pthread_once(&tables_once, make_tables);
    pthread_mutex_lock(&tables_lock);
#endif
    count = tables;
    pthread_mutex_unlock(&tables_lock);
    return count;
}
