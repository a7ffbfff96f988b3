/* Interned strings. glib's own leave a growing table behind each time that
 * they need a larger one, for the sake of threads that we do not have; here
 * all that is allocated stays reachable, so that leak checkers have nothing to
 * say, and a look-up takes no lock. */
#include "ir.h"

static GStringChunk *chunk;
static GHashTable *strings; /* set of strings in chunk */

const char *ir_intern(const char *string)
{
    const char *known;

    if (!string) {
        return NULL;
    }
    if (!strings) {
        chunk = g_string_chunk_new(65536);
        strings = g_hash_table_new(g_str_hash, g_str_equal);
    }
    known = g_hash_table_lookup(strings, string);
    if (!known) {
        known = g_string_chunk_insert(chunk, string);
        g_hash_table_add(strings, (gpointer)(uintptr_t)known);
    }
    return known;
}
