/* Getting the units of a program: from the cache, or parsed by several worker
 * processes at once. A unit that crashes the parser, or keeps it busy for
 * ever, costs that unit a finding and nothing else. */
#ifndef LOCKCHECK_WORK_H
#define LOCKCHECK_WORK_H

#include "compile_db.h"
#include "finding.h"
#include "store.h"

/* Runs in a worker. Never NULL. */
typedef struct ir_unit *work_parse_fn(const struct compile_command *command);

struct work {
    struct store *store;
    work_parse_fn *parse;
    unsigned jobs;    /* at least 1 */
    unsigned timeout; /* seconds that one unit may take */
    bool use_cache;   /* false: everything is parsed, whatever the store has */
    bool progress;    /* a line on standard error that is rewritten */

    /* Results. */
    unsigned parsed, cached;
};

/* The units of the commands, in their order; of struct ir_unit, without those
 * that could not be had, which are reported as `input` findings. */
GPtrArray *work_units(struct work *work, const struct compile_db *db, struct findings *findings);

#endif
