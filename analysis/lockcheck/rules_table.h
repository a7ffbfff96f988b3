/* What the files of the rules share: rules.c keeps them, rules_builtin.c and
 * rules_config.c fill them in. */
#ifndef LOCKCHECK_RULES_TABLE_H
#define LOCKCHECK_RULES_TABLE_H

#include "rules.h"

/* An annotation for declarations of a name, from a configuration file. */
struct rules_note {
    const char *name;       /* "foo", "dir/file.c:foo", "struct queue.lock" */
    const char *annotation; /* "lockcheck:..." */
    const char *origin;     /* "file:line" */
    bool used;
};

struct rules {
    GPtrArray *all;      /* of struct rule; owned */
    GHashTable *by_name; /* exact name -> GPtrArray of struct rule */
    GPtrArray *patterns; /* of struct rule, those whose name ends in * */
    GHashTable *answers; /* name -> NULL-terminated array of struct rule: what rules_of has said */
    GHashTable *types;   /* name -> struct lock_type */
    GPtrArray *notes;    /* of struct rules_note */
    GHashTable
        *noted; /* name -> GPtrArray of struct rules_note; a leading directory is not part of it */
    GHashTable *project; /* key -> GPtrArray of const char *, NULL at the end */
};

/* The rule and the type are copied; their strings are interned or static. */
void rules_add(struct rules *rules, const struct rule *rule);
/* Forgets what is known of a name, so that it can be said anew. */
void rules_forget(struct rules *rules, const char *function);
void rules_add_type(struct rules *rules, const struct lock_type *type);
void rules_add_note(struct rules *rules, const char *name, const char *annotation,
                    const char *origin);

void rules_add_builtin(struct rules *rules);

#endif
