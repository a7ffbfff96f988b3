/* A unit as bytes and back. One description of the form serves both: each
 * function below writes the object it is given or, reading, fills it in, so
 * the two cannot drift apart.
 *
 *     header      magic with version, key, size and checksum of the rest
 *     strings     number, then each with its length and a NUL; string 0 is NULL
 *     dependencies, the main file, errors, functions, globals, records
 *
 * Numbers are of variable length, 7 bits a byte, the low ones first. A file
 * may hold anything: reading stops at the first thing that does not fit and
 * says so; numbers of elements are held against the bytes that are left, enum
 * values and indices against their ranges, nesting against MAX_DEPTH. */
#include "store.h"

#include <string.h>

#define MAGIC     "mlckIR05"
#define MAX_DEPTH 100

struct header {
    char magic[8];
    uint8_t key[STORE_KEY_SIZE];
    uint64_t size;
    uint64_t checksum;
};

struct coder {
    bool writing;
    bool failed;

    GByteArray *out;     /* writing: what comes after the strings */
    GHashTable *numbers; /* writing: string -> its number */
    GPtrArray *strings;  /* by number; reading: interned */

    const uint8_t *at, *end; /* reading */
};

static uint64_t checksum(const uint8_t *data, size_t size)
{
    uint64_t sum = 0x9e3779b97f4a7c15u, word;

    for (; size >= sizeof(word); data += sizeof(word), size -= sizeof(word)) {
        memcpy(&word, data, sizeof(word));
        sum = (sum ^ word) * 0xff51afd7ed558ccdu;
        sum ^= sum >> 32;
    }
    for (; size > 0; data++, size--) {
        sum = (sum ^ *data) * 0xff51afd7ed558ccdu;
        sum ^= sum >> 32;
    }
    return sum;
}

static void put(GByteArray *out, uint64_t number)
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

static uint64_t get(struct coder *c)
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
static uint64_t code_number(struct coder *c, uint64_t number, uint64_t max)
{
    if (c->writing) {
        put(c->out, number);
        return number;
    }
    number = get(c);
    if (number > max) {
        c->failed = true;
        number = 0;
    }
    return number;
}

static void code_u32(struct coder *c, uint32_t *number)
{
    *number = (uint32_t)code_number(c, *number, UINT32_MAX);
}

static void code_s64(struct coder *c, int64_t *number)
{
    /* Small ones of either sign are short. */
    uint64_t code = ((uint64_t)*number << 1) ^ (*number < 0 ? UINT64_MAX : 0);

    code = code_number(c, code, UINT64_MAX);
    *number = (int64_t)(code >> 1) ^ -(int64_t)(code & 1);
}

/* How many elements follow; each takes a byte at least. */
static guint code_count(struct coder *c, const GPtrArray *array)
{
    uint64_t count = code_number(c, array ? array->len : 0, UINT32_MAX);

    if (!c->writing && count > (uint64_t)(c->end - c->at)) {
        c->failed = true;
        count = 0;
    }
    return (guint)count;
}

static void code_string(struct coder *c, const char **string)
{
    if (c->writing) {
        gpointer number = NULL;

        if (*string && !(number = g_hash_table_lookup(c->numbers, *string))) {
            number = GUINT_TO_POINTER(c->strings->len);
            g_ptr_array_add(c->strings, (gpointer)(uintptr_t)*string);
            g_hash_table_insert(c->numbers, (gpointer)(uintptr_t)*string, number);
        }
        put(c->out, GPOINTER_TO_UINT(number));
        return;
    }
    *string = c->strings->pdata[code_number(c, 0, c->strings->len - 1)];
}

static void code_loc(struct coder *c, struct ir_loc *loc)
{
    code_string(c, &loc->file);
    code_u32(c, &loc->line);
    code_u32(c, &loc->column);
}

