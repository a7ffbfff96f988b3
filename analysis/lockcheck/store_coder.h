/* Numbers, strings and lists as bytes and back; see store_code.c. */
#ifndef LOCKCHECK_STORE_CODER_H
#define LOCKCHECK_STORE_CODER_H

#include "ir.h"

struct coder {
    bool writing;
    bool failed;

    GByteArray *out;     /* writing: what comes after the strings */
    GHashTable *numbers; /* writing: string -> its number */
    GPtrArray *strings;  /* by number; reading: interned */

    const uint8_t *at, *end; /* reading */
};

void coder_put(GByteArray *out, uint64_t number);
uint64_t coder_get(struct coder *c);
uint64_t coder_number(struct coder *c, uint64_t number, uint64_t max);
void coder_u32(struct coder *c, uint32_t *number);
void coder_s64(struct coder *c, int64_t *number);
guint coder_count(struct coder *c, const GPtrArray *array);
void coder_string(struct coder *c, const char **string);
void coder_loc(struct coder *c, struct ir_loc *loc);
void coder_strings(struct coder *c, GPtrArray *array);

/* store_value.c; `depth` is that of what contains it. */
void coder_path(struct coder *c, struct ir_path **path, unsigned depth);
void coder_value(struct coder *c, struct ir_value **value, unsigned depth);
void coder_variables(struct coder *c, GPtrArray *array);
void coder_arguments(struct coder *c, GPtrArray *array);

/* store_check.c: of one that was read. */
bool store_unit_is_sound(const struct ir_unit *unit);

#endif
