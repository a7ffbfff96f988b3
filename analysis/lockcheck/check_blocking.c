/* What may sleep where nothing may: under a spinlock, under a lock that the
 * project declares so, in an RCU read section.
 *
 * The leaves are known by rule or annotation; whoever calls one blocks as
 * well, up to a function that says it is all right. Taking a lock that sleeps
 * counts under a spinlock only. Waiting for a grace period within a read
 * section is found here as well, and reported as a fault of RCU. For each function and
 * each kind of blocking one call that leads there is kept: the shortest. */
#include "contract.h"

enum blocking { BLOCK_SLEEP, BLOCK_GRACE, BLOCK_LOCK, BLOCK_KINDS };

/* Why a function blocks: a call in it, and what that calls. */
struct cause {
    const struct pcall *call;       /* NULL: the function itself is a leaf */
    const struct pfunction *callee; /* NULL: the pointer that is called says so */
    bool set;
    int param;      /* it blocks if this parameter does, which it calls; -1: in any case */
    uint32_t round; /* that the function's callers were last looked at in */
};

/* Functions whose callers are to be looked at. One that blocks anew begins a
 * round; in it, functions that block in their callbacks are looked at again,
 * each once, since more of these callbacks block now. */
struct queue {
    GPtrArray *functions;
    GArray *rounds; /* of uint32_t */
    uint32_t round;
    uint32_t next_round;
};

struct blocks {
    struct program *program;
    struct findings *findings;
    struct cause *causes; /* by function number and kind */
    GHashTable *told;     /* struct ir_event */
};

