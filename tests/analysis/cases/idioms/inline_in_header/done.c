#include "counter.h"

struct counter total = {.lock = PTHREAD_MUTEX_INITIALIZER};
struct counter failed = {.lock = PTHREAD_MUTEX_INITIALIZER};

void job_done(int ok)
{
    counter_enter(&total); /* expect-note: lock-order */
    total.value++;
    if (!ok) {
        counter_enter(&failed); /* expect-any: lock-order */
        failed.value++;
        counter_leave(&failed);
    }
    counter_leave(&total);
}