static void code_strings(struct coder *c, GPtrArray *array)
{
    guint count = code_count(c, array);

    for (guint i = 0; i < count && !c->failed; i++) {
        const char *string = c->writing ? array->pdata[i] : NULL;

        code_string(c, &string);
        if (!c->writing && string) {
            g_ptr_array_add(array, (gpointer)(uintptr_t)string);
        }
    }
}

static void code_value(struct coder *c, struct ir_value **value, unsigned depth);

static void code_step(struct coder *c, struct ir_step *step, unsigned depth)
{
    step->kind = (enum ir_step_kind)code_number(c, (uint64_t)step->kind, IR_STEP_INDEX);
    if (step->kind != IR_STEP_DEREF) {
        code_string(c, &step->record);
        code_string(c, &step->name);
    }
    if (step->kind == IR_STEP_INDEX) {
        code_value(c, &step->index, depth);
    }
}

static void code_path(struct coder *c, struct ir_path **path, unsigned depth)
{
    struct ir_path *p = *path;
    uint64_t count;

    /* 0: none; otherwise 1 and the root. */
    uint64_t root = code_number(c, p ? (uint64_t)p->root + 1 : 0, IR_ROOT_UNKNOWN + 1);

    if (root == 0 || (c->writing && !p)) {
        return;
    }
    if (!c->writing) {
        *path = p = ir_path_new((enum ir_root)(root - 1), 0, NULL);
    }
    code_u32(c, &p->index);
    code_string(c, &p->symbol);
    count = code_number(c, p->steps->len, UINT32_MAX);
    if (!c->writing && count > (uint64_t)(c->end - c->at)) {
        c->failed = true;
    }
    for (guint i = 0; i < count && !c->failed; i++) {
        struct ir_step none = {0};

        if (c->writing) {
            code_step(c, &g_array_index(p->steps, struct ir_step, i), depth);
        } else {
            code_step(c, &none, depth);
            ir_path_add(p, none);
        }
    }
}

enum { VALUE_NUMBER = 1, VALUE_TEXT = 2, VALUE_PATH = 4, VALUE_OPERANDS = 8, VALUE_ALL = 15 };

/* Deeper than anybody follows an expression, it becomes an unknown one. */
static void code_value(struct coder *c, struct ir_value **value, unsigned depth)
{
    struct ir_value *v = *value;
    bool cut = v && depth >= MAX_DEPTH;
    uint64_t fields;
    uint64_t kind = code_number(c, !v ? 0 : cut ? 1 : (uint64_t)v->kind + 1, IR_VALUE_OFFSET + 1);

    if (kind == 0 || (c->writing && !v)) {
        return;
    }
    kind--;
    if (!c->writing) {
        *value = v = ir_value_new((enum ir_value_kind)kind);
    }
    if (cut) {
        (void)code_number(c, 0, VALUE_ALL);
        return;
    }
    fields = code_number(c,
                         (v->number ? VALUE_NUMBER : 0) | (v->text ? VALUE_TEXT : 0) |
                             (v->path ? VALUE_PATH : 0) | (v->a || v->b ? VALUE_OPERANDS : 0),
                         VALUE_ALL);
    if (!c->writing && (fields & (VALUE_PATH | VALUE_OPERANDS)) && depth >= MAX_DEPTH) {
        c->failed = true;
        return;
    }
    if (fields & VALUE_NUMBER) {
        code_s64(c, &v->number);
    }
    if (fields & VALUE_TEXT) {
        code_string(c, &v->text);
    }
    if (fields & VALUE_PATH) {
        code_path(c, &v->path, depth + 1);
    }
    if (fields & VALUE_OPERANDS) {
        v->op = (enum ir_compare)code_number(c, (uint64_t)v->op, IR_GE);
        code_value(c, &v->a, depth + 1);
        code_value(c, &v->b, depth + 1);
    }
}

enum { TYPE_ARRAY = 1, TYPE_CONST = 2, TYPE_ATOMIC = 4, TYPE_FUNCTION = 8, TYPE_VOLATILE = 16 };

