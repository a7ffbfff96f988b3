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
 * values and indices against their ranges, nesting against MAX_DEPTH, and the
 * whole against what ir.h promises (store_check.c). */
#include "store.h"

#include <string.h>

#include "store_coder.h"

#define MAGIC "mlckIR05"

struct header {
    char magic[8];
    uint8_t key[STORE_KEY_SIZE];
    uint64_t size;
    uint64_t checksum;
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

static void code_event(struct coder *c, struct ir_event *e)
{
    uint64_t flags = (e->atomic ? 1 : 0) | (e->cleanup ? 2 : 0);
    int64_t result = e->result;

    coder_loc(c, &e->loc);
    flags = coder_number(c, flags, 3);
    e->atomic = flags & 1;
    e->cleanup = flags & 2;
    coder_path(c, &e->path, 0);
    coder_value(c, &e->value, 0);
    if (e->kind == IR_CALL) {
        coder_value(c, &e->callee, 0);
        coder_arguments(c, e->args);
        coder_s64(c, &result);
        coder_string(c, &e->macro);
    }
    if (result < INT32_MIN || result > INT32_MAX) {
        c->failed = true;
        return;
    }
    e->result = (int32_t)result;
}

static void code_block(struct coder *c, struct ir_block *b, guint blocks)
{
    guint count = coder_count(c, b->events);

    for (guint i = 0; i < count && !c->failed; i++) {
        struct ir_event *e = c->writing ? b->events->pdata[i] : NULL;
        uint64_t kind = coder_number(c, e ? (uint64_t)e->kind : 0, IR_WRITE);

        if (!e) {
            e = ir_event_new((enum ir_event_kind)kind, (struct ir_loc){NULL, 0, 0});
            g_ptr_array_add(b->events, e);
        }
        code_event(c, e);
    }
    b->exit = (enum ir_exit_kind)coder_number(c, (uint64_t)b->exit, IR_UNREACHABLE);
    coder_value(c, &b->value, 0);
    b->next[0] = (uint32_t)coder_number(c, b->next[0], blocks - 1);
    b->next[1] = (uint32_t)coder_number(c, b->next[1], blocks - 1);
    coder_loc(c, &b->loc);
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

    coder_string(c, &f->symbol);
    coder_string(c, &f->name);
    coder_loc(c, &f->loc);
    coder_loc(c, &f->stated);
    coder_strings(c, f->annotations);
    coder_variables(c, f->params);
    flags = coder_number(c, flags, 31);
    f->is_static = flags & FUNCTION_STATIC;
    f->is_noreturn = flags & FUNCTION_NORETURN;
    f->returns_value = flags & FUNCTION_VALUE;
    f->returns_pointer = flags & FUNCTION_POINTER;
    if (!(flags & FUNCTION_BODY)) {
        return;
    }
    coder_loc(c, &f->end);
    coder_variables(c, f->locals);
    if (!c->writing) {
        f->blocks = ir_blocks_new();
    }
    blocks = coder_count(c, f->blocks);
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
    coder_string(c, &r->key);
    coder_string(c, &r->name);
    coder_loc(c, &r->loc);
    coder_strings(c, r->annotations);
    coder_variables(c, r->fields);
}

static void code_dependencies(struct coder *c, GPtrArray *array)
{
    guint count = coder_count(c, array);

    for (guint i = 0; i < count && !c->failed; i++) {
        struct ir_dependency *d = c->writing ? array->pdata[i] : g_new0(struct ir_dependency, 1);

        coder_string(c, &d->path);
        coder_s64(c, &d->mtime_ns);
        coder_s64(c, &d->size);
        if (!c->writing) {
            g_ptr_array_add(array, d);
        }
    }
} /* NOLINT(clang-analyzer-unix.Malloc): the array has it, or had it before */

/* Everything after the dependencies. */
static void code_unit(struct coder *c, struct ir_unit *unit)
{
    guint count = coder_count(c, unit->errors);

    for (guint i = 0; i < count && !c->failed; i++) {
        const char *text = c->writing ? unit->errors->pdata[i] : NULL;

        coder_string(c, &text);
        if (!c->writing && text) {
            g_ptr_array_add(unit->errors, g_strdup(text));
        }
    }
    count = coder_count(c, unit->functions);
    for (guint i = 0; i < count && !c->failed; i++) {
        if (!c->writing) {
            g_ptr_array_add(unit->functions, ir_function_new());
        }
        code_function(c, unit->functions->pdata[i]);
    }
    coder_variables(c, unit->globals);
    count = coder_count(c, unit->records);
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
    coder_string(&c, &copy.main_file);
    code_unit(&c, &copy);

    g_byte_array_set_size(file, sizeof(struct header));
    coder_put(file, c.strings->len);
    for (guint i = 1; i < c.strings->len; i++) {
        size_t length = strlen(c.strings->pdata[i]);

        coder_put(file, length);
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
    count = coder_get(c);
    if (count == 0 || count > header.size) {
        return false;
    }
    c->strings = g_ptr_array_sized_new((guint)count);
    g_ptr_array_add(c->strings, NULL);
    for (uint64_t i = 1; i < count && !c->failed; i++) {
        uint64_t length = coder_get(c);

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
        coder_string(&c, &unit->main_file);
        code_unit(&c, unit);
    }
    if (c.strings) {
        g_ptr_array_unref(c.strings);
    }
    if (c.failed || c.at != c.end || !store_unit_is_sound(unit)) {
        ir_unit_free(unit);
        return NULL;
    }
    return unit;
}
