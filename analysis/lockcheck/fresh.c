/* See fresh.h. A forward analysis over each function: a bit for each group of
 * locals that copy each other, set where one of them receives a new object (or
 * from the start, for a local object), cleared where the pointer is stored in
 * memory that is not fresh itself, or passed to a function that does so. Where
 * ways meet, an object is fresh only if it is on all of them.
 *
 * At most 64 groups of a function are followed; the others count as visible,
 * which asks for more locks than needed, never for less. */
#include "fresh_internal.h"

#include <string.h>

bool fresh_returns(const struct fresh *fresh, const struct pfunction *function)
{
    return fresh->summaries[function->number].returns;
}

/* Rules that make an argument visible to other threads. */
bool fresh_publishes(const struct fresh *fresh, const struct pfunction *function, guint param)
{
    return fresh_rule_publishes(function, param) ||
           (param < 64 && (fresh->summaries[function->number].publishes >> param & 1) != 0);
}

/* Compilers' and C11's atomic stores publish what they store. */
static const struct ir_value *strip(const struct ir_value *value)
{
    for (int nest = 0; value && value->kind == IR_VALUE_OFFSET && nest < 16; nest++) {
        value = value->a;
    }
    return value;
}

static bool starts_with_deref(const struct ir_path *path)
{
    return path->steps->len > 0 &&
           g_array_index(path->steps, struct ir_step, 0).kind == IR_STEP_DEREF;
}

/* The path of a pointer's variable if the value points into the object that
 * the variable points to, or of the local object that it points into. */
const struct ir_path *fresh_pointer_root(const struct ir_value *value)
{
    value = strip(value);
    if (!value || !value->path) {
        return NULL;
    }
    if (value->kind == IR_VALUE_LOAD && value->path->steps->len == 0) {
        return value->path;
    }
    if (value->kind == IR_VALUE_ADDRESS) {
        guint derefs = 0;

        for (guint i = 0; i < value->path->steps->len; i++) {
            derefs += g_array_index(value->path->steps, struct ir_step, i).kind == IR_STEP_DEREF;
        }
        if (derefs == 0 || (derefs == 1 && starts_with_deref(value->path))) {
            return value->path;
        }
    }
    return NULL;
}

bool fresh_target_allocates(const struct fresh *fresh, const struct ir_event *event)
{
    const struct pcall *call = program_call(fresh->program, event);
    bool all = call && call->targets->len > 0;

    for (guint i = 0; all && i < call->targets->len; i++) {
        const struct pfunction *target = call->targets->pdata[i];

        all = fresh_returns(fresh, target) ||
              annotation_has(target->annotations, ANNOTATION_PRIVATE) ||
              (!target->ir->blocks && fresh_allocates(target->ir->name)) ||
              fresh_allocates(target->ir->name);
    }
    return all;
}

static uint8_t group_of(const struct fresh *fresh, const struct ir_path *path)
{
    return path && path->root == IR_ROOT_LOCAL && path->index < fresh->current->ir->locals->len
               ? fresh->group[path->index]
               : NO_GROUP;
}

static uint64_t bit_of(const struct fresh *fresh, const struct ir_path *path)
{
    uint8_t group = group_of(fresh, path);

    return group == NO_GROUP ? 0 : UINT64_C(1) << group;
}

static uint64_t publish_arguments(const struct fresh *fresh, const struct ir_event *event,
                                  uint64_t state)
{
    const struct pcall *call = program_call(fresh->program, event);

    for (guint a = 0; call && a < event->args->len; a++) {
        uint64_t bit = bit_of(fresh, fresh_pointer_root(event->args->pdata[a]));

        for (guint t = 0; (state & bit) != 0 && t < call->targets->len; t++) {
            const struct pfunction *target = call->targets->pdata[t];

            if (fresh_publishes(fresh, target, a) || (a > 0 && fresh_stores(target->ir->name))) {
                state &= ~bit;
            }
        }
    }
    return state;
}

static uint64_t transfer(const struct fresh *fresh, const struct ir_event *event, uint64_t state)
{
    if (event->kind == IR_CALL) {
        state = publish_arguments(fresh, event, state);
        if (event->result >= 0 && (guint)event->result < fresh->current->ir->locals->len &&
            fresh->group[event->result] != NO_GROUP) {
            uint64_t bit = UINT64_C(1) << fresh->group[event->result];

            state = fresh_target_allocates(fresh, event) ? state | bit : state & ~bit;
        }
    } else if (event->kind == IR_SET) {
        const struct ir_path *from = fresh_pointer_root(event->value);
        const struct ir_value *value = strip(event->value);
        uint64_t source = bit_of(fresh, from);
        uint64_t target = bit_of(fresh, event->path);

        if (event->path->root == IR_ROOT_LOCAL && event->path->steps->len == 0) {
            if (target != 0 && source != target && value && value->kind != IR_VALUE_INT) {
                state &= ~target;
            }
        } else if (source != 0 && source != target &&
                   (event->path->root != IR_ROOT_LOCAL || starts_with_deref(event->path)) &&
                   (state & target) == 0) {
            state &= ~source;
        }
    }
    return state;
}

