/* A static helper without any annotation: all of its callers hold the lock,
 * but for one. */
#include <pthread.h>

#include "contracts.h"

struct score {
    pthread_mutex_t lock;
    int points GUARDED_BY(lock);
};

void score_hit(struct score *score);
void score_miss(struct score *score);

static void add_points(struct score *score, int points)
{
    score->points += points; /* expect: missing-guard */
}

static void add_hit(struct score *score)
{
    add_points(score, 10);
}

void score_hit(struct score *score)
{
    pthread_mutex_lock(&score->lock);
    add_hit(score);
    pthread_mutex_unlock(&score->lock);
}

void score_miss(struct score *score)
{
#ifndef FAULTY
    pthread_mutex_lock(&score->lock);
#endif
    add_points(score, -1); /* expect-note: missing-guard */
#ifndef FAULTY
    pthread_mutex_unlock(&score->lock);
#endif
}
