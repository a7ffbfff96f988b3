#include "print.h"

pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static long lines GUARDED_BY(log_lock);

void log_write(const char *text)
{
    pthread_mutex_lock(&log_lock); /* expect-note: lock-order */
    lines += text[0] != '\0';
    pthread_mutex_unlock(&log_lock);
}

/* Nothing is printed while the file is exchanged. */
void log_rotate(void)
{
#ifdef FAULTY
    pthread_mutex_lock(&log_lock); /* expect-note: lock-order */
    queue_hold();                  /* expect-any: lock-order */
#else
    queue_hold();
    pthread_mutex_lock(&log_lock);
#endif
    lines = 0;
    pthread_mutex_unlock(&log_lock);
}
