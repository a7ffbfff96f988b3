/* The list of findings. Two findings are the same if check, place and text
 * are: `seen` keeps the list free of such pairs, which arise when a function
 * of a header, or a summary, is looked at from several sides. */
#include "finding.h"

#include <string.h>

static guint finding_hash(gconstpointer key)
{
    const struct finding *f = key;
    guint file = f->loc.file ? g_str_hash(f->loc.file) : 0;

    return g_str_hash(f->text) ^ (file * 31u) ^ (f->loc.line * 7919u) ^ (f->loc.column * 104729u) ^
           (guint)f->check;
}

static gboolean finding_equal(gconstpointer a, gconstpointer b)
{
    const struct finding *x = a, *y = b;

    return x->check == y->check && x->loc.line == y->loc.line && x->loc.column == y->loc.column &&
           g_strcmp0(x->loc.file, y->loc.file) == 0 && strcmp(x->text, y->text) == 0;
}

static void note_free(gpointer data)
{
    struct finding_note *note = data;

    g_free(note->text);
    g_free(note);
}

static void finding_free(gpointer data)
{
    struct finding *f = data;

    g_free(f->text);
    g_free(f->suppressed);
    g_ptr_array_unref(f->notes);
    g_free(f);
}

struct findings *findings_new(void)
{
    struct findings *findings = g_new0(struct findings, 1);

    findings->list = g_ptr_array_new_with_free_func(finding_free);
    findings->seen = g_hash_table_new(finding_hash, finding_equal);
    return findings;
}

void findings_free(struct findings *findings)
{
    if (findings) {
        g_hash_table_unref(findings->seen);
        g_ptr_array_unref(findings->list);
        g_free(findings);
    }
}

struct finding *findings_add(struct findings *findings, enum check_id check, enum severity severity,
                             struct ir_loc loc, const char *function, const char *format, ...)
{
    struct finding *f = g_new0(struct finding, 1);
    va_list args;

    va_start(args, format);
    f->text = g_strdup_vprintf(format, args);
    va_end(args);
    f->check = check;
    f->severity = severity;
    f->loc = loc;
    f->function = function;
    f->notes = g_ptr_array_new_with_free_func(note_free);
    if (g_hash_table_contains(findings->seen, f)) {
        finding_free(f);
        return NULL;
    }
    g_hash_table_add(findings->seen, f);
    g_ptr_array_add(findings->list, f);
    return f;
}

void finding_note(struct finding *finding, struct ir_loc loc, const char *format, ...)
{
    struct finding_note *note;
    va_list args;

    if (!finding) {
        return;
    }
    note = g_new0(struct finding_note, 1);
    note->loc = loc;
    va_start(args, format);
    note->text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(finding->notes, note);
}

static int compare(gconstpointer a, gconstpointer b)
{
    const struct finding *x = *(const struct finding *const *)a;
    const struct finding *y = *(const struct finding *const *)b;
    int order = g_strcmp0(x->loc.file, y->loc.file);

    if (order == 0) {
        order = (x->loc.line > y->loc.line) - (x->loc.line < y->loc.line);
    }
    if (order == 0) {
        order = (x->loc.column > y->loc.column) - (x->loc.column < y->loc.column);
    }
    if (order == 0) {
        order = (int)x->check - (int)y->check;
    }
    return order ? order : strcmp(x->text, y->text);
}

void findings_sort(struct findings *findings)
{
    g_ptr_array_sort(findings->list, compare);
}

const char *severity_name(enum severity severity)
{
    static const char *const names[] = {"note", "warning", "error"};

    return names[severity];
}
