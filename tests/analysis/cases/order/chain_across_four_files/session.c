#include "engine.h"

void session_execute(struct engine *engine, int statement)
{
    pthread_mutex_lock(&engine->catalog_lock); /* expect-note: lock-order */
    engine->tables++;
    planner_run(engine, statement); /* expect-any: lock-order */
    pthread_mutex_unlock(&engine->catalog_lock);
}
