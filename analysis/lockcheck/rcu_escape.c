/* What becomes of a pointer that was read from a protected place.
 *
 * A forward analysis over each function knows of up to 64 variables whether
 * they hold such a pointer: `live` while the section is open that it was read
 * in, `stale` once that is closed, and `old` as long as no grace period has
 * passed since. Following or returning a stale pointer, keeping a live one in
 * memory that outlives the section, and freeing an old one are errors. Taking
 * a reference makes a pointer safe: it is forgotten.
 *
 * Where ways meet, what may be is kept. Sections are counted by their depth in
 * the function; one that a caller has opened is the caller's business. */
#include "rcu_escape.h"

#include <string.h>

#include "contract.h"

void forget(struct state *state, uint64_t bits)
{
    state->live &= ~bits;
    state->stale &= ~bits;
    state->old &= ~bits;
}

static void receive(struct escape *e, struct state *state, uint8_t to, struct ir_loc loc,
                    const struct ir_path *place)
{
    if (to == NOT_TRACKED) {
        return;
    }
    forget(state, bit(to));
    if (e->seed_params) {
        return;
    }
    state->old |= bit(to);
    if (state->depth > 0) {
        state->live |= bit(to);
    }
    e->tracked[to].source = loc;
    e->tracked[to].place = place;
}

static void copy(struct escape *e, struct state *state, uint8_t to, uint8_t from)
{
    if (to == NOT_TRACKED || to == from) {
        return;
    }
    forget(state, bit(to));
    if (from == NOT_TRACKED) {
        return;
    }
    state->live |= (state->live & bit(from)) ? bit(to) : 0;
    state->stale |= (state->stale & bit(from)) ? bit(to) : 0;
    state->old |= (state->old & bit(from)) ? bit(to) : 0;
    e->tracked[to].params |= e->tracked[from].params;
    if (e->tracked[from].source.line > 0) {
        e->tracked[to].source = e->tracked[from].source;
        e->tracked[to].place = e->tracked[from].place;
    }
}

static void leave_sections(struct state *state, int count)
{
    state->depth = MAX(state->depth - count, -8);
    if (state->depth <= 0) {
        state->stale |= state->live;
        state->live = 0;
    }
}

static uint8_t result_of(const struct escape *e, const struct ir_event *event)
{
    return event->result >= 0 && (guint)event->result < e->function->ir->locals->len
               ? e->locals[event->result]
               : NOT_TRACKED;
}

static void pass_call(struct escape *e, struct state *state, const struct ir_event *event)
{
    const struct pcall *call = program_call(e->rcu->program, event);
    const struct ir_value *value;
    const struct ir_path *place;
    enum rcu_access access = rcu_access_of(e->rcu->program, event, &place, &value);
    uint8_t result = result_of(e, event);
    bool returns = false;

    for (guint t = 0; call && t < call->targets->len; t++) {
        const struct pfunction *target = call->targets->pdata[t];
        const struct rcu_summary *summary = &e->rcu->summaries[target->number];

        check_arguments(e, state, event, target);
        if (summary->grace) {
            state->old = 0;
            e->summary->grace = true;
        }
        if (summary->delta > 0 && t == 0) {
            state->depth += summary->delta;
        } else if (summary->delta < 0 && t == 0) {
            leave_sections(state, -summary->delta);
        }
        returns = returns || summary->returns;
    }
    if (event->atomic && call && call->targets->len > 0 && place &&
        strcmp(((struct pfunction *)call->targets->pdata[0])->ir->name, "__atomic_fetch_op") == 0 &&
        counts_reference(place)) {
        forget(state, bit(tracked_root(e, place)));
    }
    if (place && (access == RCU_DEREFERENCE || access == RCU_PUBLISH) &&
        rcu_protected_at(e->rcu, place, e->function->ir) &&
        !fresh_path(e->rcu->fresh, e->function, event, place)) {
        receive(e, state, result, event->loc, place);
        if (access == RCU_PUBLISH && result != NOT_TRACKED) {
            state->live &= ~bit(result); /* an updater's: no section keeps it */
        }
    } else if (returns) {
        receive(e, state, result, event->loc, NULL);
    } else {
        copy(e, state, result, NOT_TRACKED);
    }
}

