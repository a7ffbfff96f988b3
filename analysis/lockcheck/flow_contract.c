/* Functions taken by contract: what annotations say becomes a summary, like
 * the one that a walk would make, and what must be held at entry becomes part
 * of the first state. Invariant: a summary made here is never changed by a
 * walk, so that callers of annotated functions depend on nothing but the
 * declaration. */
#include <string.h>

#include "contract.h"
#include "flow_internal.h"

static bool decides(enum rule_kind kind)
{
    switch (kind) {
    case RULE_ACQUIRE:
    case RULE_TRY_ACQUIRE:
    case RULE_RELEASE:
    case RULE_INIT:
    case RULE_DESTROY:
    case RULE_WAIT:
    case RULE_RCU_READ_LOCK:
    case RULE_RCU_READ_UNLOCK:
    case RULE_RCU_SYNCHRONIZE:
    case RULE_RCU_BARRIER:
    case RULE_THREAD_JOIN:
    case RULE_NORETURN:
        return true;
    default:
        return false;
    }
}

static bool changes(enum annotation_kind kind)
{
    return contract_is_acquire(kind) || contract_is_release(kind) || kind == ANNOTATION_ASSERT ||
           kind == ANNOTATION_ASSERT_SHARED;
}

bool annotations_lock(const GPtrArray *annotations)
{
    for (guint i = 0; annotations && i < annotations->len; i++) {
        struct annotation annotation;

        if (annotation_parse(g_ptr_array_index(annotations, i), &annotation)) {
            bool found = changes(annotation.kind);

            annotation_clear(&annotation);
            if (found) {
                return true;
            }
        }
    }
    return false;
}

/* Like state_place, in no state: what the path is called at entry. */
const struct place *place_of_path(struct flow *flow, const struct ir_path *path)
{
    static const enum place_root roots[] = {
        [IR_ROOT_PARAM] = PLACE_PARAM,
        [IR_ROOT_LOCAL] = PLACE_LOCAL,
        [IR_ROOT_GLOBAL] = PLACE_GLOBAL,
    };
    const struct place *place;

    if (!path || path->root == IR_ROOT_UNKNOWN || path->root == IR_ROOT_LOCAL) {
        return NULL;
    }
    place =
        place_root(flow->places, roots[path->root], path->root == IR_ROOT_PARAM ? path->index : 0,
                   path->root == IR_ROOT_GLOBAL ? path->symbol : NULL);
    for (guint i = 0; place && i < path->steps->len; i++) {
        const struct ir_step *step = &g_array_index(path->steps, struct ir_step, i);

        if (step->kind == IR_STEP_DEREF) {
            place = place_deref(flow->places, place);
        } else if (step->kind == IR_STEP_FIELD) {
            place = place_field(flow->places, place, step->record, step->name);
        } else {
            const struct term *key = NULL;

            if (step->index && step->index->kind == IR_VALUE_INT) {
                key = term_int(flow->places, step->index->number);
            } else if (step->index && step->index->kind == IR_VALUE_LOAD &&
                       step->index->path->steps->len == 0 &&
                       step->index->path->root == IR_ROOT_PARAM) {
                key = term_value(flow->places, place_root(flow->places, PLACE_PARAM,
                                                          step->index->path->index, NULL));
            }
            place = place_index(flow->places, place, key, step->name);
        }
    }
    return place_strip(flow, place);
}

void contract_read(struct flow *flow, struct flow_function *ff)
{
    struct pfunction *function = ff->function;

    if (annotations_lock(function->annotations)) {
        ff->contract = CONTRACT_ANNOTATED;
        ff->believed =
            !function->ir->blocks || annotation_has(function->annotations, ANNOTATION_NO_ANALYSIS);
        ff->relevant = true;
        ff->summary = contract_summary(flow, function, function->annotations);
        return;
    }
    ff->believed =
        !function->ir->blocks || annotation_has(function->annotations, ANNOTATION_NO_ANALYSIS);
    for (const struct rule *const *rule = function->rules; rule && *rule; rule++) {
        if (decides((*rule)->kind)) {
            ff->contract = CONTRACT_RULES;
            ff->believed = true;
            ff->relevant = true;
        } else if ((*rule)->kind == RULE_CALLBACK) {
            ff->relevant = true;
        }
    }
}

static bool is_shared(const struct contract_item *item)
{
    return item->shared;
}

/* Whether the success value of try_acquire is true. */
static bool success_value(const GPtrArray *annotations)
{
    static const enum annotation_kind kinds[] = {ANNOTATION_TRY_ACQUIRE,
                                                 ANNOTATION_TRY_ACQUIRE_SHARED};

    for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++) {
        struct annotation annotation;

        if (annotation_find(annotations, kinds[k], &annotation)) {
            const char *text =
                annotation.arguments->len > 0 ? g_ptr_array_index(annotation.arguments, 0) : "1";
            bool truth = strcmp(text, "0") != 0 && strcmp(text, "false") != 0;

            annotation_clear(&annotation);
            return truth;
        }
    }
    return true;
}

static void add_lock(GArray **list, struct flow *flow, const struct pfunction *function,
                     const struct contract_item *item, const struct place *place, bool asserted)
{
    struct flow_lock lock = {.place = place, .from = (struct pfunction *)function};

    lock.held.class = class_of_place(flow, place, function ? function->ir : NULL);
    lock.held.mode = is_shared(item) ? RULE_SHARED : RULE_EXCLUSIVE;
    lock.held.count = 1;
    lock.held.asserted = asserted;
    lock.trylock =
        item->kind == ANNOTATION_TRY_ACQUIRE || item->kind == ANNOTATION_TRY_ACQUIRE_SHARED;
    if (!*list) {
        *list = g_array_new(FALSE, FALSE, sizeof(struct flow_lock));
    }
    g_array_append_val(*list, lock);
}

