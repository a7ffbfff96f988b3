/* Calls from which there is no way back: they lead to abort(), exit(), longjmp()
 * or the like on all ways, or are the last before a place where the code says
 * that it is not reached. What happens in them happens while the program ends,
 * or while an error unwinds.
 *
 * Neither loops nor the ends of threads are taken for fatal: a thread that
 * serves for ever has no way back either, and one that ends has done its work. */
#include <string.h>

#include "program_internal.h"

static bool is_never(const struct pfunction *function)
{
    static const char *const ends_of_threads[] = {"pthread_exit", "thrd_exit", "g_thread_exit"};

    for (guint i = 0; i < G_N_ELEMENTS(ends_of_threads); i++) {
        if (strcmp(function->ir->name, ends_of_threads[i]) == 0) {
            return false;
        }
    }
    for (guint r = 0; function->rules[r]; r++) {
        if (function->rules[r]->kind == RULE_NORETURN) {
            return true;
        }
    }
    return function->ir->is_noreturn;
}

/* All that may be called there never returns. */
static bool ends_here(const struct pcall *call, const bool *never)
{
    if (!call || call->targets->len == 0 || (call->slot && call->slot->escapes)) {
        return false;
    }
    for (guint t = 0; t < call->targets->len; t++) {
        if (!never[((const struct pfunction *)call->targets->pdata[t])->number]) {
            return false;
        }
    }
    return true;
}

static bool block_ends(const struct program *program, const struct ir_block *block,
                       const bool *never)
{
    for (guint e = 0; e < block->events->len; e++) {
        const struct ir_event *event = block->events->pdata[e];

        if (event->kind == IR_CALL && ends_here(program_call(program, event), never)) {
            return true;
        }
    }
    return block->exit == IR_UNREACHABLE;
}

/* Which blocks lead to an end on all ways; true if the first one does. */
static bool find_ends(const struct program *program, const struct pfunction *function,
                      const bool *never, bool *ends)
{
    const GPtrArray *blocks = function->ir->blocks;
    bool changed = true;

    for (guint b = 0; b < blocks->len; b++) {
        ends[b] = block_ends(program, blocks->pdata[b], never);
    }
    while (changed) {
        changed = false;
        for (guint b = blocks->len; b > 0; b--) {
            const struct ir_block *block = blocks->pdata[b - 1];
            guint count = ir_block_successors(block);
            bool all = count > 0;

            for (guint i = 0; i < count; i++) {
                all = all && block->next[i] < blocks->len && ends[block->next[i]];
            }
            if (all && !ends[b - 1]) {
                ends[b - 1] = changed = true;
            }
        }
    }
    return blocks->len > 0 && ends[0];
}

static guint most_blocks(const struct program *program)
{
    guint most = 0;

    for (guint i = 0; i < program->functions->len; i++) {
        const struct pfunction *function = program->functions->pdata[i];

        most = function->ir->blocks ? MAX(most, function->ir->blocks->len) : most;
    }
    return most;
}

static void mark_calls(const struct program *program, const struct pfunction *function,
                       const bool *never)
{
    const GPtrArray *blocks = function->ir->blocks;

    for (guint b = 0; b < blocks->len; b++) {
        const struct ir_block *block = blocks->pdata[b];
        bool last = block->exit == IR_UNREACHABLE;

        for (guint e = block->events->len; e > 0; e--) {
            const struct ir_event *event = block->events->pdata[e - 1];
            struct pcall *call = event->kind == IR_CALL ? program_call(program, event) : NULL;

            if (call) {
                call->fatal = last || ends_here(call, never);
                last = false;
            }
        }
    }
}

void program_find_fatal(struct program *program)
{
    const GPtrArray *functions = program->functions;
    bool *never = g_new0(bool, functions->len + 1);
    bool *ends = g_new0(bool, most_blocks(program) + 1);
    bool changed = true;

    for (guint i = 0; i < functions->len; i++) {
        never[i] = is_never(functions->pdata[i]);
    }
    while (changed) {
        changed = false;
        for (guint i = 0; i < functions->len; i++) {
            const struct pfunction *function = functions->pdata[i];

            if (function->ir->blocks && !never[i] && find_ends(program, function, never, ends)) {
                never[i] = changed = true;
            }
        }
    }
    for (guint i = 0; i < functions->len; i++) {
        const struct pfunction *function = functions->pdata[i];

        if (function->ir->blocks) {
            mark_calls(program, function, never);
        }
    }
    g_free(ends);
    g_free(never);
}
