/* The lock classes that a name in a recorded order stands for. */
#ifndef LOCKCHECK_CONFIRM_NAMES_H
#define LOCKCHECK_CONFIRM_NAMES_H

#include "flow.h"

struct confirm_names;

/* For a set of interned names, which must live as long. */
struct confirm_names *confirm_names_new(const struct program *program, GHashTable *wanted);
void confirm_names_free(struct confirm_names *m);

/* Set of struct lock_class, or NULL if the name means none. */
GHashTable *confirm_names_classes(const struct confirm_names *m, const char *name);
/* Whether the program has a global of that name: a class object. */
bool confirm_names_defined(const struct confirm_names *m, const char *name);

#endif
