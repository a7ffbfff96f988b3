/* From functions that block by rule or annotation to all that call them. */
#include "blocking.h"

/* Functions whose callers are to be looked at. One that blocks anew begins a
 * round; in it, functions that block in their callbacks are looked at again,
 * each once, since more of these callbacks block now. */
struct queue {
    GPtrArray *functions;
    GArray *rounds; /* of uint32_t */
    uint32_t round;
    uint32_t next_round;
};

struct cause *blocking_cause(const struct blocks *b, const struct pfunction *function,
                             enum blocking kind)
{
    return &b->causes[function->number * BLOCK_KINDS + kind];
}

static bool has_rule(const struct pfunction *function, enum rule_kind kind)
{
    for (guint i = 0; function->rules[i]; i++) {
        if (function->rules[i]->kind == kind) {
            return true;
        }
    }
    return false;
}

static bool is_leaf(const struct pfunction *function, enum blocking kind)
{
    switch (kind) {
    case BLOCK_SLEEP:
        return annotation_has(function->annotations, ANNOTATION_MAY_BLOCK) ||
               has_rule(function, RULE_BLOCK) || has_rule(function, RULE_WAIT) ||
               has_rule(function, RULE_THREAD_JOIN);
    case BLOCK_GRACE:
        return has_rule(function, RULE_RCU_SYNCHRONIZE) || has_rule(function, RULE_RCU_BARRIER);
    default:
        return false;
    }
}

static bool class_sleeps(const struct lock_class *class)
{
    return !class || (!class->nonblocking && !class->rcu && !class->role);
}

static bool path_sleeps(const struct blocks *b, const struct pcall *call,
                        const struct ir_path *path)
{
    return path && class_sleeps(lock_class_of_path(b->program, path, call->caller->ir));
}

/* The lock object of a rule's argument; to be freed. */
struct ir_path *blocking_argument_path(const struct pcall *call, int number)
{
    const struct ir_value *value;
    struct ir_path *path;

    if (number < 0 || (guint)number >= call->event->args->len) {
        return NULL;
    }
    value = call->event->args->pdata[number];
    if (value->kind != IR_VALUE_ADDRESS && value->kind != IR_VALUE_LOAD) {
        return NULL;
    }
    path = ir_path_copy(value->path);
    if (value->kind == IR_VALUE_LOAD) {
        ir_path_add(path, (struct ir_step){.kind = IR_STEP_DEREF});
    }
    return path;
}

/* Whether the call itself takes a lock that sleeps. */
bool blocking_takes_sleeping(const struct blocks *b, const struct pcall *call,
                             const struct pfunction *target)
{
    bool sleeps = false;
    GPtrArray *items;

    for (guint r = 0; target->rules[r]; r++) {
        const struct rule *rule = target->rules[r];
        struct ir_path *path;

        if (rule->kind != RULE_ACQUIRE || rule->nonblocking || rule->lock < 0) {
            continue;
        }
        path = blocking_argument_path(call, rule->lock);
        sleeps = sleeps || path_sleeps(b, call, path);
        ir_path_free(path);
    }
    if (target->rules[0] || target->annotations->len == 0) {
        return sleeps;
    }
    items = contract_items(b->program, target->annotations, target->ir);
    for (guint i = 0; i < items->len && !sleeps; i++) {
        const struct contract_item *item = items->pdata[i];
        struct ir_path *path;

        if ((item->kind == ANNOTATION_ACQUIRE || item->kind == ANNOTATION_ACQUIRE_SHARED) &&
            item->path) {
            path = program_bind_path(item->path, call->event->args);
            sleeps = path_sleeps(b, call, path);
            ir_path_free(path);
        }
    }
    g_ptr_array_unref(items);
    return sleeps;
}

/* Functions whose own body tells nothing: known otherwise, or declared fine. */
bool blocking_stops(const struct pfunction *function)
{
    return function->builtin || annotation_has(function->annotations, ANNOTATION_BLOCKING_OK) ||
           annotation_has(function->annotations, ANNOTATION_NO_ANALYSIS);
}

bool blocking_slot_says(const struct pcall *call, enum annotation_kind kind)
{
    return call->slot && annotation_has(call->slot->annotations, kind);
}

/* The parameter that a call goes through, or -1. */
static int called_parameter(const struct pcall *call)
{
    const struct ir_value *callee = call ? call->event->callee : NULL;

    if (!callee || callee->kind != IR_VALUE_LOAD || callee->path->root != IR_ROOT_PARAM) {
        return -1;
    }
    for (guint i = 0; i < callee->path->steps->len; i++) {
        if (g_array_index(callee->path->steps, struct ir_step, i).kind == IR_STEP_FIELD) {
            return -1;
        }
    }
    return (int)callee->path->index;
}

