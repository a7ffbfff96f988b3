/* What rcu_escape.c, which follows protected pointers through a function, and
 * rcu_report.c, which judges what is done with them, share. */
#ifndef LOCKCHECK_RCU_ESCAPE_H
#define LOCKCHECK_RCU_ESCAPE_H

#include "rcu_internal.h"

#define MAX_TRACKED 64
#define NOT_TRACKED UINT8_MAX

struct state {
    int depth;
    bool reached;
    uint64_t live;
    uint64_t stale;
    uint64_t old;
};

struct tracked {
    enum ir_root root;
    uint32_t index;
    struct ir_loc source;        /* where it was read */
    const struct ir_path *place; /* from where, or NULL */
    uint64_t params;             /* parameters that it may be a copy of */
};

struct escape {
    struct rcu *rcu;
    const struct pfunction *function;
    struct rcu_summary *summary;
    uint8_t *params; /* number of the parameter -> number of the tracked variable */
    uint8_t *locals;
    struct tracked tracked[MAX_TRACKED];
    guint count;
    bool report;
    bool returned;    /* a way out has been seen: the summary's delta is set */
    bool seed_params; /* to find out which parameters are freed */
    GHashTable *told;
};

static inline uint64_t bit(uint8_t number)
{
    return number == NOT_TRACKED ? 0 : UINT64_C(1) << number;
}

/* rcu_tracked.c: chooses the variables to follow. */
void find_tracked(struct escape *e);
/* The variable that a path begins in, if it is tracked. */
uint8_t tracked_root(const struct escape *e, const struct ir_path *path);
/* The tracked variable that a value is, or points into the object of. */
uint8_t tracked_value(const struct escape *e, const struct ir_value *value);
/* A pointer as it was before arithmetic on it. */
const struct ir_value *rcu_strip(const struct ir_value *value);
bool begins_with_deref(const struct ir_path *path);
void forget(struct state *state, uint64_t bits);

/* rcu_report.c */
void report_escape(struct escape *e, gconstpointer key, struct ir_loc loc, uint8_t number,
                   const char *format, ...) G_GNUC_PRINTF(5, 6);
const char *variable_name(const struct escape *e, uint8_t number);
void check_use(struct escape *e, const struct state *state, const struct ir_event *event);
void check_arguments(struct escape *e, struct state *state, const struct ir_event *event,
                     const struct pfunction *target);
void check_store(struct escape *e, const struct state *state, const struct ir_event *event,
                 uint8_t from);
bool counts_reference(const struct ir_path *path);

#endif
