/* What the files of places and terms share: the place or term of a table that
 * is equal to the wanted one, which is made if there is none yet. */
#ifndef LOCKCHECK_FLOW_PLACE_INTERNAL_H
#define LOCKCHECK_FLOW_PLACE_INTERNAL_H

#include "flow_place.h"

/* The hash is worked out here. */
const struct place *place_intern(struct place_table *table, struct place *wanted);
const struct term *term_intern(struct place_table *table, struct term *wanted);

/* NULL if a part is unknown, or it gets too deep. */
const struct place *place_step(struct place_table *table, const struct place *parent,
                               enum ir_step_kind step, const char *record, const char *name,
                               const struct term *key);
const struct term *term_of_place(struct place_table *table, enum term_kind kind,
                                 const struct place *place);
const struct term *term_compound(struct place_table *table, enum term_kind kind, enum ir_compare op,
                                 const struct term *a, const struct term *b, const char *text);

/* flow_place.c: whether the field is a step of the place. */
bool place_has_field(const struct place *place, const char *record, const char *name);

/* flow_place_name.c: as the root is called in the function. */
const char *place_root_name(const struct place *root, const struct ir_function *function);
/* The key of a step in the form of the IR, its value and its name; NULL if
 * there is none. */
struct ir_value *place_key_value(const struct term *key);
const char *place_key_name(const struct term *key);
/* What stands between the brackets in the source; to be freed, or NULL. */
char *place_key_text(const struct term *key, const struct ir_function *function);

#endif
