/* Whether other threads can be there: what a function does before it has
 * started the first one is seen by nobody, and neither is what main() does
 * after it has waited for them. */
#ifndef LOCKCHECK_PHASE_H
#define LOCKCHECK_PHASE_H

#include "program.h"

enum phase {
    PHASE_ALONE,    /* the function has started no thread so far */
    PHASE_THREADED, /* it may have */
    PHASE_JOINED,   /* it has waited for one since */
};

struct phases;

struct phases *phases_new(const struct program *program);
void phases_free(struct phases *phases);
/* Just before the event. Cheap for one function's events in a row. */
enum phase phase_at(struct phases *phases, const struct pfunction *function,
                    const struct ir_event *event);
bool phase_starts_threads(const struct phases *phases, const struct pfunction *function);

#endif
