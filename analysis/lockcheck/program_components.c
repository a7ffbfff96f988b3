/* Strongly connected components of the call graph, callees first: Tarjan's
 * algorithm with a stack of its own, since a call chain of generated code may
 * be as long as the program has functions. */
#include "program_internal.h"

struct visit {
    struct pfunction *function;
    guint call;
    guint target;
};

struct tarjan {
    uint32_t *index; /* 0: not visited */
    uint32_t *low;
    bool *on_stack;
    uint32_t next;
    GPtrArray *stack; /* of struct pfunction */
    GArray *visits;   /* of struct visit: the recursion */
    GPtrArray *components;
};

static void enter(struct tarjan *t, struct pfunction *function)
{
    struct visit visit = {.function = function};

    t->index[function->number] = t->low[function->number] = ++t->next;
    t->on_stack[function->number] = true;
    g_ptr_array_add(t->stack, function);
    g_array_append_val(t->visits, visit);
}

/* The next callee of a function under visit, or NULL after the last. */
static struct pfunction *next_callee(struct visit *visit)
{
    while (visit->call < visit->function->calls->len) {
        const struct pcall *call = visit->function->calls->pdata[visit->call];
        guint target = visit->target++;

        if (target < call->targets->len) {
            return call->targets->pdata[target];
        }
        target -= call->targets->len;
        if (call->callbacks && target < call->callbacks->len) {
            return call->callbacks->pdata[target];
        }
        visit->call++;
        visit->target = 0;
    }
    return NULL;
}

static void leave(struct tarjan *t, struct pfunction *function)
{
    GPtrArray *component;
    struct pfunction *member;

    if (t->low[function->number] != t->index[function->number]) {
        return;
    }
    component = g_ptr_array_new();
    do {
        member = g_ptr_array_remove_index(t->stack, t->stack->len - 1);
        t->on_stack[member->number] = false;
        g_ptr_array_add(component, member);
    } while (member != function);
    g_ptr_array_add(t->components, component);
}

static void visit_from(struct tarjan *t, struct pfunction *root)
{
    enter(t, root);
    while (t->visits->len > 0) {
        struct visit *visit = &g_array_index(t->visits, struct visit, t->visits->len - 1);
        struct pfunction *function = visit->function;
        struct pfunction *callee = next_callee(visit);
        uint32_t *low = &t->low[function->number];

        if (!callee) {
            leave(t, function);
            g_array_set_size(t->visits, t->visits->len - 1);
            if (t->visits->len > 0) {
                visit = &g_array_index(t->visits, struct visit, t->visits->len - 1);
                t->low[visit->function->number] = MIN(t->low[visit->function->number], *low);
            }
        } else if (t->index[callee->number] == 0) {
            enter(t, callee);
        } else if (t->on_stack[callee->number]) {
            *low = MIN(*low, t->index[callee->number]);
        }
    }
}

const GPtrArray *program_components(struct program *program)
{
    guint count = program->functions->len;
    struct tarjan t = {.next = 0};

    if (program->index->components) {
        return program->index->components;
    }
    t.index = g_new0(uint32_t, count + 1);
    t.low = g_new0(uint32_t, count + 1);
    t.on_stack = g_new0(bool, count + 1);
    t.stack = g_ptr_array_new();
    t.visits = g_array_new(FALSE, FALSE, sizeof(struct visit));
    t.components = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    for (guint i = 0; i < count; i++) {
        struct pfunction *function = program->functions->pdata[i];

        if (t.index[function->number] == 0) {
            visit_from(&t, function);
        }
    }
    g_free(t.index);
    g_free(t.low);
    g_free(t.on_stack);
    g_ptr_array_unref(t.stack);
    g_array_unref(t.visits);
    program->index->components = t.components;
    return t.components;
}
