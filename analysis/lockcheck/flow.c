/* Summaries of all functions, callees first, and walks for those who ask.
 * In a cycle of calls, summaries begin with "does not return" and grow until
 * nothing changes, or the bound of rounds is reached. */
#include "flow_internal.h"

#include <string.h>

enum { ROUNDS_MAX = 12, ROUNDS_LARGE = 4, LARGE = 64, WRITES_MAX = 40 };

struct flow *flow_of(const struct program *program)
{
    struct program *owner = (struct program *)program;
    struct flow *flow = program->flow;

    if (!flow) {
        flow = g_new0(struct flow, 1);
        flow->program = owner;
        flow->places = place_table_new(NULL);
        flow->functions = g_ptr_array_new();
        flow->takes = g_ptr_array_new_with_free_func(g_free);
        flow->waits = g_ptr_array_new_with_free_func(g_free);
        flow->slots = g_hash_table_new(NULL, NULL);
        owner->flow = flow;
    }
    return flow;
}

struct flow_function *flow_function_of(const struct pfunction *function)
{
    return function->flow;
}

static void free_function(struct flow_function *ff)
{
    summary_free(ff->summary);
    graph_free(ff->graph);
    g_clear_pointer(&ff->writes, g_hash_table_unref);
    g_clear_pointer(&ff->used, g_ptr_array_unref);
    ff->function->flow = NULL;
    g_free(ff);
}

void flow_free(struct program *program)
{
    struct flow *flow = program->flow;
    GHashTableIter iter;
    gpointer summary;

    if (!flow) {
        return;
    }
    for (guint i = 0; i < flow->functions->len; i++) {
        free_function(g_ptr_array_index(flow->functions, i));
    }
    g_hash_table_iter_init(&iter, flow->slots);
    while (g_hash_table_iter_next(&iter, NULL, &summary)) {
        summary_free(summary);
    }
    g_hash_table_unref(flow->slots);
    g_ptr_array_unref(flow->functions);
    g_ptr_array_unref(flow->takes);
    g_ptr_array_unref(flow->waits);
    g_clear_pointer(&flow->written_classes, g_hash_table_unref);
    g_clear_pointer(&flow->said, g_hash_table_unref);
    g_clear_pointer(&flow->exits, g_ptr_array_unref);
    g_clear_pointer(&flow->doubtful, g_ptr_array_unref);
    g_clear_pointer(&flow->kept_waits, g_ptr_array_unref);
    g_clear_pointer(&flow->proxies, g_ptr_array_unref);
    g_clear_pointer(&flow->given_types, g_hash_table_unref);
    waits_free(flow);
    if (flow->names) {
        flow->free_names(flow->names);
    }
    classes_free(flow);
    place_table_free(flow->places);
    g_free(flow);
    program->flow = NULL;
}

static void add_functions(struct flow *flow)
{
    for (guint i = 0; i < flow->program->functions->len; i++) {
        struct pfunction *function = g_ptr_array_index(flow->program->functions, i);
        struct flow_function *ff = g_new0(struct flow_function, 1);

        ff->function = function;
        ff->opaque_pointer = function->ir->returns_pointer;
        function->flow = ff;
        g_ptr_array_add(flow->functions, ff);
    }
    for (guint i = 0; i < flow->functions->len; i++) {
        contract_read(flow, g_ptr_array_index(flow->functions, i));
    }
}

static void note_root(struct pfunction *start, const char *role)
{
    struct flow_function *ff = start->flow;

    if (!ff) {
        return;
    }
    ff->signal |= role && strcmp(role, "signal") == 0;
    if (role && strcmp(role, "fork") == 0) {
        ff->fork = true;
    } else {
        ff->root = true;
    }
}

/* Handlers come in a structure. */
static bool is_handler(const struct pfunction *function)
{
    for (guint i = 0; i < function->stored->len; i++) {
        const struct pslot *slot = g_ptr_array_index(function->stored, i);

        if (slot->name && (g_str_has_suffix(slot->name, ".sa_handler") ||
                           g_str_has_suffix(slot->name, ".sa_sigaction"))) {
            return true;
        }
    }
    return false;
}

/* Functions that are called when nothing is held. */
static void find_roots(struct flow *flow)
{
    for (guint i = 0; i < flow->functions->len; i++) {
        struct flow_function *ff = g_ptr_array_index(flow->functions, i);

        if (strcmp(ff->function->ir->name, "main") == 0 ||
            annotation_has(ff->function->annotations, ANNOTATION_THREAD_ENTRY)) {
            ff->root = true;
        }
        ff->signal |= is_handler(ff->function);
        for (guint c = 0; c < ff->function->calls->len; c++) {
            const struct pcall *call = g_ptr_array_index(ff->function->calls, c);

            for (guint t = 0; t < call->targets->len; t++) {
                const struct pfunction *target = g_ptr_array_index(call->targets, t);

                for (const struct rule *const *rule = target->rules; rule && *rule; rule++) {
                    enum rule_kind kind = (*rule)->kind;
                    int number = (*rule)->callback;
                    GPtrArray *starts;

                    if ((kind != RULE_THREAD_CREATE && kind != RULE_CALLBACK_LATER &&
                         kind != RULE_RCU_CALL) ||
                        number < 0 || (guint)number >= call->event->args->len) {
                        continue;
                    }
                    starts = program_value_functions(
                        flow->program, ff->function->ir,
                        g_ptr_array_index(call->event->args, (guint)number));
                    for (guint s = 0; starts && s < starts->len; s++) {
                        note_root(g_ptr_array_index(starts, s), (*rule)->role);
                    }
                    if (starts) {
                        g_ptr_array_unref(starts);
                    }
                }
            }
        }
    }
}

