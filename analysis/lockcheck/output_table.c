/* The order as a table in a Markdown document, between two marker lines that
 * stay. A document whose table is up to date does not change, so that
 * `git diff --exit-code` after a run is the check for that. */
#include "output.h"

#include <string.h>

#define BEGIN "<!-- lockcheck: order table -->"
#define END   "<!-- lockcheck: end -->"

/* Names of the classes at the other ends of the class's edges. */
static void put_names(GString *out, const struct output_graph *graph,
                      const struct lock_class *class, bool inner)
{
    gsize before = out->len;

    for (guint i = 0; i < graph->edges->len; i++) {
        const struct output_edge *edge = graph->edges->pdata[i];

        if (edge->from == edge->to || (inner ? edge->from : edge->to) != class) {
            continue;
        }
        g_string_append_printf(out, "%s`%s`%s", out->len > before ? ", " : "",
                               inner ? edge->to->name : edge->from->name,
                               edge->trylock ? " (tried)" : "");
    }
}

static void put_kind(GString *out, const struct lock_class *class)
{
    const char *kind = class->rcu                                ? "read section"
                       : class->nonblocking                      ? "spins"
                       : class->recursion == LOCK_RECURSIVE      ? "recursive"
                       : class->recursion == LOCK_READ_RECURSIVE ? "read-recursive"
                                                                 : "";

    g_string_append_printf(
        out, "%s%s", kind,
        class->keyed ? (*kind ? ", several by ascending key" : "several by ascending key") : "");
}

static char *make_table(const struct output_graph *graph, const char *base)
{
    GString *out =
        g_string_new("| lock | declared in | kind | taken while holding | taken under it |\n"
                     "|---|---|---|---|---|\n");

    for (guint i = 0; i < graph->classes->len; i++) {
        const struct lock_class *class = graph->classes->pdata[i];

        g_string_append_printf(out, "| `%s` | %s | ", class->name,
                               class->loc.file ? output_path(class->loc.file, base) : "");
        put_kind(out, class);
        g_string_append(out, " | ");
        put_names(out, graph, class, false);
        g_string_append(out, " | ");
        put_names(out, graph, class, true);
        g_string_append(out, " |\n");
    }
    return g_string_free(out, FALSE);
}

/* A line of its own that is the marker. */
static const char *find_line(const char *text, const char *marker)
{
    for (const char *at = text; (at = strstr(at, marker)); at++) {
        const char *end = at + strlen(marker);

        if ((at == text || at[-1] == '\n') && (*end == '\n' || *end == '\r' || *end == '\0')) {
            return at;
        }
    }
    return NULL;
}

char *output_table(const struct output_graph *graph, const char *markdown, const char *base)
{
    const char *begin = find_line(markdown, BEGIN);
    const char *end = begin ? find_line(begin, END) : NULL;
    GString *out;
    char *table;

    if (!end) {
        return NULL;
    }
    table = make_table(graph, base);
    out = g_string_new_len(markdown, begin - markdown);
    g_string_append_printf(out, BEGIN "\n\n%s\n%s", table, end);
    g_free(table);
    return g_string_free(out, FALSE);
}
