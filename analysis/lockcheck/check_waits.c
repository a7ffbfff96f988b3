/* Waits for a condition with a lock held besides the mutex, once more: they
 * hang only if somebody who could end the wait needs that lock. Who that is,
 * is told by the variable of the condition: the threads that may get to a
 * signal on it. What such a thread takes anywhere it may be waiting for when
 * the signal is due, and so may be whoever holds what it waits for.
 *
 * A wait whose condition has no name, and one on a condition that nobody is
 * seen to signal, stay findings. */
#include <string.h>

#include "flow_internal.h"
#include "order_internal.h"
#include "thread_sets.h"

enum { TAKES_TOLD = 400 }; /* with so many, some may have been left out */

struct waits {
    struct program *program;
    const struct order_graph *graph;
    struct thread_sets *threads;
    bool nameless; /* there are signals on conditions without a name */
};

static bool signals(const struct pcall *call)
{
    for (guint t = 0; t < call->targets->len; t++) {
        const struct pfunction *target = call->targets->pdata[t];

        for (const struct rule *const *rule = target->rules; rule && *rule; rule++) {
            if ((*rule)->kind == RULE_SIGNAL) {
                return true;
            }
        }
    }
    return false;
}

/* The threads that may signal the condition. */
static thread_set signallers(struct waits *w, const struct ir_variable *condition)
{
    thread_set set = 0;

    for (guint i = 0; i < w->program->functions->len; i++) {
        const struct pfunction *function = w->program->functions->pdata[i];

        for (guint c = 0; c < function->calls->len; c++) {
            const struct pcall *call = function->calls->pdata[c];
            const struct ir_variable *variable;

            if (!signals(call)) {
                continue;
            }
            variable = wait_condition(w->program, function, call->event);
            w->nameless |= !variable;
            if (variable == condition) {
                set |= thread_sets_of(w->threads, function);
            }
        }
    }
    return set;
}

/* Marks what is taken from the function on; false if that is not all. */
static bool mark_takes(const struct pfunction *start, bool *needed)
{
    const struct flow_function *ff = flow_function_of(start);
    const GPtrArray *takes = ff && ff->summary ? ff->summary->takes : NULL;

    for (guint i = 0; takes && i < takes->len; i++) {
        const struct take *take = takes->pdata[i];

        if (take->class && !take->trylock && !take->grace && !take->dying) {
            needed[take->class->number] = true;
        }
    }
    return !takes || takes->len < TAKES_TOLD;
}

/* Whoever has what is needed may wait for more; but not who waits here, and
 * what that one has nobody else has. */
static void mark_onwards(const struct waits *w, const struct kept_wait *wait, bool *needed)
{
    thread_set waiter = thread_sets_of(w->threads, wait->function);
    bool changed = true;

    while (changed) {
        changed = false;
        for (guint i = 0; i < w->graph->edges->len; i++) {
            const struct order_edge *edge = w->graph->edges->pdata[i];

            if (!edge->trylock && !edge->dying && needed[edge->from->number] &&
                !needed[edge->to->number] && edge->lone_thread != waiter &&
                !g_ptr_array_find(wait->held, edge->from, NULL)) {
                needed[edge->to->number] = changed = true;
            }
        }
    }
}

static bool is_needed(struct waits *w, const struct kept_wait *wait)
{
    bool *needed = g_new0(bool, lock_classes(w->program)->len + 1);
    thread_set set = signallers(w, wait->condition);
    bool all = set != 0 && (set & THREADS_ANY) == 0 && !w->nameless;
    GPtrArray *starts = thread_sets_starts(w->threads, set);
    bool result;

    for (guint i = 0; all && i < starts->len; i++) {
        all = mark_takes(starts->pdata[i], needed);
    }
    mark_onwards(w, wait, needed);
    result = !all || needed[wait->class->number];
    g_ptr_array_unref(starts);
    g_free(needed);
    return result;
}

void check_waits(struct program *program, const struct order_graph *graph,
                 struct findings *findings)
{
    struct flow *flow = flow_of(program);
    struct waits w = {.program = program, .graph = graph};

    if (!flow->kept_waits) {
        return;
    }
    w.threads = thread_sets_new(program);
    for (guint i = 0; i < flow->kept_waits->len; i++) {
        const struct kept_wait *wait = flow->kept_waits->pdata[i];

        if (!is_needed(&w, wait)) {
            g_hash_table_remove(findings->seen, wait->finding);
            g_ptr_array_remove(findings->list, wait->finding);
        }
    }
    thread_sets_free(w.threads);
}