/* Whether a call of a function makes it block: one that blocks only in its
 * callback does so where it is given one that blocks. *param becomes the
 * caller's own parameter if that is what it hands on. */
bool blocking_here(const struct blocks *b, const struct pcall *call,
                   const struct pfunction *function, enum blocking kind, int *param)
{
    const struct cause *cause = blocking_cause(b, function, kind);
    const struct ir_value *value;
    GPtrArray *functions;
    bool blocking;

    *param = -1;
    if (!cause->set || cause->param < 0 || (guint)cause->param >= call->event->args->len) {
        return cause->set;
    }
    value = call->event->args->pdata[cause->param];
    if (value->kind == IR_VALUE_LOAD && value->path->root == IR_ROOT_PARAM &&
        value->path->steps->len == 0) {
        *param = (int)value->path->index;
    }
    functions = program_value_functions(b->program, call->caller->ir, value);
    blocking = functions->len == 0;
    for (guint i = 0; i < functions->len && !blocking; i++) {
        blocking = blocking_cause(b, functions->pdata[i], kind)->set;
    }
    g_ptr_array_unref(functions);
    return blocking;
}

static void enqueue(struct queue *queue, const struct pfunction *function, uint32_t round)
{
    g_ptr_array_add(queue->functions, (gpointer)function);
    g_array_append_val(queue->rounds, round);
}

static void mark(struct blocks *b, const struct pfunction *function, enum blocking kind,
                 const struct pcall *call, const struct pfunction *callee, int param,
                 struct queue *queue)
{
    struct cause *cause = blocking_cause(b, function, kind);

    if (!cause->set || (cause->param >= 0 && param < 0)) {
        cause->set = true;
        cause->param = param;
        cause->call = call;
        cause->callee = callee;
        cause->round = ++queue->next_round;
        enqueue(queue, function, cause->round);
    } else if (cause->param >= 0 && cause->round < queue->round) {
        cause->round = queue->round;
        enqueue(queue, function, queue->round);
    }
}

static void mark_direct(struct blocks *b, const struct pfunction *function, enum blocking kind,
                        struct queue *queue)
{
    if (is_leaf(function, kind) && !annotation_has(function->annotations, ANNOTATION_BLOCKING_OK)) {
        mark(b, function, kind, NULL, NULL, -1, queue);
    }
    for (guint c = 0; !blocking_stops(function) && c < function->calls->len; c++) {
        const struct pcall *call = function->calls->pdata[c];

        if (kind == BLOCK_SLEEP && blocking_slot_says(call, ANNOTATION_MAY_BLOCK)) {
            mark(b, function, kind, call, NULL, -1, queue);
        }
        for (guint t = 0; kind == BLOCK_LOCK && t < call->targets->len; t++) {
            if (blocking_takes_sleeping(b, call, call->targets->pdata[t])) {
                mark(b, function, kind, call, call->targets->pdata[t], -1, queue);
            }
        }
    }
}

static void spread_to_callers(struct blocks *b, enum blocking kind,
                              const struct pfunction *function, struct queue *queue)
{
    for (guint i = 0; i < function->callers->len; i++) {
        const struct pcall *call = function->callers->pdata[i];
        int param;

        if (!blocking_stops(call->caller) && !blocking_slot_says(call, ANNOTATION_BLOCKING_OK) &&
            blocking_here(b, call, function, kind, &param)) {
            if (called_parameter(call) >= 0) {
                param = called_parameter(call);
            }
            mark(b, call->caller, kind, call, function, param, queue);
        }
    }
}

void blocking_spread(struct blocks *b, enum blocking kind)
{
    struct queue queue = {.functions = g_ptr_array_new(),
                          .rounds = g_array_new(FALSE, FALSE, sizeof(uint32_t))};

    for (guint i = 0; i < b->program->functions->len; i++) {
        mark_direct(b, b->program->functions->pdata[i], kind, &queue);
    }
    for (guint at = 0; at < queue.functions->len; at++) {
        queue.round = g_array_index(queue.rounds, uint32_t, at);
        spread_to_callers(b, kind, queue.functions->pdata[at], &queue);
    }
    g_ptr_array_unref(queue.functions);
    g_array_unref(queue.rounds);
}
