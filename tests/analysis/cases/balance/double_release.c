/* The error path has dropped the lock already when it joins the common end. */
#include <errno.h>
#include <pthread.h>

#include "contracts.h"

struct modem {
    pthread_mutex_t lock;
    int carrier GUARDED_BY(lock);
};

int modem_dial(struct modem *modem, int number);

int modem_dial(struct modem *modem, int number)
{
    int result = 0;

    pthread_mutex_lock(&modem->lock);
    if (number <= 0) {
        result = -EINVAL;
#ifdef FAULTY
        pthread_mutex_unlock(&modem->lock); /* expect-note: double-release */
#endif
        goto out;
    }
    modem->carrier = 1;
out:
    pthread_mutex_unlock(&modem->lock); /* expect: double-release */
    return result;
}
