/* Objects that nobody else can see yet: just allocated, or local, and not
 * handed to anything that other threads can reach. Their fields need no lock. */
#ifndef LOCKCHECK_FRESH_H
#define LOCKCHECK_FRESH_H

#include "program.h"

struct fresh;

struct fresh *fresh_new(struct program *program);
void fresh_free(struct fresh *fresh);
/* Whether the object that the path is in is not yet published just before the
 * event. Cheap for one function's events in a row. */
bool fresh_path(struct fresh *fresh, const struct pfunction *function, const struct ir_event *event,
                const struct ir_path *path);
/* The same for what a pointer value points to. */
bool fresh_value(struct fresh *fresh, const struct pfunction *function,
                 const struct ir_event *event, const struct ir_value *value);
/* Whether the function returns a new object that nobody else can see. */
bool fresh_returns(const struct fresh *fresh, const struct pfunction *function);
/* Whether a call makes the object of its parameter visible to others. */
bool fresh_publishes(const struct fresh *fresh, const struct pfunction *function, guint param);

#endif
