/* The lock itself is handed down three levels, and a struct keeps a pointer
 * to it. */
#include <pthread.h>

#include "contracts.h"

static pthread_mutex_t terminal_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t history_lock = PTHREAD_MUTEX_INITIALIZER;
static int columns GUARDED_BY(terminal_lock);
static int commands GUARDED_BY(history_lock);

void terminal_resize(int width);
void history_clear(void);

static void with_lock(pthread_mutex_t *lock, int *counter, int value)
{
    pthread_mutex_lock(lock);
    *counter = value;
    pthread_mutex_unlock(lock);
}

static void set_checked(pthread_mutex_t *lock, int *counter, int value)
{
    if (value >= 0) {
        with_lock(lock, counter, value);
    }
}

static void set(pthread_mutex_t *lock, int *counter, int value)
{
    set_checked(lock, counter, value);
}

void terminal_resize(int width)
{
    pthread_mutex_lock(&terminal_lock); /* expect-note: lock-order */
    columns = width;
    set(&history_lock, &commands, 0); /* expect-any: lock-order */
    pthread_mutex_unlock(&terminal_lock);
}

void history_clear(void)
{
    pthread_mutex_lock(&history_lock); /* expect-note: lock-order */
    commands = 0;
#ifdef FAULTY
    set(&terminal_lock, &columns, 80); /* expect-any: lock-order */
    pthread_mutex_unlock(&history_lock);
#else
    pthread_mutex_unlock(&history_lock);
    set(&terminal_lock, &columns, 80);
#endif
}
