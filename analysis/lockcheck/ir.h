/* What the checker knows of one C translation unit: declarations with their
 * annotations, and each function's body as a control-flow graph of the events
 * that locking can depend on (calls, assignments, accesses). The front end
 * (front_*.c) makes it from libclang's syntax tree, store.c keeps it on disk,
 * and program.c links all units into one program.
 *
 * Strings are interned (ir_intern): equal strings are the same pointer.
 * Everything else lives in GPtrArrays that ir_unit_free() frees. */
#ifndef LOCKCHECK_IR_H
#define LOCKCHECK_IR_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* In place of glib's (intern.c says why); by one thread at a time. */
const char *ir_intern(const char *string);
#define g_intern_string        ir_intern
#define g_intern_static_string ir_intern

/* Where something stands in the source: after macro expansion, the place
 * where the outermost macro was used. file is NULL for "nowhere". */
struct ir_loc {
    const char *file; /* absolute, without "." and ".." */
    uint32_t line;
    uint32_t column;
};

/* A storage location: a root and the way from there.
 *
 *     ctx->queue.lock       PARAM ctx, DEREF, FIELD queue, FIELD lock
 *     table[i].lock         GLOBAL table, INDEX i, FIELD lock
 *     *p                    LOCAL p, DEREF
 *
 * Arrays do not decay here: p[i] of a pointer is DEREF, INDEX; a[i] of an
 * array is INDEX alone. The result of a call, of ?:, && and || that is used
 * is first set to a temporary local, so that every path has a variable as
 * its root. */
enum ir_root {
    IR_ROOT_PARAM,   /* index: number of the parameter of the function */
    IR_ROOT_LOCAL,   /* index: number of the local of the function */
    IR_ROOT_GLOBAL,  /* symbol: linkage name of the variable */
    IR_ROOT_UNKNOWN, /* an expression that the front end cannot name */
};

enum ir_step_kind { IR_STEP_DEREF, IR_STEP_FIELD, IR_STEP_INDEX };

struct ir_step {
    enum ir_step_kind kind;
    const char *record;     /* FIELD: key of the struct or union that has it */
    const char *name;       /* FIELD: its name; INDEX: the index as source text */
    struct ir_value *index; /* INDEX: the index, or NULL if not known */
};

struct ir_path {
    enum ir_root root;
    uint32_t index;
    const char *symbol;
    GArray *steps; /* of struct ir_step; never NULL */
};

/* What an expression is worth, as far as the checker follows it. */
enum ir_value_kind {
    IR_VALUE_UNKNOWN,
    IR_VALUE_INT,     /* number: integer constants, enumerators, NULL as 0 */
    IR_VALUE_STRING,  /* text: a string literal */
    IR_VALUE_ADDRESS, /* path: &path, and an array that decays */
    IR_VALUE_LOAD,    /* path: what is stored there */
    IR_VALUE_FUNC,    /* text: linkage name of the function */
    IR_VALUE_NOT,     /* a: !a */
    IR_VALUE_COMPARE, /* op, a, b */
    IR_VALUE_OFFSET,  /* a: container_of and pointer arithmetic on a; text: the source */
};

enum ir_compare { IR_EQ, IR_NE, IR_LT, IR_LE, IR_GT, IR_GE };

struct ir_value {
    enum ir_value_kind kind;
    enum ir_compare op;
    int64_t number;
    const char *text;
    struct ir_path *path;
    struct ir_value *a;
    struct ir_value *b;
};

enum ir_event_kind {
    IR_CALL,  /* callee(args) -> result */
    IR_SET,   /* path = value; also an initialiser, and each parameter-like copy */
    IR_READ,  /* path is read: globals and paths with a FIELD or DEREF */
    IR_WRITE, /* path is written in a way that IR_SET does not say: ++, |=, struct copy */
};

/* Events stand in the order of evaluation. A read that is an argument of a
 * call comes before the call, and so does a call within its arguments. */
struct ir_event {
    enum ir_event_kind kind;
    struct ir_loc loc;
    bool atomic;             /* the object accessed has an atomic type */
    struct ir_path *path;    /* SET, READ, WRITE */
    struct ir_value *value;  /* SET: what is assigned */
    struct ir_value *callee; /* CALL: FUNC for a direct call, LOAD for one through a pointer */
    GPtrArray *args;         /* CALL: of struct ir_value */
    int32_t result;          /* CALL: the local that takes the result, or -1 */
    const char *macro;       /* CALL: the outermost macro that it was written by, or NULL */
    bool cleanup;            /* CALL: made by __attribute__((cleanup)) at the end of a scope */
};

enum ir_exit_kind {
    IR_GOTO,        /* to next[0] */
    IR_BRANCH,      /* on cond: next[0] if it is not 0, next[1] if it is */
    IR_RETURN,      /* value: may be NULL */
    IR_UNREACHABLE, /* after a call that does not return */
};

