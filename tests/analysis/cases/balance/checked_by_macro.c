/* Lock calls whose results are checked by a macro that gives up. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "contracts.h"

#define MUST(call)                                                                                 \
    do {                                                                                           \
        int must_error = (call);                                                                   \
        if (must_error != 0) {                                                                     \
            fprintf(stderr, "%s: error %d\n", #call, must_error);                                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct cellar {
    pthread_mutex_t lock;
    int bottles GUARDED_BY(lock);
};

int cellar_take(struct cellar *cellar, int wanted);

int cellar_take(struct cellar *cellar, int wanted)
{
    int taken = wanted;

    MUST(pthread_mutex_lock(&cellar->lock)); /* expect-note: balance */
    if (cellar->bottles < wanted) {
        taken = cellar->bottles;
#ifdef FAULTY
        if (taken == 0) {
            return 0; /* expect: balance */
        }
#endif
    }
    cellar->bottles -= taken;
    MUST(pthread_mutex_unlock(&cellar->lock));
    return taken;
}
