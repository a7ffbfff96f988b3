/* Groups of locals that copy each other, for fresh.c. */
#include <string.h>

#include "fresh_internal.h"

static guint find_leader(guint *leader, guint local)
{
    while (leader[local] != local) {
        leader[local] = leader[leader[local]];
        local = leader[local];
    }
    return local;
}

/* Locals that receive new objects or are objects, and the copies of these. */
static void mark_candidates(const struct fresh *fresh, const struct ir_function *ir, guint *leader,
                            bool *candidate)
{
    for (guint b = 0; b < ir->blocks->len; b++) {
        const struct ir_block *block = ir->blocks->pdata[b];

        for (guint e = 0; e < block->events->len; e++) {
            const struct ir_event *event = block->events->pdata[e];

            if (event->kind == IR_CALL && event->result >= 0 &&
                (guint)event->result < ir->locals->len && fresh_target_allocates(fresh, event)) {
                candidate[event->result] = true;
            } else if (event->kind == IR_SET && event->path->root == IR_ROOT_LOCAL &&
                       event->path->steps->len == 0 && event->path->index < ir->locals->len) {
                const struct ir_path *from = fresh_pointer_root(event->value);

                if (from && from->root == IR_ROOT_LOCAL && from->index < ir->locals->len) {
                    leader[find_leader(leader, event->path->index)] =
                        find_leader(leader, from->index);
                }
            }
        }
    }
}

void fresh_form_groups(struct fresh *fresh, const struct ir_function *ir)
{
    guint count = ir->locals->len;
    guint *leader = g_new(guint, count + 1);
    bool *candidate = g_new0(bool, count + 1);
    uint8_t *of_leader = g_new(uint8_t, count + 1);
    uint8_t next = 0;

    fresh->group = g_new(uint8_t, count + 1);
    memset(fresh->group, NO_GROUP, count + 1);
    memset(of_leader, NO_GROUP, count + 1);
    fresh->initial = 0;
    for (guint i = 0; i < count; i++) {
        leader[i] = i;
    }
    mark_candidates(fresh, ir, leader, candidate);
    for (guint pass = 0; pass < 2; pass++) {
        for (guint i = 0; i < count; i++) {
            const struct ir_variable *local = ir->locals->pdata[i];
            bool object = local->type.record && local->type.pointers == 0 && !local->is_static;
            guint lead = find_leader(leader, i);

            if (pass == 0 && (candidate[i] || object) && of_leader[lead] == NO_GROUP &&
                next < MAX_GROUPS) {
                of_leader[lead] = next++;
            }
            if (pass == 1) {
                fresh->group[i] = of_leader[lead];
                if (object && fresh->group[i] != NO_GROUP) {
                    fresh->initial |= UINT64_C(1) << fresh->group[i];
                }
            }
        }
    }
    g_free(leader);
    g_free(candidate);
    g_free(of_leader);
}