static const char *written_name(const struct ir_path *path)
{
    bool memory = path->root == IR_ROOT_GLOBAL;
    const char *name = path->symbol;

    for (guint i = 0; i < path->steps->len; i++) {
        const struct ir_step *step = &g_array_index(path->steps, struct ir_step, i);

        memory |= step->kind == IR_STEP_DEREF;
        if (step->kind == IR_STEP_FIELD) {
            name = step->name;
        }
    }
    return memory ? name : NULL;
}

static void note_write(struct flow_function *ff, const char *name)
{
    if (!ff->writes) {
        ff->writes = g_hash_table_new(NULL, NULL);
    }
    if (g_hash_table_size(ff->writes) >= WRITES_MAX) {
        ff->writes_anything = true;
    } else {
        g_hash_table_add(ff->writes, (gpointer)name);
    }
}

static void note_callee(struct flow_function *ff, const struct pcall *call)
{
    if (call->slot && annotations_lock(call->slot->annotations)) {
        ff->relevant = true;
    }
    for (guint t = 0; t < call->targets->len; t++) {
        const struct flow_function *callee = flow_function_of(g_ptr_array_index(call->targets, t));
        GHashTableIter iter;
        gpointer name;

        if (!callee || callee == ff) {
            continue;
        }
        ff->relevant |= callee->relevant;
        ff->writes_anything |= callee->writes_anything;
        if (callee->writes && !ff->writes_anything) {
            g_hash_table_iter_init(&iter, callee->writes);
            while (g_hash_table_iter_next(&iter, &name, NULL)) {
                note_write(ff, name);
            }
        }
    }
}

/* What matters in a function is decided before walks begin. */
static void find_relevant(struct flow_function *ff)
{
    const GPtrArray *blocks = ff->function->ir->blocks;

    for (guint b = 0; !ff->believed && b < blocks->len; b++) {
        const struct ir_block *block = g_ptr_array_index(blocks, b);

        for (guint e = 0; e < block->events->len; e++) {
            const struct ir_event *event = g_ptr_array_index(block->events, e);
            const char *name = (event->kind == IR_SET || event->kind == IR_WRITE) && event->path
                                   ? written_name(event->path)
                                   : NULL;

            if (name) {
                note_write(ff, name);
            }
        }
    }
    for (guint c = 0; !ff->believed && c < ff->function->calls->len; c++) {
        note_callee(ff, g_ptr_array_index(ff->function->calls, c));
    }
    /* A function that any other may reach by recursion, or a monster. */
    if (annotation_has(ff->function->annotations, ANNOTATION_REQUIRES) ||
        annotation_has(ff->function->annotations, ANNOTATION_REQUIRES_SHARED)) {
        ff->relevant |= !ff->believed;
    }
}

static bool same_facts(const struct flow_function *ff, bool relevant, bool anything, guint writes)
{
    return ff->relevant == relevant && ff->writes_anything == anything &&
           (ff->writes ? g_hash_table_size(ff->writes) : 0) == writes;
}

static void prepare(struct flow *flow, const GPtrArray *components)
{
    for (guint i = 0; i < components->len; i++) {
        const GPtrArray *component = g_ptr_array_index(components, i);
        bool changed = true;

        for (int round = 0; changed && round < ROUNDS_MAX; round++) {
            changed = false;
            for (guint m = 0; m < component->len; m++) {
                struct flow_function *ff = flow_function_of(g_ptr_array_index(component, m));
                bool relevant = ff->relevant, anything = ff->writes_anything;
                guint writes = ff->writes ? g_hash_table_size(ff->writes) : 0;

                find_relevant(ff);
                changed |= component->len > 1 && !same_facts(ff, relevant, anything, writes);
            }
        }
        /* In a large knot the rounds may not suffice: then all of it matters. */
        for (guint m = 0; changed && m < component->len; m++) {
            struct flow_function *ff = flow_function_of(g_ptr_array_index(component, m));

            ff->relevant |= !ff->believed;
            ff->writes_anything = true;
        }
    }
    (void)flow;
}

static bool wants_summary(const struct flow_function *ff)
{
    const struct ir_function *ir = ff->function->ir;

    return !ff->believed && ir->blocks && ir->blocks->len > 0 &&
           (ff->relevant || (ff->opaque_pointer && ir->blocks->len < 64));
}

