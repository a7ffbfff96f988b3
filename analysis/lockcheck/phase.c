/* See phase.h. Which functions start or await threads is known from their
 * callees; within a function the phase goes forward through the graph, and
 * where ways meet the later one counts: a loop that joins all threads has
 * joined them even if it might have run zero times. */
#include "phase.h"

struct phases {
    const struct program *program;
    bool *creates; /* by function number */
    bool *joins;
    const struct pfunction *current;
    GHashTable *events; /* of `current`: struct ir_event -> phase, where it is not PHASE_ALONE */
};

static bool has_rule(const struct pfunction *function, enum rule_kind kind)
{
    for (guint i = 0; function->rules[i]; i++) {
        if (function->rules[i]->kind == kind) {
            return true;
        }
    }
    return false;
}

/* Marks all functions with the rule and all their callers. */
static bool *mark_callers(const struct program *program, enum rule_kind kind)
{
    bool *marked = g_new0(bool, program->functions->len + 1);
    GPtrArray *queue = g_ptr_array_new();

    for (guint i = 0; i < program->functions->len; i++) {
        struct pfunction *function = program->functions->pdata[i];

        if (has_rule(function, kind)) {
            marked[function->number] = true;
            g_ptr_array_add(queue, function);
        }
    }
    while (queue->len > 0) {
        const struct pfunction *function = g_ptr_array_remove_index(queue, queue->len - 1);

        for (guint i = 0; i < function->callers->len; i++) {
            const struct pcall *call = function->callers->pdata[i];

            if (!marked[call->caller->number]) {
                marked[call->caller->number] = true;
                g_ptr_array_add(queue, call->caller);
            }
        }
    }
    g_ptr_array_unref(queue);
    return marked;
}

struct phases *phases_new(const struct program *program)
{
    struct phases *phases = g_new0(struct phases, 1);

    phases->program = program;
    phases->creates = mark_callers(program, RULE_THREAD_CREATE);
    phases->joins = mark_callers(program, RULE_THREAD_JOIN);
    phases->events = g_hash_table_new(NULL, NULL);
    return phases;
}

void phases_free(struct phases *phases)
{
    if (phases) {
        g_free(phases->creates);
        g_free(phases->joins);
        g_hash_table_unref(phases->events);
        g_free(phases);
    }
}

bool phase_starts_threads(const struct phases *phases, const struct pfunction *function)
{
    return phases->creates[function->number];
}

static enum phase after(const struct phases *phases, const struct ir_event *event, enum phase phase)
{
    const struct pcall *call;
    bool creates = false;
    bool joins = false;

    if (event->kind != IR_CALL) {
        return phase;
    }
    call = program_call(phases->program, event);
    for (guint i = 0; call && i < call->targets->len; i++) {
        const struct pfunction *target = call->targets->pdata[i];

        creates = creates || phases->creates[target->number];
        joins = joins || phases->joins[target->number];
    }
    return joins ? PHASE_JOINED : creates ? PHASE_THREADED : phase;
}

static enum phase through_block(struct phases *phases, const struct ir_block *block,
                                enum phase phase, bool record)
{
    for (guint i = 0; i < block->events->len; i++) {
        struct ir_event *event = block->events->pdata[i];

        if (record && phase != PHASE_ALONE) {
            g_hash_table_insert(phases->events, event, GUINT_TO_POINTER((guint)phase));
        }
        phase = after(phases, event, phase);
    }
    return phase;
}

static void compute(struct phases *phases, const struct pfunction *function)
{
    const GPtrArray *blocks = function->ir->blocks;
    uint8_t *in = g_new0(uint8_t, blocks->len + 1); /* phase + 1; 0: not reached */
    GArray *queue = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    uint32_t number = 0;

    in[0] = PHASE_ALONE + 1;
    g_array_append_val(queue, number);
    while (queue->len > 0) {
        const struct ir_block *block;
        enum phase out;

        number = g_array_index(queue, uint32_t, queue->len - 1);
        g_array_set_size(queue, queue->len - 1);
        block = blocks->pdata[number];
        out = through_block(phases, block, (enum phase)(in[number] - 1), false);
        for (guint i = 0; i < ir_block_successors(block); i++) {
            uint32_t next = block->next[i];

            if (next < blocks->len && in[next] < out + 1) {
                in[next] = (uint8_t)(out + 1);
                g_array_append_val(queue, next);
            }
        }
    }
    for (guint b = 0; b < blocks->len; b++) {
        if (in[b] > 0) {
            through_block(phases, blocks->pdata[b], (enum phase)(in[b] - 1), true);
        }
    }
    g_array_unref(queue);
    g_free(in);
}

enum phase phase_at(struct phases *phases, const struct pfunction *function,
                    const struct ir_event *event)
{
    if (!phases->creates[function->number] || !function->ir->blocks ||
        function->ir->blocks->len == 0) {
        return PHASE_ALONE;
    }
    if (phases->current != function) {
        g_hash_table_remove_all(phases->events);
        phases->current = function;
        compute(phases, function);
    }
    return (enum phase)GPOINTER_TO_UINT(g_hash_table_lookup(phases->events, event));
}
