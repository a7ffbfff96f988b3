/* What may sleep where nothing may: under a spinlock, under a lock that the
 * project declares so, in an RCU read section.
 *
 * The leaves are known by rule or annotation; whoever calls one blocks as
 * well, up to a function that says it is all right. Taking a lock that sleeps
 * counts under a spinlock only. Waiting for a grace period within a read
 * section is found here as well, and reported as a fault of RCU. For each function and
 * each kind of blocking one call that leads there is kept: the shortest. */
#include "blocking.h"

/* The chain from a function down to what blocks. */
static void note_chain(const struct blocks *b, struct finding *finding,
                       const struct pfunction *function, enum blocking kind)
{
    guint limit = 64;

    while (function && limit-- > 0) {
        const struct cause *cause = blocking_cause(b, function, kind);

        if (!cause->set || !cause->call) {
            break;
        }
        finding_note(finding, cause->call->event->loc, "%s calls %s%s", function->ir->name,
                     cause->callee ? cause->callee->ir->name : cause->call->slot->name,
                     !cause->callee || !blocking_cause(b, cause->callee, kind)->set ||
                             !blocking_cause(b, cause->callee, kind)->call
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
            struct ir_path *path = blocking_argument_path(call, target->rules[r]->lock);
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
        if (blocking_here(b, call, target, BLOCK_SLEEP, &param)) {
            report(b, call, target, BLOCK_SLEEP, held);
        } else if (blocking_here(b, call, target, BLOCK_GRACE, &param)) {
            report(b, call, target, BLOCK_GRACE, held);
        } else if (held->class->nonblocking &&
                   (blocking_takes_sleeping(b, call, target) ||
                    (!target->builtin && blocking_here(b, call, target, BLOCK_LOCK, &param)))) {
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
    if (!call || blocking_slot_says(call, ANNOTATION_BLOCKING_OK)) {
        return;
    }
    if (blocking_slot_says(call, ANNOTATION_MAY_BLOCK)) {
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
        if (blocking_cause(b, function, (enum blocking)kind)->set) {
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
        blocking_spread(&b, (enum blocking)kind);
    }
    for (guint i = 0; i < program->functions->len; i++) {
        struct pfunction *function = program->functions->pdata[i];

        if (function->ir->blocks && !blocking_stops(function) && may_block(&b, function)) {
            flow_visit(program, function, visit, &b);
        }
    }
    g_hash_table_unref(b.told);
    g_free(b.causes);
}
