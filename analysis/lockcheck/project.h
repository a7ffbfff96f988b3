/* What is to be analysed and how: the command line and the configuration file
 * put together. */
#ifndef LOCKCHECK_PROJECT_H
#define LOCKCHECK_PROJECT_H

#include "compile_db.h"
#include "finding.h"
#include "options.h"
#include "rules.h"

struct project {
    char *base;   /* the current directory: paths are shown relative to it */
    char *cache;  /* directory of the cache, or NULL */
    char *config; /* the configuration's path, or NULL */
    struct compile_db *db;
    struct rules *rules;
    GPtrArray *suppressions; /* of char *: files */
    bool enabled[CHECK_COUNT];
    bool whole; /* all of the database is analysed */
};

/* 0, or -EINVAL and *message (to be freed), one sentence. FILEs that the
 * database does not have are `input` findings. */
int project_open(struct project *project, const struct options *options, struct findings *findings,
                 char **message) G_GNUC_WARN_UNUSED_RESULT;
void project_close(struct project *project);

/* Of a compiler or a library, which nobody here is going to change. */
bool project_is_system_file(const struct project *project, const char *path);

#endif