static void code_type(struct coder *c, struct ir_type *t)
{
    uint64_t flags = (t->array ? TYPE_ARRAY : 0) | (t->is_const ? TYPE_CONST : 0) |
                     (t->atomic ? TYPE_ATOMIC : 0) | (t->function ? TYPE_FUNCTION : 0) |
                     (t->is_volatile ? TYPE_VOLATILE : 0);

    code_string(c, &t->spelling);
    code_string(c, &t->name);
    code_string(c, &t->record);
    t->pointers = (uint8_t)code_number(c, t->pointers, UINT8_MAX);
    flags = code_number(c, flags, 31);
    t->array = flags & TYPE_ARRAY;
    t->is_const = flags & TYPE_CONST;
    t->atomic = flags & TYPE_ATOMIC;
    t->function = flags & TYPE_FUNCTION;
    t->is_volatile = flags & TYPE_VOLATILE;
}

enum { VARIABLE_STATIC = 1, VARIABLE_THREAD = 2, VARIABLE_DEFINITION = 4 };

static void code_variable(struct coder *c, struct ir_variable *v)
{
    uint64_t flags = (v->is_static ? VARIABLE_STATIC : 0) |
                     (v->thread_local ? VARIABLE_THREAD : 0) |
                     (v->definition ? VARIABLE_DEFINITION : 0);

    code_string(c, &v->name);
    code_string(c, &v->symbol);
    code_type(c, &v->type);
    code_loc(c, &v->loc);
    code_strings(c, v->annotations);
    code_string(c, &v->cleanup);
    code_string(c, &v->function);
    flags = code_number(c, flags, 7);
    v->is_static = flags & VARIABLE_STATIC;
    v->thread_local = flags & VARIABLE_THREAD;
    v->definition = flags & VARIABLE_DEFINITION;
}

static void code_variables(struct coder *c, GPtrArray *array)
{
    guint count = code_count(c, array);

    for (guint i = 0; i < count && !c->failed; i++) {
        if (!c->writing) {
            g_ptr_array_add(array, ir_variable_new());
        }
        code_variable(c, array->pdata[i]);
    }
}

static void code_arguments(struct coder *c, GPtrArray *array)
{
    guint count = code_count(c, array);

    for (guint i = 0; i < count && !c->failed; i++) {
        struct ir_value *value = c->writing ? array->pdata[i] : NULL;

        code_value(c, &value, 0);
        if (!c->writing) {
            g_ptr_array_add(array, value ? value : ir_value_new(IR_VALUE_UNKNOWN));
        }
    }
}

static void code_event(struct coder *c, struct ir_event *e)
{
    uint64_t flags = (e->atomic ? 1 : 0) | (e->cleanup ? 2 : 0);
    int64_t result = e->result;

    code_loc(c, &e->loc);
    flags = code_number(c, flags, 3);
    e->atomic = flags & 1;
    e->cleanup = flags & 2;
    code_path(c, &e->path, 0);
    code_value(c, &e->value, 0);
    if (e->kind == IR_CALL) {
        code_value(c, &e->callee, 0);
        code_arguments(c, e->args);
        code_s64(c, &result);
        code_string(c, &e->macro);
    }
    e->result = (int32_t)result;
}

static void code_block(struct coder *c, struct ir_block *b, guint blocks)
{
    guint count = code_count(c, b->events);

    for (guint i = 0; i < count && !c->failed; i++) {
        struct ir_event *e = c->writing ? b->events->pdata[i] : NULL;
        uint64_t kind = code_number(c, e ? (uint64_t)e->kind : 0, IR_WRITE);

        if (!e) {
            e = ir_event_new((enum ir_event_kind)kind, (struct ir_loc){NULL, 0, 0});
            g_ptr_array_add(b->events, e);
        }
        code_event(c, e);
    }
    b->exit = (enum ir_exit_kind)code_number(c, (uint64_t)b->exit, IR_UNREACHABLE);
    code_value(c, &b->value, 0);
    b->next[0] = (uint32_t)code_number(c, b->next[0], blocks - 1);
    b->next[1] = (uint32_t)code_number(c, b->next[1], blocks - 1);
    code_loc(c, &b->loc);
}