static void record_states(struct fresh *fresh, const struct ir_block *block, uint64_t state)
{
    for (guint e = 0; e < block->events->len; e++) {
        g_array_append_val(fresh->states, state);
        g_hash_table_insert(fresh->events, block->events->pdata[e],
                            GUINT_TO_POINTER(fresh->states->len));
        state = transfer(fresh, block->events->pdata[e], state);
    }
    g_array_append_val(fresh->states, state);
    g_hash_table_insert(fresh->exits, (gpointer)block, GUINT_TO_POINTER(fresh->states->len));
}

static void solve(struct fresh *fresh, const GPtrArray *blocks)
{
    uint64_t *in = g_new(uint64_t, blocks->len + 1);
    bool *reached = g_new0(bool, blocks->len + 1);
    GArray *queue = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    uint32_t number = 0;

    in[0] = fresh->initial;
    reached[0] = true;
    g_array_append_val(queue, number);
    while (queue->len > 0) {
        const struct ir_block *block;
        uint64_t state;

        number = g_array_index(queue, uint32_t, queue->len - 1);
        g_array_set_size(queue, queue->len - 1);
        block = blocks->pdata[number];
        state = in[number];
        for (guint e = 0; e < block->events->len; e++) {
            state = transfer(fresh, block->events->pdata[e], state);
        }
        for (guint i = 0; i < ir_block_successors(block); i++) {
            uint32_t next = block->next[i];

            if (next < blocks->len && (!reached[next] || (in[next] & ~state) != 0)) {
                in[next] = reached[next] ? in[next] & state : state;
                reached[next] = true;
                g_array_append_val(queue, next);
            }
        }
    }
    for (guint b = 0; b < blocks->len; b++) {
        if (reached[b]) {
            record_states(fresh, blocks->pdata[b], in[b]);
        }
    }
    g_free(in);
    g_free(reached);
    g_array_unref(queue);
}

static void look_at(struct fresh *fresh, const struct pfunction *function)
{
    if (fresh->current == function) {
        return;
    }
    g_hash_table_remove_all(fresh->events);
    g_hash_table_remove_all(fresh->exits);
    g_array_set_size(fresh->states, 0);
    g_free(fresh->group);
    fresh->group = NULL;
    fresh->current = function;
    fresh_form_groups(fresh, function->ir);
    if (function->ir->blocks->len > 0) {
        solve(fresh, function->ir->blocks);
    }
}

static bool returns_fresh(struct fresh *fresh, const struct pfunction *function)
{
    const GPtrArray *blocks = function->ir->blocks;
    bool any = false;

    if (!function->ir->returns_pointer) {
        return false;
    }
    look_at(fresh, function);
    for (guint b = 0; b < blocks->len; b++) {
        const struct ir_block *block = blocks->pdata[b];
        const struct ir_value *value = block->exit == IR_RETURN ? strip(block->value) : NULL;
        guint state = GPOINTER_TO_UINT(g_hash_table_lookup(fresh->exits, block));

        if (block->exit != IR_RETURN || state == 0 || (value && value->kind == IR_VALUE_INT)) {
            continue;
        }
        if (!value || value->kind != IR_VALUE_LOAD || value->path->steps->len > 0 ||
            (g_array_index(fresh->states, uint64_t, state - 1) & bit_of(fresh, value->path)) == 0) {
            return false;
        }
        any = true;
    }
    return any;
}

/* Which parameter a pointer value is, perhaps by way of a local copy. */
static uint64_t parameters_of(const uint64_t *copies, const struct ir_function *ir,
                              const struct ir_value *value)
{
    const struct ir_path *root = fresh_pointer_root(value);

    if (root && root->root == IR_ROOT_PARAM && root->index < 64 &&
        (root->steps->len == 0 || starts_with_deref(root))) {
        return UINT64_C(1) << root->index;
    }
    return root && root->root == IR_ROOT_LOCAL && root->index < ir->locals->len
               ? copies[root->index]
               : 0;
}

static uint64_t path_parameters(const uint64_t *copies, const struct ir_function *ir,
                                const struct ir_path *path)
{
    if (path->root == IR_ROOT_PARAM) {
        return path->index < 64 ? UINT64_C(1) << path->index : 0;
    }
    return path->root == IR_ROOT_LOCAL && path->index < ir->locals->len ? copies[path->index] : 0;
}

