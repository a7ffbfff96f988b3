/* All units as one program: symbols linked, duplicates of headers' inline
 * functions and records merged, calls through pointers resolved to what is
 * stored in the pointer anywhere. Built once, then read by all checks. */
#ifndef LOCKCHECK_PROGRAM_H
#define LOCKCHECK_PROGRAM_H

#include "annotation.h"
#include "finding.h"
#include "ir.h"
#include "rules.h"

/* A function of the program, and how it is linked to others. */
struct pfunction {
    struct ir_function *ir; /* the definition, or a declaration if there is none */
    GPtrArray *annotations; /* of all declarations in all units; const char * */
    const struct rule *const *rules;
    GPtrArray *calls;   /* of struct pcall: calls in its body */
    GPtrArray *callers; /* of struct pcall: resolved calls to it */
    GPtrArray *stored;  /* of struct pslot: slots it is stored in; its address is taken */
    bool builtin; /* a rule, or an acquire/release annotation with no_analysis, defines it: its body
                     is not looked into */
    void *flow;   /* flow.c */
    void *check;  /* scratch of the check that runs */
    uint32_t number; /* index in program->functions */
    uint32_t unit;   /* index in program->units of the unit that `ir` is from */
};

/* A place that function pointers are stored in: a field of a record, a
 * global, a parameter, a local, or the result of a function. */
struct pslot {
    const char *name;       /* for people: "struct ops.run", "parameter 2 of foo" */
    GPtrArray *functions;   /* of struct pfunction: all that may be in it */
    GArray *origins;        /* of struct ir_loc: where each of these was named on its way here */
    GPtrArray *annotations; /* contract of the pointer, only kinds that state one; const char * */
    struct ir_loc loc;
    bool escapes;         /* something that we cannot follow is stored in it as well */
    bool among_contracts; /* other members of its struct state contracts */
};

struct pcall {
    struct pfunction *caller;
    struct ir_event *event;
    struct pslot *slot;   /* of an indirect call; NULL for a direct one */
    GPtrArray *targets;   /* of struct pfunction: one for a direct call; may be empty */
    GPtrArray *callbacks; /* of struct pfunction: what the callee calls before it returns, by
                             RULE_CALLBACK */
    bool unresolved;      /* indirect, and nothing known can be called */
    bool fatal;           /* never comes back: the program ends there, or an error unwinds */
};

struct program_index; /* what program*.c need to answer questions */

struct program {
    GPtrArray *units;      /* of struct ir_unit; owned */
    GPtrArray *functions;  /* of struct pfunction, those with a body first; owned */
    GHashTable *by_symbol; /* symbol -> struct pfunction */
    GHashTable *globals;   /* symbol -> struct ir_variable; the definition if there is one */
    GHashTable *records;   /* key -> struct ir_record, the one with fields */
    GPtrArray *slots;      /* of struct pslot; owned */
    GHashTable *call_of;   /* struct ir_event * -> struct pcall * */
    const struct rules *rules;
    void *flow; /* flow.c */
    struct program_index *index;
    bool annotated; /* something in the program has a lockcheck or clang annotation */
};

/* Takes the units over. `rules` must live as long as the program. */
struct program *program_new(GPtrArray *units, const struct rules *rules);
void program_free(struct program *program);

struct pfunction *program_function(const struct program *program, const char *symbol);
const struct ir_record *program_record(const struct program *program, const char *key);
const struct ir_variable *program_global(const struct program *program, const char *symbol);
/* The field that the last FIELD step of a path names, or the variable that is
 * its root; NULL if unknown. */
const struct ir_variable *program_variable(const struct program *program,
                                           const struct ir_path *path,
                                           const struct ir_function *function);
/* The slot that a value is loaded from (field, global, parameter, local), or NULL. */
struct pslot *program_slot(const struct program *program, const struct ir_function *function,
                           const struct ir_value *value);
struct pcall *program_call(const struct program *program, const struct ir_event *event);
/* The pfunction that has this body. */
struct pfunction *program_function_of(const struct program *program, const struct ir_function *ir);
/* The global of that name as code in `file` would see it: its own static
 * first, then the external one, then any; NULL if there is none. */
const struct ir_variable *program_global_named(const struct program *program, const char *name,
                                               const char *file);
const struct ir_variable *program_field(const struct program *program, const char *record,
                                        const char *name);
/* Whether the type is, or points to, one that can be locked. */
bool program_is_lock_type(const struct program *program, const struct ir_type *type);
/* A lock whose address is stored somewhere. */
struct stored_lock {
    const struct ir_path *path; /* of the lock, in terms of the function */
    const struct ir_function *function;
    struct ir_loc loc; /* where its address is taken */
};
/* What pointers to locks in a field or global may point to, anywhere in the
 * program: of struct stored_lock; NULL: nothing is known. Some of them may not
 * be told if `others` is set. */
const GPtrArray *program_stored_locks(const struct program *program, const struct ir_path *path,
                                      bool *others);
/* All functions that a value may be: struct pfunction; to be freed. */
GPtrArray *program_value_functions(const struct program *program,
                                   const struct ir_function *function,
                                   const struct ir_value *value);
/* A callee's path in the terms of a call: parameters replaced by arguments.
 * NULL if an argument cannot be named; to be freed. */
struct ir_path *program_bind_path(const struct ir_path *path, const GPtrArray *args);
/* Functions in an order in which callees come before callers where there is
 * no recursion: GPtrArray of GPtrArray of struct pfunction, one per strongly
 * connected component; owned by the program. */
const GPtrArray *program_components(struct program *program);

#endif