enum {
    FUNCTION_STATIC = 1,
    FUNCTION_NORETURN = 2,
    FUNCTION_VALUE = 4,
    FUNCTION_POINTER = 8,
    FUNCTION_BODY = 16
};

static void code_function(struct coder *c, struct ir_function *f)
{
    uint64_t flags = (f->is_static ? FUNCTION_STATIC : 0) |
                     (f->is_noreturn ? FUNCTION_NORETURN : 0) |
                     (f->returns_value ? FUNCTION_VALUE : 0) |
                     (f->returns_pointer ? FUNCTION_POINTER : 0) | (f->blocks ? FUNCTION_BODY : 0);
    guint blocks;

    code_string(c, &f->symbol);
    code_string(c, &f->name);
    code_loc(c, &f->loc);
    code_loc(c, &f->stated);
    code_strings(c, f->annotations);
    code_variables(c, f->params);
    flags = code_number(c, flags, 31);
    f->is_static = flags & FUNCTION_STATIC;
    f->is_noreturn = flags & FUNCTION_NORETURN;
    f->returns_value = flags & FUNCTION_VALUE;
    f->returns_pointer = flags & FUNCTION_POINTER;
    if (!(flags & FUNCTION_BODY)) {
        return;
    }
    code_loc(c, &f->end);
    code_variables(c, f->locals);
    if (!c->writing) {
        f->blocks = ir_blocks_new();
    }
    blocks = code_count(c, f->blocks);
    if (!c->writing && blocks == 0) {
        c->failed = true;
    }
    for (guint i = 0; i < blocks && !c->failed; i++) {
        if (!c->writing) {
            g_ptr_array_add(f->blocks, ir_block_new());
        }
        code_block(c, f->blocks->pdata[i], blocks);
    }
}

static void code_record(struct coder *c, struct ir_record *r)
{
    code_string(c, &r->key);
    code_string(c, &r->name);
    code_loc(c, &r->loc);
    code_strings(c, r->annotations);
    code_variables(c, r->fields);
}

static void code_dependencies(struct coder *c, GPtrArray *array)
{
    guint count = code_count(c, array);

    for (guint i = 0; i < count && !c->failed; i++) {
        struct ir_dependency *d = c->writing ? array->pdata[i] : g_new0(struct ir_dependency, 1);

        code_string(c, &d->path);
        code_s64(c, &d->mtime_ns);
        code_s64(c, &d->size);
        if (!c->writing) {
            g_ptr_array_add(array, d);
        }
    }
} /* NOLINT(clang-analyzer-unix.Malloc): the array has it, or had it before */

/* Everything after the dependencies. */
static void code_unit(struct coder *c, struct ir_unit *unit)
{
    guint count = code_count(c, unit->errors);

    for (guint i = 0; i < count && !c->failed; i++) {
        const char *text = c->writing ? unit->errors->pdata[i] : NULL;

        code_string(c, &text);
        if (!c->writing && text) {
            g_ptr_array_add(unit->errors, g_strdup(text));
        }
    }
    count = code_count(c, unit->functions);
    for (guint i = 0; i < count && !c->failed; i++) {
        if (!c->writing) {
            g_ptr_array_add(unit->functions, ir_function_new());
        }
        code_function(c, unit->functions->pdata[i]);
    }
    code_variables(c, unit->globals);
    count = code_count(c, unit->records);
    for (guint i = 0; i < count && !c->failed; i++) {
        if (!c->writing) {
            g_ptr_array_add(unit->records, ir_record_new());
        }
        code_record(c, unit->records->pdata[i]);
    }
}