static void pass_set(struct escape *e, struct state *state, const struct ir_event *event)
{
    const struct ir_value *value = rcu_strip(event->value);
    uint8_t from = tracked_value(e, event->value);
    uint8_t to = event->path->steps->len == 0 ? tracked_root(e, event->path) : NOT_TRACKED;

    check_use(e, state, event);
    if (event->path->steps->len > 0 || event->path->root == IR_ROOT_GLOBAL) {
        if (from != NOT_TRACKED) {
            check_store(e, state, event, from);
        }
        return;
    }
    /* NOLINTBEGIN(bugprone-branch-clone): a member that is not of a new object, or a global */
    if (value && value->kind == IR_VALUE_LOAD && value->path->steps->len > 0 &&
        rcu_protected_at(e->rcu, value->path, e->function->ir) &&
        !fresh_path(e->rcu->fresh, e->function, event, value->path)) {
        receive(e, state, to, event->loc, value->path);
    } else if (value && value->kind == IR_VALUE_LOAD && value->path->root == IR_ROOT_GLOBAL &&
               rcu_protected_at(e->rcu, value->path, e->function->ir)) {
        receive(e, state, to, event->loc, value->path);
    } else {
        copy(e, state, to, from);
    }
    /* NOLINTEND(bugprone-branch-clone) */
}

static void pass_event(struct escape *e, struct state *state, const struct ir_event *event)
{
    switch (event->kind) {
    case IR_CALL:
        pass_call(e, state, event);
        break;
    case IR_SET:
        pass_set(e, state, event);
        break;
    case IR_WRITE:
        check_use(e, state, event);
        if (event->path && counts_reference(event->path) &&
            tracked_root(e, event->path) != NOT_TRACKED) {
            forget(state, bit(tracked_root(e, event->path)));
        }
        break;
    case IR_READ:
        check_use(e, state, event);
        break;
    }
}

static void pass_return(struct escape *e, const struct state *state, const struct ir_block *block)
{
    uint8_t number;

    e->summary->delta = e->returned ? MAX(e->summary->delta, state->depth) : state->depth;
    e->returned = true;
    if (!block->value) {
        return;
    }
    number = tracked_value(e, block->value);
    if (number == NOT_TRACKED) {
        const struct ir_value *value = rcu_strip(block->value);

        if (value && value->kind == IR_VALUE_LOAD && !e->seed_params &&
            rcu_protected_at(e->rcu, value->path, e->function->ir)) {
            e->summary->returns = true;
        }
        return;
    }
    if (state->stale & bit(number)) {
        report_escape(e, block, block->loc, number,
                      "%s is returned after the RCU read section that it was read in",
                      variable_name(e, number));
    } else if (!e->seed_params && (state->old & bit(number)) && e->function->ir->returns_pointer) {
        e->summary->returns = true;
    }
}

static bool merge(struct state *into, const struct state *from)
{
    struct state old = *into;

    if (!into->reached) {
        *into = *from;
        into->reached = true;
        return true;
    }
    into->depth = MAX(into->depth, from->depth);
    into->live |= from->live;
    into->stale |= from->stale;
    into->old |= from->old;
    return into->depth != old.depth || into->live != old.live || into->stale != old.stale ||
           into->old != old.old;
}

static struct state pass_block(struct escape *e, const struct ir_block *block, struct state state)
{
    for (guint i = 0; i < block->events->len; i++) {
        pass_event(e, &state, block->events->pdata[i]);
    }
    state.depth = MIN(state.depth, 8); /* a loop that only enters ends there */
    if (block->exit == IR_RETURN) {
        pass_return(e, &state, block);
    }
    return state;
}

