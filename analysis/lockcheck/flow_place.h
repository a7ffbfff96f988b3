/* Places and terms: what paths and values of the IR mean in a state, with
 * aliases resolved. Both are interned, so that equal ones are the same
 * pointer, and comparing or hashing a state costs little.
 *
 * A place is a storage location; a term is a value. TERM_VALUE of a place is
 * the value that the place had when the function was entered, a constant
 * that nobody knows; what is stored there later is the state's business. An
 * opaque place stands for a variable that got such an unknown value in the
 * middle of the function: it is named by the event that gave it, and `old`
 * tells an earlier round of a loop from the present one.
 *
 * There are two tables: the program's, for what is rooted in parameters,
 * globals and the result, which summaries refer to; and one for each walk
 * through a function, which ends with the walk. */
#ifndef LOCKCHECK_FLOW_PLACE_H
#define LOCKCHECK_FLOW_PLACE_H

#include "ir.h"

enum place_root {
    PLACE_PARAM,
    PLACE_LOCAL,
    PLACE_GLOBAL,
    PLACE_OPAQUE,
    PLACE_RESULT, /* what the function returns points to; in summaries only */
};

struct lock_class;
struct term;

struct place {
    const struct place *parent; /* NULL: a root */
    enum place_root root;       /* of the whole place */
    uint32_t number;            /* root: of the parameter, the local, the opaque value */
    int32_t local;              /* opaque root: the local that it was given to, or -1 */
    const char *symbol;         /* root: of the global */
    bool old;                   /* opaque root: of an earlier round */
    enum ir_step_kind step;     /* not of a root */
    const char *record, *name;
    const struct term *key; /* INDEX: NULL if it is only known as text */
    uint32_t hash;
    uint32_t id;      /* unique over both tables of a walk */
    uint16_t depth;   /* steps */
    bool private;     /* in the table of a walk */
    bool opaque;      /* something opaque is in it */
    bool repeats;     /* the same field is in it twice: a list that is walked along */
    bool class_known; /* `class` has been looked up */
    const struct lock_class *class;
    struct ir_path *path; /* made when asked for */
};

enum term_kind {
    TERM_INT,
    TERM_ADDRESS,
    TERM_VALUE,
    TERM_FUNCTION,
    TERM_STRING,
    TERM_NOT,
    TERM_COMPARE, /* EQ and LT only: the others are made of them and NOT */
    TERM_OFFSET,
};

struct term {
    enum term_kind kind;
    enum ir_compare op;
    int64_t number;
    const char *text;
    const struct place *place;
    const struct term *a, *b;
    uint32_t hash;
    uint32_t id;
    uint16_t depth;
    bool private;
    bool opaque;
};

enum { PLACE_MAX_DEPTH = 24, TERM_MAX_DEPTH = 8 };

struct place_table;

/* `shared` is the program's table, or NULL to make that one. */
struct place_table *place_table_new(struct place_table *shared);
void place_table_free(struct place_table *table);

/* NULL stands for unknown, in and out: too deep is unknown too. */
const struct place *place_root(struct place_table *table, enum place_root root, uint32_t number,
                               const char *symbol);
const struct place *place_opaque(struct place_table *table, uint32_t number, bool old,
                                 int32_t local);
const struct place *place_deref(struct place_table *table, const struct place *parent);
const struct place *place_field(struct place_table *table, const struct place *parent,
                                const char *record, const char *name);
const struct place *place_index(struct place_table *table, const struct place *parent,
                                const struct term *key, const char *name);
const struct place *place_root_of(const struct place *place);
/* Whether it is memory that others may reach: behind a pointer, or a global. */
bool place_is_memory(const struct place *place);
/* An element by an index that a called function has worked out. */
bool place_is_vague(const struct place *place);
/* In the form of the IR; belongs to the place. */
const struct ir_path *place_path(const struct place *place);
/* "s->queue.lock", as it is called in the function; to be freed. */
char *place_text(const struct place *place, const struct ir_function *function);

const struct term *term_int(struct place_table *table, int64_t number);
const struct term *term_address(struct place_table *table, const struct place *place);
const struct term *term_value(struct place_table *table, const struct place *place);
const struct term *term_text(struct place_table *table, enum term_kind kind, const char *text);
const struct term *term_not(struct place_table *table, const struct term *a);
const struct term *term_compare(struct place_table *table, enum ir_compare op, const struct term *a,
                                const struct term *b);
/* A number that is worked out of two. */
const struct term *term_pair(struct place_table *table, const struct term *a, const struct term *b,
                             const char *text);
const struct term *term_offset(struct place_table *table, const struct term *a, const char *text);
/* What a pointer of this value points to. */
const struct place *term_deref(struct place_table *table, const struct term *term);

/* The same with another root in place of opaque `number`: its earlier round. */
const struct place *place_age(struct place_table *table, const struct place *place,
                              uint32_t number);
const struct term *term_age(struct place_table *table, const struct term *term, uint32_t number);
bool place_mentions(const struct place *place, uint32_t opaque, bool old);
bool term_mentions(const struct term *term, uint32_t opaque, bool old);

/* A term and the terms that it is made of, one by one. */
struct term_parts {
    const struct term *rest[TERM_MAX_DEPTH + 1];
    unsigned count;
};
void term_parts_init(struct term_parts *parts, const struct term *term);
/* NULL: no more. */
const struct term *term_parts_next(struct term_parts *parts);

#endif
