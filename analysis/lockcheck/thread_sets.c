/* See thread_sets.h. Threads begin where entries.c says. From there, sets flow
 * along all calls, through pointers to whatever they may hold. A function that
 * nobody is seen to call, and that is no entry, may be called by anybody.
 *
 * A thread is a single one if it is started in one place that itself runs once:
 * not in a loop, and in a function that is called once, and so on up to main.
 * Callbacks run on threads that we do not know, and so are never single. */
#include "thread_sets.h"

#include <string.h>

enum { ENTRIES_MAX = 62, CALLERS_DEPTH = 8 };

struct thread_sets {
    struct program *program;
    struct entries *entries;
    thread_set *of;    /* by function number */
    thread_set single; /* entries that are one thread each */
};

static bool runs_once(const struct pfunction *function, int depth)
{
    const struct pcall *call;

    if (strcmp(function->ir->name, "main") == 0) {
        return true;
    }
    if (depth >= CALLERS_DEPTH || function->callers->len != 1 || function->stored->len > 0) {
        return false;
    }
    call = function->callers->pdata[0];
    return !entries_in_loop(call->caller->ir, call->event) && runs_once(call->caller, depth + 1);
}

/* All places that start threads with the function. */
static bool started_once(const struct program *program, const struct pfunction *start)
{
    unsigned places = 0;

    for (guint i = 0; i < program->functions->len; i++) {
        const struct pfunction *function = program->functions->pdata[i];

        for (guint c = 0; c < function->calls->len; c++) {
            const struct pcall *call = function->calls->pdata[c];

            if (!entries_call_starts(program, call, start)) {
                continue;
            }
            if (++places > 1 || entries_in_loop(function->ir, call->event) ||
                !runs_once(function, 0)) {
                return false;
            }
        }
    }
    return places == 1;
}

static void add(struct thread_sets *sets, struct pfunction *function, thread_set set,
                GPtrArray *queue)
{
    thread_set *of = &sets->of[function->number];

    if ((*of & set) != set) {
        *of |= set;
        g_ptr_array_add(queue, function);
    }
}

static void add_entries(struct thread_sets *sets, GPtrArray *queue)
{
    const GPtrArray *list = sets->entries->list;

    for (guint i = 0; i < list->len; i++) {
        const struct entry *entry = list->pdata[i];
        bool main = strcmp(entry->function->ir->name, "main") == 0;
        thread_set bit = i < ENTRIES_MAX ? UINT64_C(1) << i : THREADS_ANY;

        add(sets, entry->function, bit, queue);
        if (bit != THREADS_ANY && entry->thread && !entry->many &&
            (main || started_once(sets->program, entry->function))) {
            sets->single |= bit;
        }
    }
    for (guint i = 0; i < sets->program->functions->len; i++) {
        struct pfunction *function = sets->program->functions->pdata[i];

        if (function->callers->len == 0 && function->ir->blocks &&
            sets->of[function->number] == 0 && strcmp(function->ir->symbol, IR_INIT_SYMBOL) != 0) {
            add(sets, function, THREADS_ANY, queue);
        }
    }
}

struct thread_sets *thread_sets_new(struct program *program)
{
    struct thread_sets *sets = g_new0(struct thread_sets, 1);
    GPtrArray *queue = g_ptr_array_new();

    sets->program = program;
    sets->entries = entries_new(program);
    sets->of = g_new0(thread_set, program->functions->len + 1);
    add_entries(sets, queue);
    while (queue->len > 0) {
        const struct pfunction *function = g_ptr_array_remove_index(queue, queue->len - 1);

        for (guint c = 0; c < function->calls->len; c++) {
            const struct pcall *call = function->calls->pdata[c];
            const GPtrArray *lists[] = {call->targets, call->callbacks};

            for (guint l = 0; l < G_N_ELEMENTS(lists); l++) {
                for (guint t = 0; lists[l] && t < lists[l]->len; t++) {
                    add(sets, lists[l]->pdata[t], sets->of[function->number], queue);
                }
            }
        }
    }
    g_ptr_array_unref(queue);
    return sets;
}

void thread_sets_free(struct thread_sets *sets)
{
    if (sets) {
        entries_free(sets->entries);
        g_free(sets->of);
        g_free(sets);
    }
}

thread_set thread_sets_of(const struct thread_sets *sets, const struct pfunction *function)
{
    thread_set set = sets->of[function->number];

    return set != 0 ? set : THREADS_ANY;
}

bool thread_sets_is_one(const struct thread_sets *sets, thread_set set)
{
    return set != 0 && (set & (set - 1)) == 0 && (set & sets->single) == set;
}

GPtrArray *thread_sets_starts(const struct thread_sets *sets, thread_set set)
{
    const GPtrArray *list = sets->entries->list;
    GPtrArray *starts = g_ptr_array_new();
    bool callbacks = false;

    for (guint i = 0; i < MIN(list->len, (guint)ENTRIES_MAX); i++) {
        const struct entry *entry = list->pdata[i];

        callbacks |= (set >> i & 1) != 0 && !entry->thread;
    }
    for (guint i = 0; i < list->len; i++) {
        const struct entry *entry = list->pdata[i];

        /* Of callbacks, one may have to wait for another of its thread. */
        if ((i < ENTRIES_MAX && (set >> i & 1) != 0) || (callbacks && !entry->thread)) {
            g_ptr_array_add(starts, entry->function);
        }
    }
    return starts;
}
