/* What fresh.c, fresh_known.c and fresh_groups.c share. */
#ifndef LOCKCHECK_FRESH_INTERNAL_H
#define LOCKCHECK_FRESH_INTERNAL_H

#include "fresh.h"

#define MAX_GROUPS 64
#define NO_GROUP   UINT8_MAX

struct summary {
    bool returns;
    uint64_t publishes; /* by parameter */
};

struct fresh {
    struct program *program;
    struct summary *summaries; /* by function number */
    /* Of the function that was asked about last: */
    const struct pfunction *current;
    GHashTable *events; /* struct ir_event -> index in states + 1 */
    GArray *states;     /* of uint64_t */
    uint8_t *group;     /* by local */
    uint64_t initial;
    GHashTable *exits; /* struct ir_block -> index in states + 1: at its end */
};

/* fresh.c */
bool fresh_target_allocates(const struct fresh *fresh, const struct ir_event *event);
const struct ir_path *fresh_pointer_root(const struct ir_value *value);

/* fresh_known.c */
bool fresh_allocates(const char *name);
bool fresh_rule_publishes(const struct pfunction *function, guint param);
bool fresh_stores(const char *name);

/* fresh_groups.c */
void fresh_form_groups(struct fresh *fresh, const struct ir_function *ir);

#endif
