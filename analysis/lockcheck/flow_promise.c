/* What a function leaves with, against what its contract says: locks that it
 * takes or releases and does not say, and those that it says and does not.
 *
 * Somebody has to be the lock. A function that clang is told not to follow
 * may take what its contract names by what it stores there, which nobody sees;
 * and a capability that is no object (mmap_lock_cap) is taken by taking
 * another lock on its behalf. Then the functions that take and release that
 * capability have to agree on which. */
#include "contract.h"
#include "flow_exits.h"

struct promises {
    struct flow *flow;
    const struct exits *exits;
    const struct pfunction *function;
    GPtrArray *items;
    struct findings *findings;
    bool self;  /* the body may be the lock itself */
    bool proxy; /* it takes or releases locks on behalf of `capability` */
    const struct place *capability;
    bool acquires;
};

static bool is_touched(const struct promises *p, const struct place *place)
{
    for (guint w = 0; w < p->exits->ways->len; w++) {
        const struct way *way = g_ptr_array_index(p->exits->ways, w);

        if (way_lock(way, place) || way_touched(way, place)) {
            return true;
        }
    }
    return false;
}

/* The lock that a parameter points to, as functions of a lock's type get it. */
static bool is_given(const struct place *place)
{
    return place->root == PLACE_PARAM && place->depth == 1 && place->step == IR_STEP_DEREF;
}

/* Types that some function takes an object of: what it is called with. */
static GHashTable *given_types(struct flow *flow)
{
    if (flow->given_types) {
        return flow->given_types;
    }
    flow->given_types = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < flow->functions->len; i++) {
        const struct flow_function *ff = g_ptr_array_index(flow->functions, i);
        const struct ir_function *ir = ff->function->ir;
        GPtrArray *items = ff->contract == CONTRACT_ANNOTATED
                               ? contract_items(flow->program, ff->function->annotations, ir)
                               : NULL;

        for (guint k = 0; items && k < items->len; k++) {
            const struct contract_item *item = g_ptr_array_index(items, k);
            const struct place *place = place_of_path(flow, item->path);

            if (contract_is_acquire(item->kind) && place && is_given(place) &&
                place->parent->number < ir->params->len) {
                const struct ir_variable *param =
                    g_ptr_array_index(ir->params, place->parent->number);

                if (param->type.record) {
                    g_hash_table_add(flow->given_types, (gpointer)param->type.record);
                }
            }
        }
        if (items) {
            g_ptr_array_unref(items);
        }
    }
    return flow->given_types;
}

/* Nothing can be done to it but by functions that name it in their contract. */
static bool is_abstract(const struct promises *p, const struct place *place)
{
    const struct program *program = p->flow->program;
    const struct ir_variable *global;
    const struct ir_record *record;

    if (place->root != PLACE_GLOBAL || place->parent) {
        return false;
    }
    global = program_global(program, place->symbol);
    if (!global || global->type.pointers > 0) {
        return true;
    }
    record = global->type.record ? program_record(program, global->type.record) : NULL;
    if (record && annotation_has(record->annotations, ANNOTATION_CAPABILITY)) {
        return !g_hash_table_contains(given_types(p->flow), record->key);
    }
    return !rules_lock_type(program->rules, global->type.name);
}

static bool promised(const struct promises *p, const struct place *place, bool acquire)
{
    for (guint i = 0; i < p->items->len; i++) {
        const struct contract_item *item = g_ptr_array_index(p->items, i);
        const struct place *named = place_of_path(p->flow, item->path);
        bool kind = acquire ? contract_is_acquire(item->kind) : contract_is_release(item->kind);

        /* What cannot be named may be anything. */
        if (kind &&
            (!named || named == place || (is_abstract(p, named) && place->root != PLACE_GLOBAL))) {
            return true;
        }
    }
    return false;
}

/* Of several capabilities nobody knows which lock is for which. */
static void find_capability(struct promises *p)
{
    for (guint i = 0; p->self && i < p->items->len; i++) {
        const struct contract_item *item = g_ptr_array_index(p->items, i);
        const struct place *place = place_of_path(p->flow, item->path);

        if (!place || is_touched(p, place) || !is_abstract(p, place) ||
            (!contract_is_acquire(item->kind) && !contract_is_release(item->kind))) {
            continue;
        }
        p->proxy = !p->capability || p->capability == place;
        p->capability = place;
        p->acquires = contract_is_acquire(item->kind);
    }
}

