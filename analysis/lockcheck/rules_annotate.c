/* Annotations from the configuration, put on declarations by name. A field is
 * "struct queue.lock", a function or global its name; where two static ones
 * share a name, "file.c:name" says which (any number of the path's last parts
 * will do). */
#include "rules_table.h"

#include <string.h>

/* The name without what says in which file: notes are kept under it. */
static const char *bare_name(const char *name)
{
    const char *colon = strrchr(name, ':');

    return colon ? colon + 1 : name;
}

void rules_add_note(struct rules *rules, const char *name, const char *annotation,
                    const char *origin)
{
    struct rules_note *note = g_new0(struct rules_note, 1);
    const char *bare = g_intern_string(bare_name(name));
    GPtrArray *list = g_hash_table_lookup(rules->noted, bare);

    note->name = g_intern_string(name);
    note->annotation = g_intern_string(annotation);
    note->origin = g_intern_string(origin);
    g_ptr_array_add(rules->notes, note);
    if (!list) {
        list = g_ptr_array_new();
        g_hash_table_insert(rules->noted, (gpointer)(uintptr_t)bare, list);
    }
    g_ptr_array_add(list, note);
}

/* True if `part` is what `whole` ends with, from a slash or its start on. */
static bool path_ends_with(const char *whole, const char *part)
{
    size_t a = strlen(whole), b = strlen(part);

    return a >= b && strcmp(whole + a - b, part) == 0 && (a == b || whole[a - b - 1] == '/');
}

static void annotate(const struct rules *rules, const char *name, const char *symbol,
                     GPtrArray *annotations)
{
    const GPtrArray *list = g_hash_table_lookup(rules->noted, name);

    for (guint i = 0; list && i < list->len; i++) {
        struct rules_note *note = list->pdata[i];

        if (strcmp(note->name, name) == 0 || (symbol && path_ends_with(symbol, note->name))) {
            note->used = true;
            g_ptr_array_add(annotations, (gpointer)(uintptr_t)note->annotation);
        }
    }
}

static void annotate_record(const struct rules *rules, struct ir_record *record, GString *name)
{
    if (!record->name) {
        return;
    }
    for (guint i = 0; i < record->fields->len; i++) {
        struct ir_variable *field = record->fields->pdata[i];

        if (field->name) {
            g_string_printf(name, "%s.%s", record->name, field->name);
            annotate(rules, name->str, NULL, field->annotations);
        }
    }
    annotate(rules, record->name, NULL, record->annotations);
}

void rules_annotate(const struct rules *rules, struct ir_unit *unit)
{
    GString *name;

    if (rules->notes->len == 0) {
        return;
    }
    name = g_string_new(NULL);
    for (guint i = 0; i < unit->functions->len; i++) {
        struct ir_function *f = unit->functions->pdata[i];

        annotate(rules, f->name, f->symbol, f->annotations);
    }
    for (guint i = 0; i < unit->globals->len; i++) {
        struct ir_variable *v = unit->globals->pdata[i];

        annotate(rules, v->name, v->symbol, v->annotations);
    }
    for (guint i = 0; i < unit->records->len; i++) {
        annotate_record(rules, unit->records->pdata[i], name);
    }
    g_string_free(name, TRUE);
}

GPtrArray *rules_unknown_names(const struct rules *rules)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
    const char *last = NULL;

    for (guint i = 0; i < rules->notes->len; i++) {
        const struct rules_note *note = rules->notes->pdata[i];

        if (!note->used && note->name != last) {
            g_ptr_array_add(
                out, g_strdup_printf("%s: the program has no \"%s\"", note->origin, note->name));
            last = note->name;
        }
    }
    return out;
}