static bool target_changes(const struct flow_function *target)
{
    if (target->contract != CONTRACT_NONE) {
        return true;
    }
    for (guint i = 0; target->summary && i < target->summary->outs->len; i++) {
        const struct out *out = g_ptr_array_index(target->summary->outs, i);

        if (out->acquired || out->released) {
            return true;
        }
    }
    return false;
}

bool flow_changes(const struct flow_function *ff)
{
    if (ff->function->annotations->len > 0) {
        return true;
    }
    for (guint c = 0; c < ff->function->calls->len; c++) {
        const struct pcall *call = g_ptr_array_index(ff->function->calls, c);

        if (call->slot && annotations_lock(call->slot->annotations)) {
            return true;
        }
        for (guint t = 0; t < call->targets->len; t++) {
            const struct flow_function *target =
                flow_function_of(g_ptr_array_index(call->targets, t));

            if (target && target_changes(target)) {
                return true;
            }
        }
    }
    return false;
}

/* Whether there can be anything to report at a call in it. */
static bool may_be_wrong(const struct flow_function *ff)
{
    return ff->signal || ff->summary->waits->len > 0 || flow_changes(ff);
}

static bool calls_itself(const struct pfunction *function)
{
    for (guint c = 0; c < function->calls->len; c++) {
        const struct pcall *call = g_ptr_array_index(function->calls, c);

        for (guint t = 0; t < call->targets->len; t++) {
            if (g_ptr_array_index(call->targets, t) == function) {
                return true;
            }
        }
    }
    return false;
}

/* Whether a summary that the function was walked with has changed since. */
static bool is_stale(const struct flow_function *ff, uint64_t round)
{
    for (guint c = 0; c < ff->function->calls->len; c++) {
        const struct pcall *call = g_ptr_array_index(ff->function->calls, c);

        for (guint t = 0; t < call->targets->len; t++) {
            const struct flow_function *target =
                flow_function_of(g_ptr_array_index(call->targets, t));

            if (target && target->changed > 0 && target->changed + 1 >= round) {
                return true;
            }
        }
    }
    return false;
}

static void solve(struct flow *flow, const GPtrArray *component)
{
    int rounds = component->len > LARGE ? ROUNDS_LARGE : ROUNDS_MAX;
    bool changed = true;

    if (component->len == 1 && !calls_itself(g_ptr_array_index(component, 0))) {
        rounds = 1;
    }
    for (int round = 0; changed && round < rounds; round++) {
        changed = false;
        for (guint m = 0; m < component->len; m++) {
            struct flow_function *ff = flow_function_of(g_ptr_array_index(component, m));

            if (wants_summary(ff) && (round == 0 || is_stale(ff, (uint64_t)round + 1)) &&
                summary_compute(flow, ff)) {
                ff->changed = (uint64_t)round + 1;
                changed = true;
            }
        }
    }
}

/* Reading twice is harmless where nobody writes. */
static void find_writers(struct flow *flow)
{
    flow->written_classes = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < flow->takes->len; i++) {
        const struct take *take = g_ptr_array_index(flow->takes, i);

        if (take->class && take->mode != RULE_SHARED && !take->grace) {
            g_hash_table_add(flow->written_classes, (gpointer)take->class);
        }
    }
}

/* Of what is below a component nothing changes while that is solved. */
static void settle(const GPtrArray *component)
{
    for (guint m = 0; m < component->len; m++) {
        flow_function_of(g_ptr_array_index(component, m))->changed = 0;
    }
}

void flow_run(struct program *program, struct findings *findings)
{
    struct flow *flow = flow_of(program);
    const GPtrArray *components = program_components(program);

    flow->findings = findings;
    add_functions(flow);
    prepare(flow, components);
    find_roots(flow);
    find_recursive_mutexes(flow);
    waits_prepare(flow);
    for (guint i = 0; i < components->len; i++) {
        solve(flow, g_ptr_array_index(components, i));
        settle(g_ptr_array_index(components, i));
    }
    find_writers(flow);
    for (guint i = 0; i < flow->functions->len; i++) {
        struct flow_function *ff = g_ptr_array_index(flow->functions, i);

        if (wants_summary(ff) && ff->relevant && may_be_wrong(ff)) {
            report_function(flow, ff, findings);
        }
    }
    report_balance(flow, findings);
}

bool flow_takes(const struct pfunction *function)
{
    const struct flow_function *ff = flow_function_of(function);

    return ff && (ff->contract != CONTRACT_NONE || (ff->summary && ff->summary->takes->len > 0));
}

void flow_visit(struct program *program, struct pfunction *function, flow_visitor *visit,
                void *context)
{
    struct flow *flow = flow_of(program);
    struct walk walk = {.flow = flow,
                        .program = program,
                        .function = function,
                        .ff = function->flow,
                        .visit = visit,
                        .context = context};

    if (walk.ff && function->ir->blocks) {
        walk_function(&walk);
        place_table_free(walk.places);
    }
}
