/* Which variables of a function are followed: those that may receive a
 * protected pointer, and parameters. */
#include <string.h>

#include "contract.h"
#include "rcu_escape.h"

const struct ir_value *rcu_strip(const struct ir_value *value)
{
    for (int nest = 0; value && value->kind == IR_VALUE_OFFSET && nest < 16; nest++) {
        value = value->a;
    }
    return value;
}

uint8_t tracked_root(const struct escape *e, const struct ir_path *path)
{
    if (path->root == IR_ROOT_PARAM && path->index < e->function->ir->params->len) {
        return e->params[path->index];
    }
    if (path->root == IR_ROOT_LOCAL && path->index < e->function->ir->locals->len) {
        return e->locals[path->index];
    }
    return NOT_TRACKED;
}

bool begins_with_deref(const struct ir_path *path)
{
    return path->steps->len > 0 &&
           g_array_index(path->steps, struct ir_step, 0).kind == IR_STEP_DEREF;
}

static guint count_derefs(const struct ir_path *path)
{
    guint derefs = 0;

    for (guint i = 0; i < path->steps->len; i++) {
        derefs += g_array_index(path->steps, struct ir_step, i).kind == IR_STEP_DEREF;
    }
    return derefs;
}

/* The tracked variable that a value is, or points into the object of. */
uint8_t tracked_value(const struct escape *e, const struct ir_value *value)
{
    value = rcu_strip(value);
    if (!value || !value->path) {
        return NOT_TRACKED;
    }
    if ((value->kind == IR_VALUE_LOAD && value->path->steps->len == 0) ||
        (value->kind == IR_VALUE_ADDRESS && begins_with_deref(value->path) &&
         count_derefs(value->path) == 1)) {
        return tracked_root(e, value->path);
    }
    return NOT_TRACKED;
}

static void track(struct escape *e, enum ir_root root, uint32_t index, uint8_t *slot)
{
    if (*slot == NOT_TRACKED && e->count < MAX_TRACKED) {
        struct tracked *t = &e->tracked[e->count];

        memset(t, 0, sizeof(*t));
        t->root = root;
        t->index = index;
        t->params = root == IR_ROOT_PARAM && index < 64 ? UINT64_C(1) << index : 0;
        *slot = (uint8_t)e->count++;
    }
}

/* Whether an event gives a local a protected pointer, or a copy of one. */
static bool gives_pointer(const struct escape *e, const struct ir_event *event)
{
    const struct ir_value *value = rcu_strip(event->value);
    const struct ir_path *place;
    const struct ir_value *stored;

    if (event->kind == IR_CALL) {
        const struct pcall *call = program_call(e->rcu->program, event);

        if (rcu_access_of(e->rcu->program, event, &place, &stored) != RCU_NOT && place &&
            rcu_protected_at(e->rcu, place, e->function->ir)) {
            return true;
        }
        for (guint t = 0; call && t < call->targets->len; t++) {
            if (e->rcu->summaries[((struct pfunction *)call->targets->pdata[t])->number].returns) {
                return true;
            }
        }
        return false;
    }
    return tracked_value(e, event->value) != NOT_TRACKED ||
           (value && value->kind == IR_VALUE_LOAD &&
            rcu_protected_at(e->rcu, value->path, e->function->ir));
}

void find_tracked(struct escape *e)
{
    const struct ir_function *ir = e->function->ir;
    guint before;

    for (guint i = 0; i < ir->params->len && i < 32; i++) {
        if (((const struct ir_variable *)ir->params->pdata[i])->type.pointers > 0) {
            track(e, IR_ROOT_PARAM, i, &e->params[i]);
        }
    }
    do {
        before = e->count;
        for (guint b = 0; b < ir->blocks->len; b++) {
            const struct ir_block *block = ir->blocks->pdata[b];

            for (guint i = 0; i < block->events->len; i++) {
                const struct ir_event *event = block->events->pdata[i];
                uint32_t to = UINT32_MAX;

                if (event->kind == IR_CALL && event->result >= 0) {
                    to = (uint32_t)event->result;
                } else if (event->kind == IR_SET && event->path->root == IR_ROOT_LOCAL &&
                           event->path->steps->len == 0) {
                    to = event->path->index;
                }
                if (to < ir->locals->len && e->locals[to] == NOT_TRACKED &&
                    gives_pointer(e, event)) {
                    track(e, IR_ROOT_LOCAL, to, &e->locals[to]);
                }
            }
        }
    } while (e->count > before && e->count < MAX_TRACKED);
}
