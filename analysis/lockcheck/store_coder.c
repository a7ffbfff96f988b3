/* The smallest parts of a stored unit: numbers of variable length, strings by
 * number, lists with their length. Each function writes what it is given or
 * fills it in, as the coder says; reading stops at what does not fit. */
#include "store_coder.h"

#include <string.h>

void coder_put(GByteArray *out, uint64_t number)
{
    uint8_t bytes[10];
    guint length = 0;

    while (number >= 0x80) {
        bytes[length++] = (uint8_t)(number | 0x80);
        number >>= 7;
    }
    bytes[length++] = (uint8_t)number;
    g_byte_array_append(out, bytes, length);
}

uint64_t coder_get(struct coder *c)
{
    uint64_t number = 0;

    for (unsigned shift = 0; c->at < c->end && shift < 64; shift += 7) {
        uint8_t byte = *c->at++;

        number |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            return number;
        }
    }
    c->failed = true;
    c->at = c->end;
    return 0;
}

/* A number up to `max`. */
uint64_t coder_number(struct coder *c, uint64_t number, uint64_t max)
{
    if (c->writing) {
        coder_put(c->out, number);
        return number;
    }
    number = coder_get(c);
    if (number > max) {
        c->failed = true;
        number = 0;
    }
    return number;
}

void coder_u32(struct coder *c, uint32_t *number)
{
    *number = (uint32_t)coder_number(c, *number, UINT32_MAX);
}

void coder_s64(struct coder *c, int64_t *number)
{
    /* Small ones of either sign are short. */
    uint64_t code = ((uint64_t)*number << 1) ^ (*number < 0 ? UINT64_MAX : 0);

    code = coder_number(c, code, UINT64_MAX);
    *number = (int64_t)(code >> 1) ^ -(int64_t)(code & 1);
}

/* How many elements follow; each takes a byte at least. */
guint coder_count(struct coder *c, const GPtrArray *array)
{
    uint64_t count = coder_number(c, array ? array->len : 0, UINT32_MAX);

    if (!c->writing && count > (uint64_t)(c->end - c->at)) {
        c->failed = true;
        count = 0;
    }
    return (guint)count;
}

void coder_string(struct coder *c, const char **string)
{
    if (c->writing) {
        gpointer number = NULL;

        if (*string && !(number = g_hash_table_lookup(c->numbers, *string))) {
            number = GUINT_TO_POINTER(c->strings->len);
            g_ptr_array_add(c->strings, (gpointer)(uintptr_t)*string);
            g_hash_table_insert(c->numbers, (gpointer)(uintptr_t)*string, number);
        }
        coder_put(c->out, GPOINTER_TO_UINT(number));
        return;
    }
    *string = c->strings->pdata[coder_number(c, 0, c->strings->len - 1)];
}

void coder_loc(struct coder *c, struct ir_loc *loc)
{
    coder_string(c, &loc->file);
    coder_u32(c, &loc->line);
    coder_u32(c, &loc->column);
}

void coder_strings(struct coder *c, GPtrArray *array)
{
    guint count = coder_count(c, array);

    for (guint i = 0; i < count && !c->failed; i++) {
        const char *string = c->writing ? array->pdata[i] : NULL;

        coder_string(c, &string);
        if (!c->writing && string) {
            g_ptr_array_add(array, (gpointer)(uintptr_t)string);
        }
    }
}
