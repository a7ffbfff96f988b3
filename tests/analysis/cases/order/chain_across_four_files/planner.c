#include "engine.h"

static void plan_join(struct engine *engine, int statement)
{
    executor_step(engine, statement - 1);
}

void planner_run(struct engine *engine, int statement)
{
    if (statement % 2 != 0) {
        plan_join(engine, statement);
    } else {
        executor_step(engine, statement); /* expect-note: lock-order */
    }
}
