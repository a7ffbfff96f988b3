/* Interned places and terms. Invariant: everything in a table is immutable
 * but for what is looked up lazily (path, class), its parts are in the same
 * table or in the shared one, and depth is bounded, so that walking up a
 * place or down a term ends soon whatever the input. */
#include "flow_place.h"

#include <string.h>

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

static const struct place *place_intern(struct place_table *table, struct place *wanted)
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

const struct place *place_root(struct place_table *table, enum place_root root, uint32_t number,
                               const char *symbol)
{
    struct place wanted = {.root = root, .number = number, .symbol = symbol, .local = -1};

    wanted.private = root == PLACE_LOCAL || root == PLACE_OPAQUE;
    wanted.opaque = root == PLACE_OPAQUE;
    return place_intern(table, &wanted);
}

const struct place *place_opaque(struct place_table *table, uint32_t number, bool old,
                                 int32_t local)
{
    struct place wanted = {.root = PLACE_OPAQUE, .number = number, .old = old, .local = local};

    wanted.private = true;
    wanted.opaque = true;
    return place_intern(table, &wanted);
}

static const struct place *place_step(struct place_table *table, const struct place *parent,
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
    wanted.repeats = parent->repeats;
    wanted.local = -1;
    if (step == IR_STEP_FIELD) {
        for (const struct place *up = parent; up && !wanted.repeats; up = up->parent) {
            wanted.repeats =
                up->parent && up->step == IR_STEP_FIELD && up->name == name && up->record == record;
        }
    }
    return place_intern(table, &wanted);
}

const struct place *place_deref(struct place_table *table, const struct place *parent)
{
    return place_step(table, parent, IR_STEP_DEREF, NULL, NULL, NULL);
}

const struct place *place_field(struct place_table *table, const struct place *parent,
                                const char *record, const char *name)
{
    return place_step(table, parent, IR_STEP_FIELD, record, name, NULL);
}

const struct place *place_index(struct place_table *table, const struct place *parent,
                                const struct term *key, const char *name)
{
    /* Known keys are the same whatever they were called. */
    return place_step(table, parent, IR_STEP_INDEX, NULL, key ? NULL : name, key);
}

const struct place *place_root_of(const struct place *place)
{
    while (place->parent) {
        place = place->parent;
    }
    return place;
}

bool place_is_memory(const struct place *place)
{
    if (place->root == PLACE_GLOBAL) {
        return true;
    }
    for (; place->parent; place = place->parent) {
        if (place->step == IR_STEP_DEREF) {
            return true;
        }
    }
    return false;
}

static struct ir_value *index_value(const struct term *key)
{
    struct ir_value *value;

    if (key->kind == TERM_INT) {
        value = ir_value_new(IR_VALUE_INT);
        value->number = key->number;
        return value;
    }
    if (key->kind == TERM_VALUE) {
        value = ir_value_new(IR_VALUE_LOAD);
        value->path = ir_path_copy(place_path(key->place));
        return value;
    }
    return NULL;
}

const struct ir_path *place_path(const struct place *place)
{
    struct place *lazy = (struct place *)place;
    struct ir_path *path;

    if (place->path) {
        return place->path;
    }
    if (place->parent) {
        struct ir_step step = {.kind = place->step, .record = place->record, .name = place->name};

        path = ir_path_copy(place_path(place->parent));
        if (place->key) {
            step.index = index_value(place->key);
            if (place->key->kind == TERM_INT) {
                char text[32];

                g_snprintf(text, sizeof text, "%" G_GINT64_FORMAT, place->key->number);
                step.name = g_intern_string(text);
            } else if (place->key->kind == TERM_VALUE) {
                char *text = place_text(place->key->place, NULL);

                step.name = g_intern_string(text);
                g_free(text);
            } else if (place->key->text) {
                step.name = place->key->text;
            }
        }
        ir_path_add(path, step);
    } else if (place->root == PLACE_PARAM) {
        path = ir_path_new(IR_ROOT_PARAM, place->number, NULL);
    } else if (place->root == PLACE_LOCAL) {
        path = ir_path_new(IR_ROOT_LOCAL, place->number, NULL);
    } else if (place->root == PLACE_GLOBAL) {
        path = ir_path_new(IR_ROOT_GLOBAL, 0, place->symbol);
    } else if (place->root == PLACE_OPAQUE && place->local >= 0 && !place->old) {
        path = ir_path_new(IR_ROOT_LOCAL, (uint32_t)place->local, NULL);
    } else {
        path = ir_path_new(IR_ROOT_UNKNOWN, place->number, NULL);
    }
    lazy->path = path;
    return path;
}

