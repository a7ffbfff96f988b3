/* Which parameters of a function point to what it, or what it calls, reads or
 * writes: who passes the address of guarded data has it touched. */
#ifndef LOCKCHECK_TOUCH_H
#define LOCKCHECK_TOUCH_H

#include "program.h"

enum touch { TOUCH_NONE, TOUCH_READ, TOUCH_WRITE };

struct touches;
struct touches *touches_new(const struct program *program);
void touches_free(struct touches *touches);

/* What the function does with the object itself that the parameter points to,
 * not with what that points to in turn. */
enum touch touches_parameter(struct touches *touches, const struct pfunction *function,
                             guint parameter);

#endif
