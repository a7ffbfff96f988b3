/* The forms in which results are written. Everything here is the same for the
 * same program: sorted by place or by name, paths relative to `base` where
 * they lie below it, no times and no addresses. */
#ifndef LOCKCHECK_OUTPUT_H
#define LOCKCHECK_OUTPUT_H

#include <json-glib/json-glib.h>

#include "finding.h"
#include "flow.h"

struct output_counts {
    unsigned errors, warnings, notes, suppressed;
};

struct output_counts output_count(const struct findings *findings);

/* Like a compiler; a suppressed finding is counted only. quiet: no notes
 * (neither findings that are notes nor explanations) and no summary. */
char *output_text(const struct findings *findings, const char *base, bool color, bool quiet);
char *output_sarif(const struct findings *findings, const char *base);

/* The order graph as it is shown: classes sorted by name, one edge per pair of
 * classes. Roles, which have no order, are left out. */
struct output_edge {
    const struct lock_class *from, *to;
    GPtrArray *edges; /* of struct order_edge: the same pair, by modes */
    bool trylock;     /* all of them */
    bool set;         /* all of them are between locks of one set */
    bool cycle;       /* part of a cycle, trylocks and sets left out */
};
struct output_graph {
    GPtrArray *classes; /* of struct lock_class */
    GPtrArray *edges;   /* of struct output_edge, sorted by names */
};
struct output_graph *output_graph_new(const struct program *program,
                                      const struct order_graph *order);
void output_graph_free(struct output_graph *graph);

char *output_json(const struct output_graph *graph, const struct findings *findings,
                  const char *base);
char *output_dot(const struct output_graph *graph, const char *base);
/* By Graphviz's program `dot`. 0, or a negative errno and *message. */
int output_svg(const char *dot, char **svg, char **message) G_GNUC_WARN_UNUSED_RESULT;
/* The Markdown text with what stands between the lines
 *     <!-- lockcheck: order table -->
 *     <!-- lockcheck: end -->
 * replaced; NULL if it does not have them. */
char *output_table(const struct output_graph *graph, const char *markdown, const char *base);

/* The file's name as it is shown. */
const char *output_path(const char *file, const char *base);
const char *output_mode_name(enum rule_mode mode);
/* A string member; what is not UTF-8 in it is replaced. */
void output_json_string(JsonBuilder *builder, const char *name, const char *value);
char *output_json_text(JsonBuilder *builder);

#endif
