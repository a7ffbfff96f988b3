/* The tables of places and terms. Invariant: everything in a table is
 * immutable but for what is looked up lazily (path, class), its parts are in
 * the same table or in the shared one, and depth is bounded, so that walking
 * up a place or down a term ends soon whatever the input. */
#include "flow_place_internal.h"

struct place_table {
    struct place_table *shared; /* NULL: this is the shared one */
    GHashTable *places, *terms;
    GPtrArray *chunks;
    gsize used; /* of the last chunk */
    uint32_t next_id;
};

enum { CHUNK = 32 * 1024 };

static void *arena_take(struct place_table *table, gsize size)
{
    size = (size + 15) & ~(gsize)15;
    if (table->chunks->len == 0 || table->used + size > CHUNK) {
        g_ptr_array_add(table->chunks, g_malloc(CHUNK));
        table->used = 0;
    }
    char *chunk = g_ptr_array_index(table->chunks, table->chunks->len - 1);

    chunk += table->used;
    table->used += size;
    return chunk;
}

static uint32_t mix(uint32_t hash, uintptr_t value)
{
    uint64_t x = (uint64_t)value * 0x9e3779b97f4a7c15u;

    return (hash ^ (uint32_t)(x >> 32)) * 0x01000193u;
}

static guint place_hash(gconstpointer key)
{
    return ((const struct place *)key)->hash;
}

static gboolean place_equal(gconstpointer left, gconstpointer right)
{
    const struct place *a = left, *b = right;

    if (a->parent != b->parent || a->hash != b->hash) {
        return FALSE;
    }
    if (!a->parent) {
        return a->root == b->root && a->number == b->number && a->symbol == b->symbol &&
               a->old == b->old;
    }
    if (a->step != b->step || a->key != b->key) {
        return FALSE;
    }
    return a->step == IR_STEP_DEREF ||
           (a->name == b->name && (a->step != IR_STEP_FIELD || a->record == b->record));
}

static guint term_hash(gconstpointer key)
{
    return ((const struct term *)key)->hash;
}

static gboolean term_equal(gconstpointer left, gconstpointer right)
{
    const struct term *a = left, *b = right;

    return a->kind == b->kind && a->op == b->op && a->number == b->number && a->text == b->text &&
           a->place == b->place && a->a == b->a && a->b == b->b;
}

struct place_table *place_table_new(struct place_table *shared)
{
    struct place_table *table = g_new0(struct place_table, 1);

    table->shared = shared;
    table->places = g_hash_table_new(place_hash, place_equal);
    table->terms = g_hash_table_new(term_hash, term_equal);
    table->chunks = g_ptr_array_new_with_free_func(g_free);
    table->next_id = shared ? 0x80000000u : 1;
    return table;
}

void place_table_free(struct place_table *table)
{
    GHashTableIter iter;
    gpointer key;

    if (!table) {
        return;
    }
    g_hash_table_iter_init(&iter, table->places);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        ir_path_free(((struct place *)key)->path);
    }
    g_hash_table_unref(table->places);
    g_hash_table_unref(table->terms);
    g_ptr_array_unref(table->chunks);
    g_free(table);
}

static struct place_table *home(struct place_table *table, bool private)
{
    return private || !table->shared ? table : table->shared;
}

const struct place *place_intern(struct place_table *table, struct place *wanted)
{
    uint32_t hash = 0;

    if (wanted->parent) {
        hash = mix(wanted->parent->hash, (uintptr_t)wanted->step + 7);
        if (wanted->step != IR_STEP_DEREF) {
            hash = mix(mix(hash, (uintptr_t)wanted->name), (uintptr_t)wanted->key);
        }
    } else {
        hash = mix(mix(mix(17, (uintptr_t)wanted->root), wanted->number),
                   (uintptr_t)wanted->symbol + wanted->old);
    }
    wanted->hash = hash;
    table = home(table, wanted->private);
    struct place *place = g_hash_table_lookup(table->places, wanted);

    if (!place) {
        place = arena_take(table, sizeof *place);
        *place = *wanted;
        place->id = table->next_id++;
        g_hash_table_add(table->places, place);
    }
    return place;
}

const struct place *place_step(struct place_table *table, const struct place *parent,
                               enum ir_step_kind step, const char *record, const char *name,
                               const struct term *key)
{
    if (!parent || parent->depth >= PLACE_MAX_DEPTH) {
        return NULL;
    }
    struct place wanted = {.parent = parent, .root = parent->root, .step = step};

    wanted.record = record;
    wanted.name = name;
    wanted.key = key;
    wanted.depth = (uint16_t)(parent->depth + 1);
    wanted.private = parent->private || (key && key->private);
    wanted.opaque = parent->opaque || (key && key->opaque);
    wanted.repeats =
        parent->repeats || (step == IR_STEP_FIELD && place_has_field(parent, record, name));
    wanted.local = -1;
    return place_intern(table, &wanted);
}

const struct term *term_intern(struct place_table *table, struct term *wanted)
{
    uint32_t hash = mix(mix(29, (uintptr_t)wanted->kind), (uintptr_t)wanted->op);

    hash = mix(mix(hash, (uintptr_t)wanted->number), (uintptr_t)wanted->text);
    hash = mix(mix(hash, (uintptr_t)wanted->place), (uintptr_t)wanted->a);
    wanted->hash = mix(hash, (uintptr_t)wanted->b);
    table = home(table, wanted->private);
    struct term *term = g_hash_table_lookup(table->terms, wanted);

    if (!term) {
        term = arena_take(table, sizeof *term);
        *term = *wanted;
        term->id = table->next_id++;
        g_hash_table_add(table->terms, term);
    }
    return term;
}

const struct term *term_of_place(struct place_table *table, enum term_kind kind,
                                 const struct place *place)
{
    if (!place) {
        return NULL;
    }
    struct term wanted = {.kind = kind, .place = place, .private = place->private};

    wanted.opaque = place->opaque;
    return term_intern(table, &wanted);
}

const struct term *term_compound(struct place_table *table, enum term_kind kind, enum ir_compare op,
                                 const struct term *a, const struct term *b, const char *text)
{
    uint16_t depth = a ? a->depth : 0;

    if (b && b->depth > depth) {
        depth = b->depth;
    }
    if (!a || depth >= TERM_MAX_DEPTH) {
        return NULL;
    }
    struct term wanted = {.kind = kind, .op = op, .a = a, .b = b, .text = text};

    wanted.depth = (uint16_t)(depth + 1);
    wanted.private = a->private || (b && b->private);
    wanted.opaque = a->opaque || (b && b->opaque);
    return term_intern(table, &wanted);
}