static struct cause *cause_of(const struct blocks *b, const struct pfunction *function,
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
static struct ir_path *argument_path(const struct pcall *call, int number)
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
static bool takes_sleeping(const struct blocks *b, const struct pcall *call,
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
        path = argument_path(call, rule->lock);
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
static bool stops(const struct pfunction *function)
{
    return function->builtin || annotation_has(function->annotations, ANNOTATION_BLOCKING_OK) ||
           annotation_has(function->annotations, ANNOTATION_NO_ANALYSIS);
}

static bool slot_has(const struct pcall *call, enum annotation_kind kind)
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
static bool blocks_here(const struct blocks *b, const struct pcall *call,
                        const struct pfunction *function, enum blocking kind, int *param)
{
    const struct cause *cause = cause_of(b, function, kind);
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
        blocking = cause_of(b, functions->pdata[i], kind)->set;
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
    struct cause *cause = cause_of(b, function, kind);

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
    for (guint c = 0; !stops(function) && c < function->calls->len; c++) {
        const struct pcall *call = function->calls->pdata[c];

        if (kind == BLOCK_SLEEP && slot_has(call, ANNOTATION_MAY_BLOCK)) {
            mark(b, function, kind, call, NULL, -1, queue);
        }
        for (guint t = 0; kind == BLOCK_LOCK && t < call->targets->len; t++) {
            if (takes_sleeping(b, call, call->targets->pdata[t])) {
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

        if (!stops(call->caller) && !slot_has(call, ANNOTATION_BLOCKING_OK) &&
            blocks_here(b, call, function, kind, &param)) {
            if (called_parameter(call) >= 0) {
                param = called_parameter(call);
            }
            mark(b, call->caller, kind, call, function, param, queue);
        }
    }
}

static void spread(struct blocks *b, enum blocking kind)
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

/* The chain from a function down to what blocks. */
static void note_chain(const struct blocks *b, struct finding *finding,
                       const struct pfunction *function, enum blocking kind)
{
    guint limit = 64;

    while (function && limit-- > 0) {
        const struct cause *cause = cause_of(b, function, kind);

        if (!cause->set || !cause->call) {
            break;
        }
        finding_note(finding, cause->call->event->loc, "%s calls %s%s", function->ir->name,
                     cause->callee ? cause->callee->ir->name : cause->call->slot->name,
                     !cause->callee || !cause_of(b, cause->callee, kind)->set ||
                             !cause_of(b, cause->callee, kind)->call
                         ? kind == BLOCK_GRACE ? ", which waits for readers" : ", which may block"
                         : "");
        function = cause->callee;
    }
}

/* The condition wait releases the lock that it is called with. */
static bool waits_with(const struct pcall *call, const struct pfunction *target,
                       const struct flow_state *state, const struct held *held)
{
    for (guint r = 0; target && target->rules[r]; r++) {
        if (target->rules[r]->kind == RULE_WAIT) {
            struct ir_path *path = argument_path(call, target->rules[r]->lock);
            bool same = path && flow_find(state, path) == held;

            ir_path_free(path);
            return same;
        }
    }
    return false;
}

/* Who requires the lock of its callers is looked at itself. */
static bool requires_class(const struct blocks *b, const struct pfunction *target,
                           const struct lock_class *class)
{
    GPtrArray *items;
    bool found = false;

    if (!target->ir->blocks || target->annotations->len == 0) {
        return false;
    }
    items = contract_items(b->program, target->annotations, target->ir);
    for (guint i = 0; i < items->len && !found; i++) {
        const struct contract_item *item = items->pdata[i];

        found = contract_is_requirement(item->kind) && item->path &&
                lock_class_of_path(b->program, item->path, target->ir) == class;
    }
    g_ptr_array_unref(items);
    return found;
}

static void report(struct blocks *b, const struct pcall *call, const struct pfunction *target,
                   enum blocking kind, const struct held *held)
{
    const char *name = target ? target->ir->name : call->slot->name;
    const char *where = held->class->rcu ? "an RCU read section" : held->class->name;
    struct finding *finding;

    if (!g_hash_table_add(b->told, call->event)) {
        return;
    }
    if (held->class->rcu && kind == BLOCK_GRACE) {
        finding = findings_add(b->findings, CHECK_RCU, SEVERITY_ERROR, call->event->loc,
                               call->caller->ir->symbol,
                               "%s waits for a grace period, and is called in an RCU read "
                               "section, which it waits for",
                               name);
    } else if (held->class->rcu) {
        finding = findings_add(b->findings, CHECK_BLOCKING, SEVERITY_ERROR, call->event->loc,
                               call->caller->ir->symbol,
                               "%s may block, and is called in an RCU read section", name);
    } else {
        finding = findings_add(
            b->findings, CHECK_BLOCKING, SEVERITY_ERROR, call->event->loc, call->caller->ir->symbol,
            "%s may block, and is called with %s held, which forbids it", name, where);
    }
    finding_note(finding, held->loc,
                 held->entry        ? "%s is held here by contract"
                 : held->class->rcu ? "%s begins here"
                                    : "%s is taken here",
                 where);
    note_chain(b, finding, target, kind);
}

static void check_target(struct blocks *b, const struct pcall *call, const struct pfunction *target,
                         const struct flow_state *state)
{
    for (uint32_t i = 0; i < flow_held_count(state); i++) {
        const struct held *held = flow_held(state, i);
        int param;

        if (!held->class || (!held->class->rcu && !held->class->nonblocking) ||
            waits_with(call, target, state, held) || requires_class(b, target, held->class)) {
            continue;
        }
        if (blocks_here(b, call, target, BLOCK_SLEEP, &param)) {
            report(b, call, target, BLOCK_SLEEP, held);
        } else if (blocks_here(b, call, target, BLOCK_GRACE, &param)) {
            report(b, call, target, BLOCK_GRACE, held);
        } else if (held->class->nonblocking &&
                   (takes_sleeping(b, call, target) ||
                    (!target->builtin && blocks_here(b, call, target, BLOCK_LOCK, &param)))) {
            report(b, call, target, BLOCK_LOCK, held);
        }
    }
}

static void check_slot(struct blocks *b, const struct pcall *call, const struct flow_state *state)
{
    for (uint32_t i = 0; i < flow_held_count(state); i++) {
        const struct held *held = flow_held(state, i);

        if (held->class && (held->class->rcu || held->class->nonblocking)) {
            report(b, call, NULL, BLOCK_SLEEP, held);
        }
    }
}

static void visit(void *context, struct pfunction *function, const struct ir_block *block,
                  const struct ir_event *event, const struct flow_state *state)
{
    struct blocks *b = context;
    const struct pcall *call;

    (void)function;
    (void)block;
    if (!event || event->kind != IR_CALL || flow_held_count(state) == 0) {
        return;
    }
    call = program_call(b->program, event);
    if (!call || slot_has(call, ANNOTATION_BLOCKING_OK)) {
        return;
    }
    if (slot_has(call, ANNOTATION_MAY_BLOCK)) {
        check_slot(b, call, state);
        return;
    }
    for (guint t = 0; t < call->targets->len; t++) {
        check_target(b, call, call->targets->pdata[t], state);
    }
    for (guint t = 0; call->callbacks && t < call->callbacks->len; t++) {
        check_target(b, call, call->callbacks->pdata[t], state);
    }
}

static bool may_block(const struct blocks *b, const struct pfunction *function)
{
    for (guint kind = 0; kind < BLOCK_KINDS; kind++) {
        if (cause_of(b, function, (enum blocking)kind)->set) {
            return true;
        }
    }
    return false;
}

void check_blocking(struct program *program, struct findings *findings)
{
    struct blocks b = {.program = program, .findings = findings};

    b.causes = g_new0(struct cause, (program->functions->len + 1) * BLOCK_KINDS);
    b.told = g_hash_table_new(NULL, NULL);
    for (guint kind = 0; kind < BLOCK_KINDS; kind++) {
        spread(&b, (enum blocking)kind);
    }
    for (guint i = 0; i < program->functions->len; i++) {
        struct pfunction *function = program->functions->pdata[i];

        if (function->ir->blocks && !stops(function) && may_block(&b, function)) {
            flow_visit(program, function, visit, &b);
        }
    }
    g_hash_table_unref(b.told);
    g_free(b.causes);
}
