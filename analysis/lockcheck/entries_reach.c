/* Which entries lead to which functions, see entries.h. */
#include <string.h>

#include "entries.h"

#define MAX_REACH 64 /* entries that are kept for one function */

void entries_free_reach(struct entries *entries)
{
    for (guint i = 0; entries->reach && i < entries->program->functions->len; i++) {
        if (entries->reach[i]) {
            g_ptr_array_unref(entries->reach[i]);
        }
    }
    g_free(entries->reach);
    entries->reach = NULL;
}

static bool add_reach(struct entries *entries, const struct pfunction *function,
                      struct entry *entry)
{
    GPtrArray **reach = &entries->reach[function->number];

    if (!*reach) {
        *reach = g_ptr_array_new();
    }
    for (guint i = 0; i < (*reach)->len; i++) {
        if ((*reach)->pdata[i] == entry) {
            return false;
        }
    }
    if ((*reach)->len >= MAX_REACH) {
        return false;
    }
    g_ptr_array_add(*reach, entry);
    return true;
}

/* Functions that are bound to a role or take one up are entries themselves. */
static bool has_own_role(const struct entries *entries, const struct pfunction *function)
{
    return (entries->bound[function->number] | entries->enters[function->number]) != 0;
}

static void reach_callees(struct entries *entries, const GPtrArray *callees, struct entry *entry,
                          GPtrArray *queue)
{
    for (guint i = 0; callees && i < callees->len; i++) {
        struct pfunction *callee = callees->pdata[i];

        if (callee->ir->blocks && !callee->builtin && !has_own_role(entries, callee) &&
            add_reach(entries, callee, entry)) {
            g_ptr_array_add(queue, callee);
        }
    }
}

/* How many targets a call through a pointer may have to be evidence that a
 * thread gets to each of them. Annotated code has contracts to say what it
 * means, and is to be checked against all that can be. In a build of several
 * executables a pointer of one holds what another has stored. */
static guint believable_targets(const struct entries *entries)
{
    guint mains = 0;

    if (entries->program->annotated) {
        return G_MAXUINT;
    }
    for (guint i = 0; i < entries->list->len; i++) {
        const struct entry *entry = entries->list->pdata[i];

        mains += strcmp(entry->function->ir->name, "main") == 0;
    }
    return mains > 1 ? 0 : 1;
}

static bool starts_threads(const struct phases *phases, const struct pcall *call)
{
    for (guint t = 0; t < call->targets->len; t++) {
        if (phase_starts_threads(phases, call->targets->pdata[t])) {
            return true;
        }
    }
    return false;
}

void entries_reach(struct entries *entries, struct phases *phases)
{
    GPtrArray *queue = g_ptr_array_new();
    guint through_pointers = believable_targets(entries);

    entries_free_reach(entries);
    entries->reach = g_new0(GPtrArray *, entries->program->functions->len + 1);
    for (guint e = 0; e < entries->list->len; e++) {
        struct entry *entry = entries->list->pdata[e];

        if ((entry->role || !has_own_role(entries, entry->function)) &&
            add_reach(entries, entry->function, entry)) {
            g_ptr_array_add(queue, entry->function);
        }
        while (queue->len > 0) {
            const struct pfunction *function = g_ptr_array_remove_index(queue, queue->len - 1);
            bool main = strcmp(function->ir->name, "main") == 0;

            for (guint c = 0; c < function->calls->len; c++) {
                const struct pcall *call = function->calls->pdata[c];

                if ((call->slot && call->targets->len > through_pointers) ||
                    (call->fatal && !entries->program->annotated)) {
                    continue;
                }
                if (main && phase_at(phases, function, call->event) != PHASE_THREADED &&
                    !starts_threads(phases, call)) {
                    continue;
                }
                reach_callees(entries, call->targets, entry, queue);
                reach_callees(entries, call->callbacks, entry, queue);
            }
        }
    }
    g_ptr_array_unref(queue);
}

const GPtrArray *entries_of(const struct entries *entries, const struct pfunction *function)
{
    return entries->reach[function->number];
}