static const char *root_text(const struct place *root, const struct ir_function *function)
{
    const GPtrArray *names = NULL;
    uint32_t number = root->number;

    if (root->root == PLACE_GLOBAL) {
        const char *colon = strrchr(root->symbol, ':');

        return colon ? colon + 1 : root->symbol;
    }
    if (root->root == PLACE_PARAM) {
        names = function ? function->params : NULL;
    } else if (root->root == PLACE_LOCAL || (root->root == PLACE_OPAQUE && root->local >= 0)) {
        number = root->root == PLACE_LOCAL ? number : (uint32_t)root->local;
        names = function ? function->locals : NULL;
    }
    if (names && number < names->len) {
        const struct ir_variable *variable = g_ptr_array_index(names, number);

        if (variable->name && variable->name[0]) {
            return variable->name;
        }
    }
    return root->root == PLACE_RESULT ? "(result)" : "(object)";
}

char *place_text(const struct place *place, const struct ir_function *function)
{
    const struct place *steps[PLACE_MAX_DEPTH + 1];
    GString *text = g_string_new(NULL);
    int count = 0;
    bool arrow = false;

    for (; place->parent; place = place->parent) {
        steps[count++] = place;
    }
    g_string_append(text, root_text(place, function));
    while (count-- > 0) {
        const struct place *step = steps[count];

        if (step->step == IR_STEP_DEREF) {
            if (arrow || count == 0) {
                g_string_prepend(text, "*");
            }
            arrow = true;
            continue;
        }
        if (step->step == IR_STEP_FIELD) {
            g_string_append_printf(text, "%s%s", arrow ? "->" : ".", step->name);
        } else if (step->key && step->key->kind == TERM_INT) {
            g_string_append_printf(text, "[%" G_GINT64_FORMAT "]", step->key->number);
        } else if (step->key && step->key->kind == TERM_VALUE && step->key->place->depth < 4) {
            char *key = place_text(step->key->place, function);

            g_string_append_printf(text, "[%s]", key);
            g_free(key);
        } else {
            const char *name = step->key && step->key->text ? step->key->text : step->name;

            g_string_append_printf(text, "[%s]", name ? name : "...");
        }
        arrow = false;
    }
    return g_string_free(text, FALSE);
}

static const struct term *term_intern(struct place_table *table, struct term *wanted)
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

const struct term *term_int(struct place_table *table, int64_t number)
{
    struct term wanted = {.kind = TERM_INT, .number = number};

    return term_intern(table, &wanted);
}

static const struct term *of_place(struct place_table *table, enum term_kind kind,
                                   const struct place *place)
{
    if (!place) {
        return NULL;
    }
    struct term wanted = {.kind = kind, .place = place, .private = place->private};

    wanted.opaque = place->opaque;
    return term_intern(table, &wanted);
}

const struct term *term_address(struct place_table *table, const struct place *place)
{
    /* &*p is p. */
    if (place && place->parent && place->step == IR_STEP_DEREF) {
        return term_value(table, place->parent);
    }
    return of_place(table, TERM_ADDRESS, place);
}

const struct term *term_value(struct place_table *table, const struct place *place)
{
    return of_place(table, TERM_VALUE, place);
}

const struct term *term_text(struct place_table *table, enum term_kind kind, const char *text)
{
    struct term wanted = {.kind = kind, .text = text};

    return term_intern(table, &wanted);
}

static const struct term *compound(struct place_table *table, enum term_kind kind,
                                   enum ir_compare op, const struct term *a, const struct term *b,
                                   const char *text)
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

