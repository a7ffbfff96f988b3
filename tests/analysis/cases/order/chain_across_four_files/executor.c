#include "engine.h"

/* Sub-queries come back here by way of the planner. */
void executor_step(struct engine *engine, int statement)
{
    if (statement > 10) {
        planner_run(engine, statement / 2);
    }
    wal_write(engine); /* expect-note: lock-order */
}