static void solve(struct escape *e, uint64_t entry_old)
{
    const GPtrArray *blocks = e->function->ir->blocks;
    struct state *in;
    GArray *queue;
    uint32_t number = 0;

    if (blocks->len == 0) {
        return;
    }
    in = g_new0(struct state, blocks->len);
    queue = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    e->report = false;
    in[0].reached = true;
    in[0].old = entry_old;
    g_array_append_val(queue, number);
    while (queue->len > 0) {
        const struct ir_block *block;
        struct state out;
        guint count;

        number = g_array_index(queue, uint32_t, queue->len - 1);
        g_array_set_size(queue, queue->len - 1);
        block = blocks->pdata[number];
        out = pass_block(e, block, in[number]);
        count = ir_block_successors(block);
        for (guint i = 0; i < count; i++) {
            if (block->next[i] < blocks->len && merge(&in[block->next[i]], &out)) {
                g_array_append_val(queue, block->next[i]);
            }
        }
    }
    e->report = !e->seed_params;
    for (guint b = 0; e->report && b < blocks->len; b++) {
        if (in[b].reached) {
            pass_block(e, blocks->pdata[b], in[b]);
        }
    }
    g_array_unref(queue);
    g_free(in);
}

/* What rules and annotations say of a function that is not looked into. */
static void summarise_declared(struct rcu *rcu, const struct pfunction *function)
{
    struct rcu_summary *summary = &rcu->summaries[function->number];
    GPtrArray *items;

    for (guint i = 0; function->rules[i]; i++) {
        switch (function->rules[i]->kind) {
        case RULE_RCU_READ_LOCK:
            summary->delta = 1;
            break;
        case RULE_RCU_READ_UNLOCK:
            summary->delta = -1;
            break;
        case RULE_RCU_SYNCHRONIZE:
        case RULE_RCU_BARRIER:
            summary->grace = true;
            break;
        default:
            break;
        }
    }
    items = contract_items(rcu->program, function->annotations, function->ir);
    for (guint i = 0; i < items->len; i++) {
        const struct contract_item *item = items->pdata[i];
        const struct lock_class *class =
            item->path && (contract_is_acquire(item->kind) || contract_is_release(item->kind))
                ? lock_class_of_path(rcu->program, item->path, function->ir)
                : NULL;

        if (class && class->rcu) {
            summary->delta = contract_is_acquire(item->kind) ? 1 : -1;
        }
    }
    g_ptr_array_unref(items);
}

static void analyse(struct rcu *rcu, const struct pfunction *function, GHashTable *told)
{
    struct escape *e = g_new0(struct escape, 1);
    struct rcu_summary *summary = &rcu->summaries[function->number];
    const struct ir_function *ir = function->ir;
    int declared;

    summarise_declared(rcu, function);
    declared = summary->delta;
    e->rcu = rcu;
    e->function = function;
    e->summary = summary;
    e->told = told;
    e->params = g_malloc(ir->params->len + 1);
    e->locals = g_malloc(ir->locals->len + 1);
    memset(e->params, NOT_TRACKED, ir->params->len + 1);
    memset(e->locals, NOT_TRACKED, ir->locals->len + 1);
    find_tracked(e);
    e->seed_params = true;
    solve(e, UINT64_MAX);
    for (guint i = 0; i < e->count; i++) {
        e->tracked[i].source = (struct ir_loc){0};
    }
    e->seed_params = false;
    solve(e, 0);
    if (declared != 0) {
        summary->delta = declared;
    }
    g_free(e->params);
    g_free(e->locals);
    g_free(e);
}

void rcu_check_escapes(struct rcu *rcu)
{
    const GPtrArray *components = program_components(rcu->program);
    GHashTable *told = g_hash_table_new(NULL, NULL);

    for (guint i = 0; i < rcu->program->functions->len; i++) {
        const struct pfunction *function = rcu->program->functions->pdata[i];

        if (!rcu_is_looked_into(function)) {
            summarise_declared(rcu, function);
        }
    }
    for (guint c = 0; c < components->len; c++) {
        const GPtrArray *component = components->pdata[c];

        for (guint i = 0; i < component->len; i++) {
            const struct pfunction *function = component->pdata[i];

            if (rcu_is_looked_into(function)) {
                analyse(rcu, function, told);
            }
        }
    }
    g_hash_table_unref(told);
}
