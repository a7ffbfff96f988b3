/* One run of the checker, as run.c and run_output.c share it. */
#ifndef LOCKCHECK_RUN_INTERNAL_H
#define LOCKCHECK_RUN_INTERNAL_H

#include "flow.h"
#include "project.h"
#include "run.h"

struct run {
    const struct options *options;
    struct project project;
    struct findings *findings;
    GPtrArray *units;  /* until the program takes them over */
    GHashTable *files; /* set: what was read and is not the system's */
    unsigned parsed, cached;
    bool trouble;
    gint64 started;
    GString *times;
};

/* Something that could not be done: said, and told by the exit status. */
void run_complain(struct run *run, const char *text);

/* run_output.c. Takes the text over. */
void run_write_file(struct run *run, const char *path, char *text);
/* The order graph, in all forms that are wanted. */
void run_write_graph(struct run *run, const struct program *program,
                     const struct order_graph *order);
void run_print_statistics(struct run *run, const struct program *program,
                          const struct order_graph *graph);

#endif
