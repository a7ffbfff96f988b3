/* Lock contracts of functions and of pointers to them, taken from their
 * annotations: one item for each lock that each annotation names. */
#ifndef LOCKCHECK_CONTRACT_H
#define LOCKCHECK_CONTRACT_H

#include "flow.h"

struct contract_item {
    enum annotation_kind kind;
    const char *text; /* the lock as written; "" for the object of the first parameter */
    struct ir_path
        *path;   /* in terms of the function; parameters of a pointer by number; may be NULL */
    bool shared; /* held in shared mode is enough, or taken so */
    bool bare;   /* the root is a name that is no variable: perhaps a parameter's */
};

/* Of struct contract_item, owned; `function` is NULL for a pointer's. */
GPtrArray *contract_items(const struct program *program, const GPtrArray *annotations,
                          const struct ir_function *function);
bool contract_has_locks(const GPtrArray *annotations);

bool contract_is_requirement(enum annotation_kind kind);
bool contract_is_acquire(enum annotation_kind kind); /* also try_acquire */
bool contract_is_release(enum annotation_kind kind);

/* Whether two items, of a function and of a pointer to it, mean one lock. */
bool contract_same_lock(const struct contract_item *a, const struct contract_item *b);

/* The role that annotations bind to, or NULL; interned, in the form of
 * role_name. */
const char *contract_role(const GPtrArray *annotations, enum annotation_kind kind);
/* Roles have several spellings: "vcpu", "vcpu_role"; "main", "main-loop". */
const char *role_name(const char *text);

#endif