static void check_changes(const struct promises *p, const struct way *way)
{
    const struct pfunction *function = p->function;

    for (guint i = 0; i < way->locks->len; i++) {
        const struct exit_lock *lock = &g_array_index(way->locks, struct exit_lock, i);

        if (promised(p, lock->place, lock->delta > 0) ||
            (p->exits->ff->bulk && lock->element && !p->proxy)) {
            continue;
        }
        if (p->proxy) {
            proxies_add(p->flow, function, p->capability, p->acquires, lock);
        } else if (lock->delta > 0) {
            exits_report_leak(p->findings, p->exits->ff, way, lock,
                              ", which its contract does not say");
        } else {
            struct finding *finding = findings_add(
                p->findings, CHECK_BALANCE, SEVERITY_ERROR, lock->loc, function->ir->symbol,
                "%s releases '%s', which its contract does not say", function->ir->name,
                lock->text);

            finding_note(finding, way->loc, "and returns here without it");
        }
    }
}

/* Whether the body need not be seen to do what the item says. */
static bool is_excused(const struct promises *p, const struct place *place)
{
    if (is_abstract(p, place)) {
        return true;
    }
    /* By what it stores there, or counts. */
    return p->self && is_given(place);
}

/* Whether the lock is behind a pointer that is NULL on this way. */
static bool is_absent(const struct way *way, const struct place *place)
{
    for (; place->parent; place = place->parent) {
        for (guint i = 0; place->step == IR_STEP_DEREF && i < way->conditions->len; i++) {
            const struct fact *f = &g_array_index(way->conditions, struct fact, i);

            if (f->term->kind == TERM_VALUE && f->term->place == place->parent &&
                f->range.lo == 0 && f->range.hi == 0) {
                return true;
            }
        }
    }
    return false;
}

static void check_item(const struct promises *p, const struct way *way,
                       const struct contract_item *item)
{
    const struct pfunction *function = p->function;
    const struct place *place = place_of_path(p->flow, item->path);
    bool acquire = item->kind == ANNOTATION_ACQUIRE || item->kind == ANNOTATION_ACQUIRE_SHARED;
    struct finding *finding = NULL;

    if (!place || (!acquire && !contract_is_release(item->kind)) || way_lock(way, place) ||
        is_excused(p, place) || is_absent(way, place)) {
        return;
    }
    if (acquire) {
        finding =
            findings_add(p->findings, CHECK_BALANCE, SEVERITY_ERROR, way->loc, function->ir->symbol,
                         "%s returns without '%s', which its contract says it takes",
                         function->ir->name, item->text);
    } else {
        finding =
            findings_add(p->findings, CHECK_BALANCE, SEVERITY_ERROR, way->loc, function->ir->symbol,
                         "%s returns with '%s' held, which its contract says it releases",
                         function->ir->name, item->text);
    }
    finding_note(finding, function->ir->loc, "the contract of %s", function->ir->name);
}

void promises_check(struct flow *flow, const struct exits *exits, struct findings *findings)
{
    const struct pfunction *function = exits->ff->function;
    struct promises p = {.flow = flow,
                         .exits = exits,
                         .function = function,
                         .findings = findings,
                         .items =
                             contract_items(flow->program, function->annotations, function->ir)};

    p.self = annotation_has(function->annotations, ANNOTATION_NO_CLANG_ANALYSIS);
    find_capability(&p);
    if (p.proxy) {
        proxies_add(flow, function, p.capability, p.acquires, NULL);
    }
    for (guint w = 0; w < exits->ways->len; w++) {
        const struct way *way = g_ptr_array_index(exits->ways, w);

        if (way->coarse) {
            continue;
        }
        check_changes(&p, way);
        for (guint i = 0; i < p.items->len; i++) {
            check_item(&p, way, g_ptr_array_index(p.items, i));
        }
    }
    g_ptr_array_unref(p.items);
}

static bool is_required(const struct promises *p, const struct place *place)
{
    for (guint i = 0; i < p->items->len; i++) {
        const struct contract_item *item = g_ptr_array_index(p->items, i);

        if (contract_is_requirement(item->kind) && place_of_path(p->flow, item->path) == place) {
            return true;
        }
    }
    return false;
}

bool promises_check_required(struct flow *flow, const struct exits *exits,
                             struct findings *findings)
{
    const struct pfunction *function = exits->ff->function;
    struct promises p = {
        .flow = flow, .items = contract_items(flow->program, function->annotations, function->ir)};
    bool found = false;

    for (guint w = 0; w < exits->ways->len; w++) {
        const struct way *way = g_ptr_array_index(exits->ways, w);

        for (guint i = 0; i < way->locks->len && !way->coarse; i++) {
            const struct exit_lock *lock = &g_array_index(way->locks, struct exit_lock, i);

            if (lock->delta < 0 && is_required(&p, lock->place)) {
                struct finding *finding = findings_add(
                    findings, CHECK_BALANCE, SEVERITY_ERROR, way->loc, function->ir->symbol,
                    "%s returns without '%s', which its callers hold by contract",
                    function->ir->name, lock->text);

                finding_note(finding, lock->loc, "'%s' is released here", lock->text);
                found = true;
            }
        }
    }
    g_ptr_array_unref(p.items);
    return found;
}
