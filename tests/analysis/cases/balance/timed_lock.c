/* A timed lock can fail in two ways, and only one of them was thought of. */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "contracts.h"

struct robot {
    pthread_mutex_t lock;
    int moves GUARDED_BY(lock);
};

int robot_move(struct robot *robot, const struct timespec *deadline);

int robot_move(struct robot *robot, const struct timespec *deadline)
{
    int result = pthread_mutex_timedlock(&robot->lock, deadline);

#ifdef FAULTY
    if (result == ETIMEDOUT) {
        return -result;
    }
#else
    if (result != 0) {
        return -result;
    }
#endif
    robot->moves++;                     /* expect: missing-guard */
    pthread_mutex_unlock(&robot->lock); /* expect: double-release */
    return 0;
}
