/* The lock is taken in the middle of a condition. */
#include <pthread.h>
#include <stdbool.h>

#include "contracts.h"

struct printer {
    pthread_mutex_t lock;
    bool enabled IMMUTABLE;
    int paper GUARDED_BY(lock);
};

int printer_feed(struct printer *printer);

int printer_feed(struct printer *printer)
{
    int fed = 0;

#ifdef FAULTY
    if (pthread_mutex_lock(&printer->lock) == 0 && printer->enabled) { /* expect-note: balance */
#else
    if (printer->enabled && pthread_mutex_lock(&printer->lock) == 0) {
#endif
        if (printer->paper > 0) {
            printer->paper--;
            fed = 1;
        }
        pthread_mutex_unlock(&printer->lock);
    }
    return fed; /* expect: balance */
}