/* The header for what follows it in the array. */
static void seal(GByteArray *file, const uint8_t *key)
{
    struct header header = {.magic = MAGIC};

    memcpy(header.key, key, sizeof(header.key));
    header.size = file->len - sizeof(header);
    header.checksum = checksum(file->data + sizeof(header), header.size);
    memcpy(file->data, &header, sizeof(header));
}

GByteArray *store_wrap(const void *data, size_t size)
{
    static const uint8_t key[STORE_KEY_SIZE];
    GByteArray *file = g_byte_array_new();

    g_byte_array_set_size(file, sizeof(struct header));
    g_byte_array_append(file, data, (guint)size);
    seal(file, key);
    return file;
}

GByteArray *store_encode(const struct ir_unit *unit, const uint8_t key[STORE_KEY_SIZE])
{
    struct coder c = {.writing = true};
    struct ir_unit copy = *unit; /* the coder takes what it may write to */
    GByteArray *file = g_byte_array_new();

    c.out = g_byte_array_new();
    c.numbers = g_hash_table_new(g_str_hash, g_str_equal);
    c.strings = g_ptr_array_new();
    g_ptr_array_add(c.strings, NULL);
    code_dependencies(&c, copy.dependencies);
    code_string(&c, &copy.main_file);
    code_unit(&c, &copy);

    g_byte_array_set_size(file, sizeof(struct header));
    put(file, c.strings->len);
    for (guint i = 1; i < c.strings->len; i++) {
        size_t length = strlen(c.strings->pdata[i]);

        put(file, length);
        g_byte_array_append(file, c.strings->pdata[i], (guint)length + 1);
    }
    g_byte_array_append(file, c.out->data, c.out->len);
    seal(file, key);
    g_ptr_array_unref(c.strings);
    g_hash_table_unref(c.numbers);
    g_byte_array_unref(c.out);
    return file;
}

/* The header and the strings; what follows is at c->at. */
static bool begin(struct coder *c, const void *data, size_t size, const uint8_t *key)
{
    struct header header;
    uint64_t count;

    if (size < sizeof(header)) {
        return false;
    }
    memcpy(&header, data, sizeof(header));
    c->at = (const uint8_t *)data + sizeof(header);
    c->end = (const uint8_t *)data + size;
    if (memcmp(header.magic, MAGIC, sizeof(header.magic)) != 0 ||
        (key && memcmp(header.key, key, sizeof(header.key)) != 0) ||
        header.size != size - sizeof(header) || header.checksum != checksum(c->at, header.size)) {
        return false;
    }
    count = get(c);
    if (count == 0 || count > header.size) {
        return false;
    }
    c->strings = g_ptr_array_sized_new((guint)count);
    g_ptr_array_add(c->strings, NULL);
    for (uint64_t i = 1; i < count && !c->failed; i++) {
        uint64_t length = get(c);

        if (length >= (uint64_t)(c->end - c->at) || c->at[length] != '\0') {
            c->failed = true;
            break;
        }
        g_ptr_array_add(c->strings, (gpointer)(uintptr_t)g_intern_string((const char *)c->at));
        c->at += length + 1;
    }
    return !c->failed;
}

struct ir_unit *store_decode(const void *data, size_t size, const uint8_t *key,
                             store_fresh_fn *fresh, void *context)
{
    struct coder c = {.writing = false};
    struct ir_unit *unit = ir_unit_new(NULL);

    c.failed = !begin(&c, data, size, key);
    if (!c.failed) {
        code_dependencies(&c, unit->dependencies);
        c.failed = c.failed || (fresh && !fresh(unit->dependencies, context));
    }
    if (!c.failed) {
        code_string(&c, &unit->main_file);
        code_unit(&c, unit);
    }
    if (c.strings) {
        g_ptr_array_unref(c.strings);
    }
    if (c.failed || c.at != c.end || !unit->main_file) {
        ir_unit_free(unit);
        return NULL;
    }
    return unit;
}