const struct term *term_not(struct place_table *table, const struct term *a)
{
    if (a && a->kind == TERM_INT) {
        return term_int(table, a->number == 0);
    }
    if (a && a->kind == TERM_NOT && (a->a->kind == TERM_COMPARE || a->a->kind == TERM_NOT)) {
        return a->a;
    }
    return compound(table, TERM_NOT, IR_EQ, a, NULL, NULL);
}

const struct term *term_compare(struct place_table *table, enum ir_compare op, const struct term *a,
                                const struct term *b)
{
    if (!a || !b) {
        return NULL;
    }
    switch (op) {
    case IR_EQ:
        if (a == b) {
            return term_int(table, 1);
        }
        if (a->kind == TERM_INT && b->kind == TERM_INT) {
            return term_int(table, 0);
        }
        /* The constant stands right; otherwise the older term left. */
        if (a->kind == TERM_INT || (b->kind != TERM_INT && b->id < a->id)) {
            return compound(table, TERM_COMPARE, IR_EQ, b, a, NULL);
        }
        return compound(table, TERM_COMPARE, IR_EQ, a, b, NULL);
    case IR_NE:
        return term_not(table, term_compare(table, IR_EQ, a, b));
    case IR_LT:
        if (a->kind == TERM_INT && b->kind == TERM_INT) {
            return term_int(table, a->number < b->number);
        }
        return a == b ? term_int(table, 0) : compound(table, TERM_COMPARE, IR_LT, a, b, NULL);
    case IR_GT:
        return term_compare(table, IR_LT, b, a);
    case IR_LE:
        return term_not(table, term_compare(table, IR_LT, b, a));
    case IR_GE:
        return term_not(table, term_compare(table, IR_LT, a, b));
    }
    return NULL;
}

const struct term *term_pair(struct place_table *table, const struct term *a, const struct term *b,
                             const char *text)
{
    return b ? compound(table, TERM_OFFSET, IR_EQ, a, b, text) : NULL;
}

const struct term *term_offset(struct place_table *table, const struct term *a, const char *text)
{
    return compound(table, TERM_OFFSET, IR_EQ, a, NULL, text);
}

const struct place *term_deref(struct place_table *table, const struct term *term)
{
    if (!term) {
        return NULL;
    }
    switch (term->kind) {
    case TERM_ADDRESS:
        return term->place;
    case TERM_VALUE:
        return place_deref(table, term->place);
    case TERM_OFFSET:
        return place_index(table, term_deref(table, term->a), NULL, term->text);
    default:
        return NULL;
    }
}

const struct place *place_age(struct place_table *table, const struct place *place, uint32_t number)
{
    if (!place || !place->opaque) {
        return place;
    }
    if (!place->parent) {
        return place->number == number && !place->old
                   ? place_opaque(table, number, true, place->local)
                   : place;
    }
    const struct place *parent = place_age(table, place->parent, number);
    const struct term *key = term_age(table, place->key, number);

    if (parent == place->parent && key == place->key) {
        return place;
    }
    return place_step(table, parent, place->step, place->record, place->name, key);
}

const struct term *term_age(struct place_table *table, const struct term *term, uint32_t number)
{
    if (!term || !term->opaque) {
        return term;
    }
    switch (term->kind) {
    case TERM_ADDRESS:
    case TERM_VALUE:
        return of_place(table, term->kind, place_age(table, term->place, number));
    case TERM_NOT:
    case TERM_OFFSET:
    case TERM_COMPARE:
        return compound(table, term->kind, term->op, term_age(table, term->a, number),
                        term_age(table, term->b, number), term->text);
    default:
        return term;
    }
}

bool place_mentions(const struct place *place, uint32_t opaque, bool old)
{
    for (; place && place->opaque; place = place->parent) {
        if (term_mentions(place->key, opaque, old) ||
            (!place->parent && place->number == opaque && place->old == old)) {
            return true;
        }
    }
    return false;
}

bool term_mentions(const struct term *term, uint32_t opaque, bool old)
{
    if (!term || !term->opaque) {
        return false;
    }
    return place_mentions(term->place, opaque, old) || term_mentions(term->a, opaque, old) ||
           term_mentions(term->b, opaque, old);
}
