/* Findings as a compiler would print them, so that editors jump to them. */
#include "output.h"

#include <string.h>

#define BOLD  "\033[1m"
#define RESET "\033[0m"

const char *output_path(const char *file, const char *base)
{
    size_t length = base ? strlen(base) : 0;

    if (length > 0 && strncmp(file, base, length) == 0 && file[length] == '/' && file[length + 1]) {
        return file + length + 1;
    }
    return file;
}

struct output_counts output_count(const struct findings *findings)
{
    struct output_counts counts = {0};

    for (guint i = 0; i < findings->list->len; i++) {
        const struct finding *f = findings->list->pdata[i];

        if (f->suppressed) {
            counts.suppressed++;
        } else if (f->severity == SEVERITY_ERROR) {
            counts.errors++;
        } else if (f->severity == SEVERITY_WARNING) {
            counts.warnings++;
        } else {
            counts.notes++;
        }
    }
    return counts;
}

static void put_line(GString *out, const struct ir_loc *loc, enum severity severity,
                     const char *text, const char *check, const char *base, bool color)
{
    static const char *const colors[] = {"\033[1;36m", "\033[1;35m", "\033[1;31m"};

    if (color) {
        g_string_append(out, BOLD);
    }
    if (!loc->file) {
        g_string_append(out, "mortise-lockcheck: ");
    } else {
        g_string_append(out, output_path(loc->file, base));
        if (loc->line) {
            g_string_append_printf(out, ":%u", loc->line);
        }
        if (loc->line && loc->column) {
            g_string_append_printf(out, ":%u", loc->column);
        }
        g_string_append(out, ": ");
    }
    g_string_append_printf(out, "%s%s:%s ", color ? colors[severity] : "", severity_name(severity),
                           color ? RESET : "");
    if (color && severity != SEVERITY_NOTE) {
        g_string_append_printf(out, BOLD "%s" RESET, text);
    } else {
        g_string_append(out, text);
    }
    if (check) {
        g_string_append_printf(out, " [%s]", check);
    }
    g_string_append_c(out, '\n');
}

static void put_count(GString *out, unsigned count, const char *what, const char *end)
{
    g_string_append_printf(out, "%u %s%s%s", count, what, count == 1 ? "" : "s", end);
}

char *output_text(const struct findings *findings, const char *base, bool color, bool quiet)
{
    struct output_counts counts = output_count(findings);
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < findings->list->len; i++) {
        const struct finding *f = findings->list->pdata[i];

        if (f->suppressed || (quiet && f->severity == SEVERITY_NOTE)) {
            continue;
        }
        put_line(out, &f->loc, f->severity, f->text, check_name(f->check), base, color);
        for (guint n = 0; n < f->notes->len && !quiet; n++) {
            const struct finding_note *note = f->notes->pdata[n];

            put_line(out, &note->loc, SEVERITY_NOTE, note->text, NULL, base, color);
        }
    }
    if (!quiet) {
        put_count(out, counts.errors, "error", ", ");
        put_count(out, counts.warnings, "warning", ", ");
        put_count(out, counts.notes, "note", ", ");
        g_string_append_printf(out, "%u suppressed\n", counts.suppressed);
    }
    return g_string_free(out, FALSE);
}
