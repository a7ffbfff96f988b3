/* Places that start threads: whether one may be many, and of what. */
#include "entries.h"

/* Whether a block can be reached from itself: a thread started there may be
 * one of many. Followed at most as far as the function has blocks. */
static bool in_loop(const struct ir_function *ir, guint start)
{
    bool *seen = g_new0(bool, ir->blocks->len + 1);
    GArray *queue = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    uint32_t number = start;
    bool found = false;

    g_array_append_val(queue, number);
    while (queue->len > 0 && !found) {
        const struct ir_block *block;
        guint count;

        number = g_array_index(queue, uint32_t, queue->len - 1);
        g_array_set_size(queue, queue->len - 1);
        block = ir->blocks->pdata[number];
        count = ir_block_successors(block);
        for (guint i = 0; i < count; i++) {
            uint32_t next = block->next[i];

            found = found || next == start;
            if (next < ir->blocks->len && !seen[next]) {
                seen[next] = true;
                g_array_append_val(queue, next);
            }
        }
    }
    g_array_unref(queue);
    g_free(seen);
    return found;
}

bool entries_in_loop(const struct ir_function *ir, const struct ir_event *event)
{
    for (guint b = 0; b < ir->blocks->len; b++) {
        const struct ir_block *block = ir->blocks->pdata[b];

        for (guint e = 0; e < block->events->len; e++) {
            if (block->events->pdata[e] == event) {
                return in_loop(ir, b);
            }
        }
    }
    return false;
}

bool entries_call_starts(const struct program *program, const struct pcall *call,
                         const struct pfunction *start)
{
    bool starts = false;

    for (guint t = 0; t < call->targets->len; t++) {
        const struct pfunction *target = call->targets->pdata[t];

        for (guint r = 0; target->rules[r] && !starts; r++) {
            const struct rule *rule = target->rules[r];
            GPtrArray *functions;

            if (rule->kind != RULE_THREAD_CREATE || rule->callback < 0 ||
                (guint)rule->callback >= call->event->args->len) {
                continue;
            }
            functions = program_value_functions(program, call->caller->ir,
                                                call->event->args->pdata[rule->callback]);
            starts = g_ptr_array_find(functions, start, NULL);
            g_ptr_array_unref(functions);
        }
    }
    return starts;
}