static uint64_t published_by(const struct fresh *fresh, const struct ir_function *ir,
                             const struct ir_event *event, uint64_t *copies)
{
    uint64_t published = 0;

    if (event->kind == IR_SET) {
        uint64_t source = parameters_of(copies, ir, event->value);

        if (event->path->root == IR_ROOT_LOCAL && event->path->steps->len == 0) {
            if (event->path->index < ir->locals->len) {
                copies[event->path->index] |= source;
            }
        } else if (event->path->root != IR_ROOT_LOCAL || starts_with_deref(event->path)) {
            published |= source & ~path_parameters(copies, ir, event->path);
        }
    } else if (event->kind == IR_CALL) {
        const struct pcall *call = program_call(fresh->program, event);

        for (guint a = 0; call && a < event->args->len; a++) {
            uint64_t source = parameters_of(copies, ir, event->args->pdata[a]);

            for (guint t = 0; source != 0 && t < call->targets->len; t++) {
                const struct pfunction *target = call->targets->pdata[t];

                if (fresh_publishes(fresh, target, a) ||
                    (a > 0 && fresh_stores(target->ir->name))) {
                    published |= source;
                }
            }
        }
    }
    return published;
}

static void summarise(struct fresh *fresh, const struct pfunction *function)
{
    const struct ir_function *ir = function->ir;
    uint64_t *copies = g_new0(uint64_t, ir->locals->len + 1);
    uint64_t published = 0;

    for (guint pass = 0; pass < 2; pass++) {
        for (guint b = 0; b < ir->blocks->len; b++) {
            const struct ir_block *block = ir->blocks->pdata[b];

            for (guint e = 0; e < block->events->len; e++) {
                published |= published_by(fresh, ir, block->events->pdata[e], copies);
            }
        }
    }
    g_free(copies);
    fresh->summaries[function->number].publishes = published;
    fresh->summaries[function->number].returns = returns_fresh(fresh, function);
}

struct fresh *fresh_new(struct program *program)
{
    const GPtrArray *components = program_components(program);
    struct fresh *fresh = g_new0(struct fresh, 1);

    fresh->program = program;
    fresh->summaries = g_new0(struct summary, program->functions->len + 1);
    fresh->events = g_hash_table_new(NULL, NULL);
    fresh->exits = g_hash_table_new(NULL, NULL);
    fresh->states = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    for (guint c = 0; c < components->len; c++) {
        const GPtrArray *component = components->pdata[c];

        for (guint i = 0; i < component->len; i++) {
            const struct pfunction *function = component->pdata[i];

            if (function->ir->blocks && !function->builtin) {
                summarise(fresh, function);
            }
        }
    }
    fresh->current = NULL;
    return fresh;
}

void fresh_free(struct fresh *fresh)
{
    if (fresh) {
        g_hash_table_unref(fresh->events);
        g_hash_table_unref(fresh->exits);
        g_array_unref(fresh->states);
        g_free(fresh->group);
        g_free(fresh->summaries);
        g_free(fresh);
    }
}

static bool is_fresh_root(struct fresh *fresh, const struct pfunction *function,
                          const struct ir_event *event, const struct ir_path *path)
{
    guint state;

    if (path->root != IR_ROOT_LOCAL || !function->ir->blocks) {
        return false;
    }
    look_at(fresh, function);
    state = GPOINTER_TO_UINT(g_hash_table_lookup(fresh->events, event));
    return state > 0 &&
           (g_array_index(fresh->states, uint64_t, state - 1) & bit_of(fresh, path)) != 0;
}

/* Said to be private: the caller has made it, and hands it on. */
static bool is_private_parameter(const struct pfunction *function, const struct ir_path *path)
{
    const struct ir_variable *parameter =
        path->root == IR_ROOT_PARAM && path->index < function->ir->params->len
            ? function->ir->params->pdata[path->index]
            : NULL;

    return parameter && annotation_has(parameter->annotations, ANNOTATION_PRIVATE);
}

bool fresh_path(struct fresh *fresh, const struct pfunction *function, const struct ir_event *event,
                const struct ir_path *path)
{
    guint derefs = 0;

    for (guint i = 0; i < path->steps->len; i++) {
        derefs += g_array_index(path->steps, struct ir_step, i).kind == IR_STEP_DEREF;
    }
    return (derefs == 0 || (derefs == 1 && starts_with_deref(path))) &&
           (is_private_parameter(function, path) || is_fresh_root(fresh, function, event, path));
}

bool fresh_value(struct fresh *fresh, const struct pfunction *function,
                 const struct ir_event *event, const struct ir_value *value)
{
    const struct ir_path *root = fresh_pointer_root(value);

    return root &&
           (is_private_parameter(function, root) || is_fresh_root(fresh, function, event, root));
}
