/* Joins what units declare.
 *
 * A function, global or record that several units have (from a header) becomes
 * one, with the annotations of all its declarations. Statics are told apart by
 * their linkage names, which contain the file. Two definitions of one external
 * name in different places belong to different executables of one build: both
 * are kept, and each unit's calls go to its own. */
#include "program.h"

#include <string.h>

#include "program_internal.h"

static void call_free(void *data)
{
    struct pcall *call = data;

    g_ptr_array_unref(call->targets);
    if (call->callbacks) {
        g_ptr_array_unref(call->callbacks);
    }
    g_free(call);
}

static void add_string(GPtrArray *strings, const char *string)
{
    for (guint i = 0; i < strings->len; i++) {
        if (strings->pdata[i] == string || strcmp(strings->pdata[i], string) == 0) {
            return;
        }
    }
    g_ptr_array_add(strings, (gpointer)string);
}

static void add_strings(GPtrArray *to, const GPtrArray *from)
{
    for (guint i = 0; from && from != to && i < from->len; i++) {
        add_string(to, from->pdata[i]);
    }
}

/* Code of the system does not make a program an annotated one. */
static bool is_ours(const char *file)
{
    return file && !g_str_has_prefix(file, "/usr/");
}

static void note_annotations(struct program *program, const GPtrArray *strings, const char *file)
{
    for (guint i = 0; !program->annotated && strings && i < strings->len; i++) {
        program->annotated = is_ours(file) && g_str_has_prefix(strings->pdata[i], "lockcheck:");
    }
}

static bool same_place(const struct ir_loc *a, const struct ir_loc *b)
{
    return a->line == b->line && a->column == b->column && g_strcmp0(a->file, b->file) == 0;
}

char *program_override_key(uint32_t unit, const char *symbol)
{
    return g_strdup_printf("%u:%s", unit, symbol);
}

struct pfunction *program_add_function(struct program *program, struct ir_function *ir,
                                       uint32_t unit)
{
    struct pfunction *function = g_new0(struct pfunction, 1);

    function->ir = ir;
    function->unit = unit;
    function->annotations = g_ptr_array_new();
    function->calls = g_ptr_array_new_with_free_func(call_free);
    function->callers = g_ptr_array_new();
    function->stored = g_ptr_array_new();
    add_strings(function->annotations, ir->annotations);
    g_ptr_array_add(program->functions, function);
    return function;
}

static void merge_parameters(struct ir_function *to, const struct ir_function *from)
{
    for (guint i = 0; to != from && i < to->params->len && i < from->params->len; i++) {
        struct ir_variable *a = to->params->pdata[i];
        const struct ir_variable *b = from->params->pdata[i];

        add_strings(a->annotations, b->annotations);
    }
}

void program_link_function(struct program *program, struct ir_function *ir, uint32_t unit)
{
    struct pfunction *old;

    note_annotations(program, ir->annotations, ir->loc.file);
    if (strcmp(ir->symbol, IR_INIT_SYMBOL) == 0) {
        program_add_function(program, ir, unit); /* one in each unit; nobody calls them by name */
        return;
    }
    old = g_hash_table_lookup(program->by_symbol, ir->symbol);
    if (!old) {
        g_hash_table_insert(program->by_symbol, (gpointer)ir->symbol,
                            program_add_function(program, ir, unit));
        return;
    }
    if (ir->blocks && old->ir->blocks && !ir->is_static && !same_place(&ir->loc, &old->ir->loc)) {
        g_hash_table_insert(program->index->overrides, program_override_key(unit, ir->symbol),
                            program_add_function(program, ir, unit));
        return;
    }
    add_strings(old->annotations, ir->annotations);
    if (ir->blocks && !old->ir->blocks) {
        merge_parameters(ir, old->ir);
        old->ir = ir;
        old->unit = unit;
    } else {
        merge_parameters(old->ir, ir);
    }
}

void program_link_global(struct program *program, struct ir_variable *global)
{
    struct ir_variable *old = g_hash_table_lookup(program->globals, global->symbol);

    note_annotations(program, global->annotations, global->loc.file);
    if (old && (old->definition || !global->definition)) {
        add_strings(old->annotations, global->annotations);
        return;
    }
    if (old) {
        add_strings(global->annotations, old->annotations);
    }
    g_hash_table_replace(program->globals, (gpointer)global->symbol, global);
}

void program_link_record(struct program *program, struct ir_record *record)
{
    struct ir_record *old = g_hash_table_lookup(program->records, record->key);

    note_annotations(program, record->annotations, record->loc.file);
    for (guint i = 0; i < record->fields->len; i++) {
        const struct ir_variable *field = record->fields->pdata[i];

        note_annotations(program, field->annotations, field->loc.file);
    }
    if (old && (old->fields->len > 0 || record->fields->len == 0)) {
        add_strings(old->annotations, record->annotations);
        return;
    }
    if (old) {
        add_strings(record->annotations, old->annotations);
    }
    g_hash_table_replace(program->records, (gpointer)record->key, record);
}