static void add_take(struct flow *flow, struct summary *summary, const struct pfunction *function,
                     const struct contract_item *item, const struct place *place, bool trylock)
{
    struct take take = {.place = place, .trylock = trylock, .function = function};

    take.class = class_of_place(flow, place, function ? function->ir : NULL);
    take.mode = is_shared(item) ? RULE_SHARED : RULE_EXCLUSIVE;
    if (take.place || take.class) {
        (void)summary_add_take(flow, summary, &take);
    }
}

static void add_item(struct flow *flow, struct summary *summary, const struct pfunction *function,
                     const struct contract_item *item, struct out *always, struct out **success)
{
    const struct place *place = place_of_path(flow, item->path);
    struct gone gone = {.place = place, .from = (struct pfunction *)function};

    if (!place) {
        return;
    }
    switch (item->kind) {
    case ANNOTATION_ACQUIRE:
    case ANNOTATION_ACQUIRE_SHARED:
        add_lock(&always->acquired, flow, function, item, place, false);
        add_take(flow, summary, function, item, place, false);
        break;
    case ANNOTATION_TRY_ACQUIRE:
    case ANNOTATION_TRY_ACQUIRE_SHARED:
        if (!*success) {
            *success = out_new((struct ir_loc){0});
        }
        add_lock(&(*success)->acquired, flow, function, item, place, false);
        add_take(flow, summary, function, item, place, true);
        break;
    case ANNOTATION_RELEASE:
    case ANNOTATION_RELEASE_SHARED:
    case ANNOTATION_RELEASE_GENERIC:
        gone.class = class_of_place(flow, place, function ? function->ir : NULL);
        gone.mode = item->kind == ANNOTATION_RELEASE          ? RULE_EXCLUSIVE
                    : item->kind == ANNOTATION_RELEASE_SHARED ? RULE_SHARED
                                                              : RULE_ANY;
        if (!always->released) {
            always->released = g_array_new(FALSE, FALSE, sizeof(struct gone));
        }
        g_array_append_val(always->released, gone);
        break;
    default:
        break;
    }
}

static void add_asserted(struct flow *flow, const struct pfunction *function,
                         const GPtrArray *annotations, struct out *out)
{
    for (guint i = 0; i < annotations->len; i++) {
        struct annotation annotation;

        if (!annotation_parse(g_ptr_array_index(annotations, i), &annotation)) {
            continue;
        }
        bool shared = annotation.kind == ANNOTATION_ASSERT_SHARED;

        for (guint a = 0; (shared || annotation.kind == ANNOTATION_ASSERT) &&
                          a < MAX(annotation.arguments->len, 1u);
             a++) {
            const char *text =
                annotation.arguments->len == 0 ? "$0" : g_ptr_array_index(annotation.arguments, a);
            struct ir_path *path =
                annotation_path(flow->program, text, function ? function->ir : NULL, NULL, NULL);
            const struct contract_item item = {.kind = annotation.kind, .shared = shared};
            const struct place *place = place_of_path(flow, path);

            if (place) {
                add_lock(&out->acquired, flow, function, &item, place, true);
            }
            ir_path_free(path);
        }
        annotation_clear(&annotation);
    }
}

struct summary *contract_summary(struct flow *flow, const struct pfunction *function,
                                 const GPtrArray *annotations)
{
    struct summary *summary = summary_new();
    GPtrArray *items = contract_items(flow->program, annotations, function ? function->ir : NULL);
    struct out *always = out_new((struct ir_loc){0}), *success = NULL;
    struct annotation returns;

    for (guint i = 0; i < items->len; i++) {
        add_item(flow, summary, function, g_ptr_array_index(items, i), always, &success);
    }
    add_asserted(flow, function, annotations, always);
    if (function && annotation_find(annotations, ANNOTATION_RETURNS, &returns)) {
        if (returns.arguments->len > 0) {
            struct ir_path *path = annotation_path(
                flow->program, g_ptr_array_index(returns.arguments, 0), function->ir, NULL, NULL);

            always->result = term_address(flow->places, place_of_path(flow, path));
            ir_path_free(path);
        }
        annotation_clear(&returns);
    }
    g_ptr_array_add(summary->outs, always);
    if (success) {
        bool truth = success_value(annotations);

        if (always->acquired) {
            success->acquired = g_array_append_vals(success->acquired, always->acquired->data,
                                                    always->acquired->len);
        }
        if (always->released) {
            success->released = g_array_ref(always->released);
        }
        range_restrict(&success->range, truth ? IR_NE : IR_EQ, 0);
        range_restrict(&always->range, truth ? IR_EQ : IR_NE, 0);
        g_ptr_array_add(summary->outs, success);
    }
    g_ptr_array_unref(items);
    return summary;
}

void contract_enter(struct flow *flow, const struct pfunction *function, struct flow_state *state)
{
    GPtrArray *items;

    if (function->annotations->len == 0) {
        return;
    }
    items = contract_items(flow->program, function->annotations, function->ir);
    for (guint i = 0; i < items->len; i++) {
        const struct contract_item *item = g_ptr_array_index(items, i);
        const struct place *place = place_of_path(flow, item->path);
        struct flow_lock lock = {.place = place, .held = {.count = 1, .entry = true}};

        if (!place || (!contract_is_requirement(item->kind) && !contract_is_release(item->kind)) ||
            state_find_lock(state, place, RULE_ANY)) {
            continue;
        }
        lock.held.class = class_of_place(flow, place, function->ir);
        lock.held.mode = is_shared(item) ? RULE_SHARED : RULE_EXCLUSIVE;
        lock.held.loc = function->ir->loc;
        state_acquire(state, &lock);
    }
    g_ptr_array_unref(items);
}
