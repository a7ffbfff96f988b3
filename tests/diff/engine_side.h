/* The engine's side, in the worker process. */
#ifndef MORTISE_DIFF_ENGINE_SIDE_H
#define MORTISE_DIFF_ENGINE_SIDE_H

#include "diff.h"

/* Starts the engine in this process; exits with a message if it can't.
 * cache_size 0: a small one, so that flushes happen. */
void engine_init(size_t cache_size, bool one_insn_per_tb);

/* The case's code comes into the guest's memory / goes out of it again. */
void engine_put_code(const struct diff_case *c);
void engine_drop_code(const struct diff_case *c);

/* Runs one state of the case. Memory must be filled. */
void engine_run(const struct diff_case *c, const struct diff_state *st, struct diff_result *res);

#endif
