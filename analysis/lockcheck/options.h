/* The command line. */
#ifndef LOCKCHECK_OPTIONS_H
#define LOCKCHECK_OPTIONS_H

#include "finding.h"

struct options {
    char *build_dir;      /* or the database itself; NULL: looked for from here upwards */
    char **files;         /* only these, and all below those that are directories; NULL: all */
    char **compile_flags; /* what comes after "--": there is no database then; NULL: none */
    char *config;
    char **suppressions;
    char **exclude;
    char **confirm;
    char *sarif, *json, *dot, *svg, *order_table;
    char *cache;
    char *explain;
    gboolean list_checks, no_cache, dump_ir, quiet, verbose, statistics, help, version;
    int jobs;

    /* What --enable and --disable say, in their order; +1, -1 or 0 for nothing. */
    signed char checks[CHECK_COUNT];
};

/* 0; 1 if --help has been printed; or -EINVAL and *message (to be freed). */
int options_parse(struct options *options, int argc, char **argv,
                  char **message) G_GNUC_WARN_UNUSED_RESULT;
void options_clear(struct options *options);

#endif
