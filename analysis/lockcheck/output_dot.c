/* The order graph for Graphviz: an arrow from a lock to what is taken while it
 * is held, solid where the second waits, dashed where it is only tried, red
 * where it is part of a cycle. Locks that take part in no order are left out.
 *
 * The SVG is deterministic for one version of Graphviz: what it says of itself
 * in comments is removed. */
#include "output.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

static void put_quoted(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            g_string_append_c(out, '\\');
        }
        g_string_append_c(out, *text == '\n' ? ' ' : *text);
    }
    g_string_append_c(out, '"');
}

static void put_class(GString *out, const struct lock_class *class, const char *base)
{
    GString *tooltip = g_string_new(NULL);

    if (class->loc.file) {
        g_string_append(tooltip, output_path(class->loc.file, base));
    }
    g_string_append(out, "  ");
    put_quoted(out, class->name);
    g_string_append_printf(out, " [shape=%s%s, tooltip=",
                           class->rcu           ? "ellipse"
                           : class->nonblocking ? "octagon"
                                                : "box",
                           class->keyed ? ", peripheries=2" : "");
    put_quoted(out, tooltip->str);
    g_string_append(out, "];\n");
    g_string_free(tooltip, TRUE);
}

char *output_dot(const struct output_graph *graph, const char *base)
{
    GString *out = g_string_new("digraph locks {\n"
                                "  // from a lock to one that is taken while it is held\n"
                                "  rankdir=TB;\n"
                                "  node [fontname=\"sans-serif\", fontsize=11];\n"
                                "  edge [color=\"#444444\"];\n");
    GHashTable *used = g_hash_table_new(NULL, NULL);

    for (guint i = 0; i < graph->edges->len; i++) {
        const struct output_edge *edge = graph->edges->pdata[i];

        g_hash_table_add(used, (gpointer)(uintptr_t)edge->from);
        g_hash_table_add(used, (gpointer)(uintptr_t)edge->to);
    }
    for (guint i = 0; i < graph->classes->len; i++) {
        if (g_hash_table_contains(used, graph->classes->pdata[i])) {
            put_class(out, graph->classes->pdata[i], base);
        }
    }
    for (guint i = 0; i < graph->edges->len; i++) {
        const struct output_edge *edge = graph->edges->pdata[i];

        g_string_append(out, "  ");
        put_quoted(out, edge->from->name);
        g_string_append(out, " -> ");
        put_quoted(out, edge->to->name);
        if (edge->cycle) {
            g_string_append(out, " [color=\"#cc0000\", penwidth=2]");
        } else if (edge->trylock) {
            g_string_append(out, " [style=dashed]");
        }
        g_string_append(out, ";\n");
    }
    g_string_append(out, "}\n");
    g_hash_table_unref(used);
    return g_string_free(out, FALSE);
}

/* Without the comments, among them Graphviz's version. */
static char *strip_comments(const char *svg)
{
    GString *out = g_string_new(NULL);

    for (const char *at = svg; *at;) {
        const char *comment = strstr(at, "<!--");
        const char *end = comment ? strstr(comment, "-->") : NULL;

        if (!end) {
            g_string_append(out, at);
            break;
        }
        g_string_append_len(out, at, comment - at);
        at = end + 3;
        at += *at == '\n';
    }
    return g_string_free(out, FALSE);
}

int output_svg(const char *dot, char **svg, char **message)
{
    const char *argv[] = {"dot", "-Tsvg", NULL, NULL};
    GError *error = NULL;
    char *file = NULL, *out = NULL, *err = NULL;
    int fd = g_file_open_tmp("lockcheck-XXXXXX.dot", &file, &error);
    int status = 0, result = -EIO;

    *svg = NULL;
    argv[2] = file;
    if (fd < 0 || !g_close(fd, &error) || !g_file_set_contents(file, dot, -1, &error)) {
        *message = g_strdup_printf("cannot hand the graph to dot: %s", error->message);
    } else if (!g_spawn_sync(NULL, (char **)(uintptr_t)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
                             &out, &err, &status, &error)) {
        *message = g_strdup_printf("the program `dot` cannot be run (%s); it is part of Graphviz "
                                   "(Debian: graphviz), or use --dot",
                                   error->message);
        result = -ENOENT;
    } else if (!g_spawn_check_wait_status(status, &error)) {
        *message = g_strdup_printf("dot failed: %s: %s", error->message, g_strstrip(err));
    } else {
        *svg = strip_comments(out);
        result = 0;
    }
    if (file) {
        (void)remove(file);
    }
    g_clear_error(&error);
    g_free(file);
    g_free(out);
    g_free(err);
    return result;
}