struct ir_block {
    GPtrArray *events; /* of struct ir_event */
    enum ir_exit_kind exit;
    struct ir_value *value; /* BRANCH: the condition; RETURN: the result */
    uint32_t next[2];
    struct ir_loc loc; /* of the exit */
};

/* A C type as far as locking cares. For pointers and arrays, what is pointed
 * to or contained is in `record`, `name` and `function` of the same struct. */
struct ir_type {
    const char *spelling; /* as in the source, typedefs kept */
    const char *name;     /* the innermost typedef or tag name: "pthread_mutex_t" */
    const char *record;   /* key of the struct or union, or NULL */
    uint8_t pointers;     /* levels of pointer between the object and name */
    bool array;
    bool is_const; /* the object itself cannot be written */
    bool atomic;   /* _Atomic, atomic_int, ... */
    bool function; /* a function, or after pointers > 0 a pointer to one */
    bool is_volatile;
};

/* Annotations are the strings of __attribute__((annotate("..."))); clang's own
 * thread-safety attributes are translated to the same form. See annotation.h. */
struct ir_variable {
    const char *name;
    const char *symbol; /* globals: linkage name, "file.c:name" if static */
    struct ir_type type;
    struct ir_loc loc;
    GPtrArray *annotations; /* of const char *; never NULL */
    const char *cleanup;    /* locals: linkage name of the cleanup function */
    bool is_static;
    bool thread_local;
    bool definition;      /* globals */
    const char *function; /* static locals: the function that they are in */
};

struct ir_record {
    const char *key;  /* the same in all units: clang's USR */
    const char *name; /* for people: "struct queue" */
    struct ir_loc loc;
    GPtrArray *annotations;
    GPtrArray *fields; /* of struct ir_variable; symbol is NULL. Anonymous members' fields are
                          listed as their own */
};

struct ir_function {
    const char *symbol; /* linkage name: "foo", or "/dir/file.c:foo" if static */
    const char *name;   /* as written */
    struct ir_loc loc;
    struct ir_loc end;    /* closing brace */
    struct ir_loc stated; /* the first declaration with annotations; line 0: none */
    bool is_static;
    bool is_noreturn;
    bool returns_value;
    bool returns_pointer;
    GPtrArray *annotations; /* of all declarations seen in this unit */
    GPtrArray *params;      /* of struct ir_variable */
    GPtrArray *locals;      /* of struct ir_variable; empty without a body */
    GPtrArray *blocks;      /* of struct ir_block; [0] is the entry; NULL without a body */
};

struct ir_dependency {
    const char *path;
    int64_t mtime_ns;
    int64_t size;
};

/* Initialisers of globals are IR_SET events of the function that is named
 * IR_INIT_SYMBOL: they run before anything else and hold nothing. */
#define IR_INIT_SYMBOL "(initialisers)"

struct ir_unit {
    const char *main_file;
    GPtrArray *functions;    /* of struct ir_function */
    GPtrArray *globals;      /* of struct ir_variable */
    GPtrArray *records;      /* of struct ir_record */
    GPtrArray *dependencies; /* of struct ir_dependency: all files read */
    GPtrArray *errors;       /* of char *: compiler errors "file:line:col: text", unparsed code */
};

struct ir_unit *ir_unit_new(const char *main_file);
void ir_unit_free(struct ir_unit *unit);

struct ir_function *ir_function_new(void);
/* For the blocks of a function with a body. */
GPtrArray *ir_blocks_new(void);
struct ir_block *ir_block_new(void);
/* How many of its `next` count: 0, 1 or 2. */
unsigned ir_block_successors(const struct ir_block *block);
struct ir_event *ir_event_new(enum ir_event_kind kind, struct ir_loc loc);
struct ir_record *ir_record_new(void);
struct ir_variable *ir_variable_new(void);
void ir_variable_free(struct ir_variable *variable);

struct ir_path *ir_path_new(enum ir_root root, uint32_t index, const char *symbol);
struct ir_path *ir_path_copy(const struct ir_path *path);
void ir_path_add(struct ir_path *path, struct ir_step step);
void ir_path_free(struct ir_path *path);
struct ir_value *ir_value_new(enum ir_value_kind kind);
struct ir_value *ir_value_copy(const struct ir_value *value);
void ir_value_free(struct ir_value *value);

/* For people and tests: "ctx->queue.lock", names taken from the function. */
char *ir_path_text(const struct ir_path *path, const struct ir_function *function);
char *ir_value_text(const struct ir_value *value, const struct ir_function *function);
/* --dump-ir: every function with its blocks. */
void ir_unit_dump(const struct ir_unit *unit, GString *out);

#endif
