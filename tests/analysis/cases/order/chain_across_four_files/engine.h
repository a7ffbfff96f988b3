/* The call that takes the second lock is four files away. */
#ifndef ENGINE_H
#define ENGINE_H

#include <pthread.h>

#include "contracts.h"

struct engine {
    pthread_mutex_t catalog_lock;
    pthread_mutex_t wal_lock;
    long tables GUARDED_BY(catalog_lock);
    long records GUARDED_BY(wal_lock);
};

void session_execute(struct engine *engine, int statement);
void planner_run(struct engine *engine, int statement);
void executor_step(struct engine *engine, int statement);
void wal_write(struct engine *engine);
void wal_checkpoint(struct engine *engine);

#endif
