/* What a call does, in terms of the caller: rules of functions known by name,
 * contracts, and summaries of walked functions, with arguments put in place
 * of parameters. A call through a pointer that has a contract does what the
 * contract says; through another, what any of its targets may do. */
#include <string.h>

#include "flow_internal.h"

enum { EVENT_IDS = 8, TARGETS_MAX = 256, OUTS_MAX = 12 };

struct bind {
    struct walk *walk;
    const struct flow_state *state;
    const struct ir_event *event;
    const struct pfunction *target; /* NULL: a pointer's contract */
    struct effect *effect;
    bool notes; /* takes and waits are wanted */
};

struct out *out_new(struct ir_loc loc)
{
    struct out *out = g_new0(struct out, 1);

    out->range = range_any;
    out->loc = loc;
    return out;
}

void out_free(void *data)
{
    struct out *out = data;
    GArray *lists[] = {out->acquired, out->released, out->dropped, out->conditions, out->stores};

    for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++) {
        if (lists[i]) {
            g_array_unref(lists[i]);
        }
    }
    g_free(out);
}

void effect_free(struct effect *effect)
{
    if (effect) {
        g_ptr_array_unref(effect->outs);
        g_ptr_array_unref(effect->takes);
        g_ptr_array_unref(effect->waits);
        g_free(effect);
    }
}

static const struct ir_value *argument(const struct bind *bind, int64_t number)
{
    const GPtrArray *args = bind->event->args;

    return number >= 0 && number < (int64_t)args->len ? g_ptr_array_index(args, (guint)number)
                                                      : NULL;
}

static const struct place *bind_place(const struct bind *bind, const struct place *place);

static const struct term *bind_term(const struct bind *bind, const struct term *term)
{
    struct place_table *table = bind->walk->places;

    if (!term) {
        return NULL;
    }
    switch (term->kind) {
    case TERM_ADDRESS:
        return term_address(table, bind_place(bind, term->place));
    case TERM_VALUE:
        if (!term->place->parent && term->place->root == PLACE_PARAM) {
            return state_term(bind->state, argument(bind, term->place->number));
        }
        return state_value(bind->state, bind_place(bind, term->place));
    case TERM_NOT:
        return term_not(table, bind_term(bind, term->a));
    case TERM_COMPARE:
        return term_compare(table, term->op, bind_term(bind, term->a), bind_term(bind, term->b));
    case TERM_OFFSET:
        return term_offset(table, bind_term(bind, term->a), term->text);
    default:
        return term;
    }
}

static bool mentions(const char *text, const char *name)
{
    gsize length = name ? strlen(name) : 0;

    for (const char *at = length ? strstr(text, name) : NULL; at; at = strstr(at + 1, name)) {
        bool begins = at == text || !(g_ascii_isalnum(at[-1]) || at[-1] == '_');
        bool ends = !(g_ascii_isalnum(at[length]) || at[length] == '_');

        if (begins && ends) {
            return true;
        }
    }
    return false;
}

/* An index that the callee works out of its arguments, as in locks[hash % N]:
 * the same for the same arguments, and for others another. */
static const struct term *unknown_key(const struct bind *bind, const char *text)
{
    struct place_table *table = bind->walk->places;
    const GPtrArray *params = bind->target ? bind->target->ir->params : NULL;
    const struct term *key = NULL;
    bool mentioned = false;

    for (guint i = 0; params && i < params->len && i < bind->event->args->len; i++) {
        const struct ir_variable *param = g_ptr_array_index(params, i);
        const struct term *value;

        if (!mentions(text, param->name)) {
            continue;
        }
        mentioned = true;
        /* Through a pointer it may be another the next time. */
        value = param->type.pointers == 0 ? state_term(bind->state, argument(bind, i)) : NULL;
        if (!value) {
            key = NULL;
            break;
        }
        key = key ? term_pair(table, key, value, text) : term_offset(table, value, text);
    }
    if (!mentioned && bind->event->args->len > 0) {
        key = term_offset(table, state_term(bind->state, argument(bind, 0)), text);
        mentioned = true;
    }
    if (mentioned && !key) {
        key = term_value(table, place_opaque(table, bind->walk->number * EVENT_IDS + 6, false, -1));
    }
    return key;
}

/* NULL if the caller has no name for it. */
static const struct place *bind_place(const struct bind *bind, const struct place *place)
{
    struct place_table *table = bind->walk->places;
    const struct ir_value *value;
    const struct place *parent;

    if (!place) {
        return NULL;
    }
    if (!place->parent) {
        switch (place->root) {
        case PLACE_GLOBAL:
            return place;
        case PLACE_PARAM: /* a structure that is passed by value */
            value = argument(bind, place->number);
            return value && value->kind == IR_VALUE_LOAD ? state_place(bind->state, value->path)
                                                         : NULL;
        case PLACE_RESULT:
            return place_opaque(table, bind->walk->number * EVENT_IDS, false, bind->event->result);
        default:
            return NULL;
        }
    }
    if (place->step == IR_STEP_DEREF) {
        const struct place *pointer = place->parent;

        if (!pointer->parent && pointer->root == PLACE_PARAM) {
            return term_deref(table, state_term(bind->state, argument(bind, pointer->number)));
        }
        if (!pointer->parent && pointer->root == PLACE_RESULT) {
            return place_deref(table, bind_place(bind, pointer));
        }
        pointer = bind_place(bind, pointer);
        return pointer ? term_deref(table, state_value(bind->state, pointer)) : NULL;
    }
    parent = bind_place(bind, place->parent);
    if (!parent) {
        return NULL;
    }
    if (place->step == IR_STEP_FIELD) {
        return place_field(table, parent, place->record, place->name);
    }
    const struct term *key = bind_term(bind, place->key);

    if (!key) {
        key = unknown_key(bind, place->name ? place->name : "...");
    }
    return place_index(table, parent, key, place->name ? place->name : "...");
}

static const struct place *bind_lock(const struct bind *bind, const struct place *place)
{
    return place_strip(bind->walk->flow, bind_place(bind, place));
}

static const struct lock_class *class_here(const struct bind *bind, const struct place *place,
                                           const struct lock_class *otherwise)
{
    const struct lock_class *class =
        class_of_place(bind->walk->flow, place, bind->walk->function->ir);

    return class ? class : otherwise;
}

static void append(GArray **list, const void *element, guint size)
{
    if (!*list) {
        *list = g_array_new(FALSE, FALSE, size);
    }
    g_array_append_vals(*list, element, 1);
}

/* Whether a function has looked its lock up, where its caller would have had to
 * follow it through several objects: two that did so may have met the same one
 * by different ways. */
static bool looked_up(const struct place *place)
{
    unsigned steps = 0;

    for (; place && place->parent; place = place->parent) {
        steps += place->step != IR_STEP_FIELD;
    }
    return steps > 1;
}

static struct out *bind_out(const struct bind *bind, const struct out *from)
{
    struct out *out = out_new(bind->event->loc);

    for (guint i = 0; from->conditions && i < from->conditions->len; i++) {
        struct fact f = g_array_index(from->conditions, struct fact, i);

        f.term = bind_term(bind, f.term);
        if (f.term) {
            struct range known = state_range(bind->state, f.term);

            if (range_disjoint(&known, &f.range)) {
                out_free(out);
                return NULL;
            }
            append(&out->conditions, &f, sizeof f);
        }
    }
    for (guint i = 0; from->acquired && i < from->acquired->len; i++) {
        struct flow_lock lock = g_array_index(from->acquired, struct flow_lock, i);

        lock.looked_up = looked_up(lock.place);
        lock.place = bind_lock(bind, lock.place);
        if (lock.place) {
            lock.held.class = class_here(bind, lock.place, lock.held.class);
            lock.held.loc = bind->event->loc;
            lock.held.via = program_call(bind->walk->program, bind->event);
            lock.from = (struct pfunction *)bind->target;
            append(&out->acquired, &lock, sizeof lock);
        }
    }
    for (guint i = 0; from->released && i < from->released->len; i++) {
        struct gone gone = g_array_index(from->released, struct gone, i);

        gone.looked_up = looked_up(gone.place);
        gone.place = bind_lock(bind, gone.place);
        if (gone.place) {
            gone.class = class_here(bind, gone.place, gone.class);
            gone.loc = bind->event->loc;
            gone.from = (struct pfunction *)bind->target;
            append(&out->released, &gone, sizeof gone);
        }
    }
    for (guint i = 0; from->dropped && i < from->dropped->len; i++) {
        struct gone gone = g_array_index(from->dropped, struct gone, i);

        gone.place = bind_lock(bind, gone.place);
        gone.inner = gone.inner.file ? gone.inner : gone.loc;
        gone.loc = gone.taken = bind->event->loc;
        gone.from = (struct pfunction *)bind->target;
        if (gone.place) {
            append(&out->dropped, &gone, sizeof gone);
        }
    }
    for (guint i = 0; from->stores && i < from->stores->len; i++) {
        struct out_store store = g_array_index(from->stores, struct out_store, i);

        store.place = bind_place(bind, store.place);
        store.term = bind_term(bind, store.term);
        if (store.place && store.term) {
            append(&out->stores, &store, sizeof store);
        }
    }
    out->result = bind_term(bind, from->result);
    out->range = from->range;
    out->coarse = from->coarse;
    return out;
}

/* The premises in the caller's terms; false if they cannot be true there. */
static bool bind_premises(const struct bind *bind, struct premise *premises)
{
    for (unsigned i = 0; i < PREMISES; i++) {
        if (premises[i].term) {
            struct range known;

            premises[i].term = bind_term(bind, premises[i].term);
            known = state_range(bind->state, premises[i].term);
            if (premises[i].term && range_disjoint(&known, &premises[i].range)) {
                return false;
            }
        }
    }
    return true;
}

static void bind_takes(const struct bind *bind, const struct summary *summary)
{
    const struct pcall *call = program_call(bind->walk->program, bind->event);
    bool fatal = call && call->fatal;

    for (guint i = 0; bind->notes && i < summary->takes->len; i++) {
        const struct take *from = g_ptr_array_index(summary->takes, i);
        struct take *take = g_new(struct take, 1);

        *take = *from;
        if (!bind_premises(bind, take->premises)) {
            g_free(take);
            continue;
        }
        take->place = bind_lock(bind, from->place);
        take->class = take->place ? class_here(bind, take->place, from->class) : from->class;
        for (unsigned w = 0; w < G_N_ELEMENTS(take->without); w++) {
            take->without[w] = bind_lock(bind, from->without[w]);
        }
        take->dying |= fatal;
        take->loc = bind->event->loc;
        take->function = bind->walk->function;
        take->callee = bind->target ? bind->target->ir->name : "the function pointer";
        take->inner = from->loc.file ? from : NULL; /* a contract's has no more to show */
        take->length = take->inner ? from->length + 1 : 1;
        if (take->place || take->class) {
            g_ptr_array_add(bind->effect->takes, take);
        } else {
            bind->walk->flow->unknown_locks++;
            g_free(take);
        }
    }
    for (guint i = 0; bind->notes && i < summary->waits->len; i++) {
        const struct wait *from = g_ptr_array_index(summary->waits, i);
        struct wait *wait = g_new(struct wait, 1);

        *wait = *from;
        if (!bind_premises(bind, wait->premises)) {
            g_free(wait);
            continue;
        }
        wait->place = bind_lock(bind, from->place);
        wait->class = wait->place ? class_here(bind, wait->place, from->class) : from->class;
        for (unsigned w = 0; w < G_N_ELEMENTS(wait->without); w++) {
            wait->without[w] = bind_lock(bind, from->without[w]);
        }
        wait->loc = bind->event->loc;
        wait->function = bind->walk->function;
        wait->callee = bind->target ? bind->target->ir->name : "the function pointer";
        wait->inner = from;
        wait->length = from->length + 1;
        g_ptr_array_add(bind->effect->waits, wait);
    }
}

static bool is_pointer(const struct bind *bind, const struct place *variable)
{
    const GPtrArray *locals = bind->walk->function->ir->locals;

    return variable->root == PLACE_LOCAL && variable->number < locals->len &&
           ((const struct ir_variable *)g_ptr_array_index(locals, variable->number))
                   ->type.pointers > 0;
}

/* The lock that a rule is about, in terms of the caller. */
static const struct place *rule_place(const struct bind *bind, const struct rule *rule)
{
    struct place_table *table = bind->walk->places;
    const struct term *pointer;
    const struct place *place;

    if (rule->lock < 0) {
        const char *name = rule->capability ? rule->capability : "rcu";

        return place_root(table, PLACE_GLOBAL, 0, g_intern_string(name));
    }
    pointer = state_term(bind->state, argument(bind, rule->lock));
    place = term_deref(table, pointer);
    /* A cleanup function gets the address of the variable that has the lock. */
    if (place && bind->event->cleanup && !place->parent && is_pointer(bind, place)) {
        place = term_deref(table, state_value(bind->state, place));
    }
    return place_strip(bind->walk->flow, place);
}

static void rule_acquire(const struct bind *bind, const struct rule *rule, struct out *out,
                         bool trylock)
{
    struct effect *effect = bind->effect;
    struct flow_lock lock = {.place = rule_place(bind, rule), .trylock = trylock};
    struct take take = {.trylock = trylock, .length = 1};

    if (!lock.place) {
        bind->walk->flow->unknown_locks++;
        return;
    }
    lock.held.class = class_here(bind, lock.place, NULL);
    lock.held.mode = rule->mode == RULE_ANY ? RULE_EXCLUSIVE : rule->mode;
    if (rule->kind == RULE_RCU_READ_LOCK) {
        lock.held.mode = RULE_SHARED;
    }
    lock.held.count = 1;
    lock.held.loc = bind->event->loc;
    lock.held.via = program_call(bind->walk->program, bind->event);
    append(&out->acquired, &lock, sizeof lock);
    take.place = lock.place;
    take.class = lock.held.class;
    take.mode = lock.held.mode;
    take.loc = bind->event->loc;
    take.function = bind->walk->function;
    g_ptr_array_add(effect->takes, g_memdup2(&take, sizeof take));
}

static void rule_release(const struct bind *bind, const struct rule *rule, struct out *out)
{
    struct gone gone = {.place = rule_place(bind, rule), .loc = bind->event->loc};

    if (gone.place) {
        gone.class = class_here(bind, gone.place, NULL);
        gone.mode = rule->kind == RULE_RCU_READ_UNLOCK ? RULE_SHARED : rule->mode;
        append(&out->released, &gone, sizeof gone);
    }
}

static void rule_wait(const struct bind *bind, const struct rule *rule)
{
    struct wait wait = {.place = rule_place(bind, rule), .length = 1};

    wait.class = class_here(bind, wait.place, NULL);
    if (rule->lock > 0) {
        wait.condition = wait_condition(bind->walk->program, bind->walk->function, bind->event);
    }
    wait.loc = bind->event->loc;
    wait.function = bind->walk->function;
    wait.callee = bind->target->ir->name;
    g_ptr_array_add(bind->effect->waits, g_memdup2(&wait, sizeof wait));
}

static void rule_grace(const struct bind *bind, const struct rule *rule)
{
    struct take take = {.grace = true, .mode = RULE_EXCLUSIVE, .length = 1};

    take.place = rule->lock >= 0
                     ? rule_place(bind, rule)
                     : place_root(bind->walk->places, PLACE_GLOBAL, 0, g_intern_string("rcu"));
    take.class = class_here(bind, take.place, NULL);
    take.loc = bind->event->loc;
    take.function = bind->walk->function;
    take.callee = bind->target->ir->name;
    if (take.class) {
        g_ptr_array_add(bind->effect->takes, g_memdup2(&take, sizeof take));
    }
}

/* False if the function does not return. */
static bool add_rules(const struct bind *bind, struct out *out, struct out **failure)
{
    struct effect *effect = bind->effect;
    bool returns = true;

    for (const struct rule *const *at = bind->target->rules; *at; at++) {
        const struct rule *rule = *at;

        switch (rule->kind) {
        case RULE_ACQUIRE:
            rule_acquire(bind, rule, out, false);
            /* Of a lock function's status, only success is followed. */
            if (!bind->target->ir->returns_pointer) {
                range_restrict(&out->range, IR_EQ, 0);
            } else { /* a guard that stands for the lock */
                out->result = term_address(bind->walk->places, rule_place(bind, rule));
            }
            break;
        case RULE_RCU_READ_LOCK:
            rule_acquire(bind, rule, out, false);
            break;
        case RULE_TRY_ACQUIRE:
            rule_acquire(bind, rule, out, true);
            if (!*failure) {
                *failure = out_new(bind->event->loc);
            }
            range_restrict(&out->range, rule->success == RESULT_ZERO ? IR_EQ : IR_NE, 0);
            range_restrict(&(*failure)->range, rule->success == RESULT_ZERO ? IR_NE : IR_EQ, 0);
            break;
        case RULE_RELEASE:
        case RULE_RCU_READ_UNLOCK:
            rule_release(bind, rule, out);
            break;
        case RULE_INIT:
        case RULE_DESTROY:
            effect->forget[0] = rule_place(bind, rule);
            break;
        case RULE_WAIT:
            rule_wait(bind, rule);
            effect->writes_anything = true;
            break;
        case RULE_RCU_SYNCHRONIZE:
            rule_grace(bind, rule);
            break;
        case RULE_NORETURN:
            returns = false;
            break;
        default:
            break;
        }
    }
    return returns;
}

static void add_target(struct bind *bind, struct pfunction *target)
{
    struct flow_function *ff = flow_function_of(target);
    struct effect *effect = bind->effect;
    struct out *out, *failure = NULL;

    bind->target = target;
    if (!effect->target) {
        effect->target = target;
    }
    if (!ff) {
        return;
    }
    effect->known = true;
    effect->writes_anything |= ff->writes_anything;
    if (ff->writes) {
        effect->writes = ff->writes;
    }
    waits_of_call(bind->walk, bind->state, bind->event, target,
                  program_call(bind->walk->program, bind->event), effect);
    if (ff->contract == CONTRACT_RULES) {
        out = out_new(bind->event->loc);
        if (add_rules(bind, out, &failure)) {
            g_ptr_array_add(effect->outs, out);
        } else {
            out_free(out);
        }
        if (failure) {
            g_ptr_array_add(effect->outs, failure);
        }
        return;
    }
    if (!ff->summary) {
        /* Not walked: nothing in it matters. In a cycle of calls, not yet. */
        if (!ff->relevant || ff->believed) {
            g_ptr_array_add(effect->outs, out_new(bind->event->loc));
        }
        return;
    }
    bind_takes(bind, ff->summary);
    for (guint i = 0; i < ff->summary->outs->len; i++) {
        out = bind_out(bind, g_ptr_array_index(ff->summary->outs, i));
        if (out) {
            g_ptr_array_add(effect->outs, out);
        }
    }
}

static bool same_locks(const struct out *a, const struct out *b)
{
    guint n = a->acquired ? a->acquired->len : 0, m = a->released ? a->released->len : 0;

    if (n != (b->acquired ? b->acquired->len : 0) || m != (b->released ? b->released->len : 0)) {
        return false;
    }
    for (guint i = 0; i < n; i++) {
        if (g_array_index(a->acquired, struct flow_lock, i).place !=
            g_array_index(b->acquired, struct flow_lock, i).place) {
            return false;
        }
    }
    for (guint i = 0; i < m; i++) {
        if (g_array_index(a->released, struct gone, i).place !=
            g_array_index(b->released, struct gone, i).place) {
            return false;
        }
    }
    return true;
}

/* Several targets: ways out that do the same are one. Where they do not agree,
 * which of them is called decides, and that is not followed: then nothing is
 * said of locks. */
static void merge_outs(struct effect *effect)
{
    bool agree = true;

    for (guint i = 1; i < effect->outs->len; i++) {
        agree &= same_locks(g_ptr_array_index(effect->outs, 0), g_ptr_array_index(effect->outs, i));
    }
    for (guint i = 0; !agree && i < effect->outs->len; i++) {
        struct out *out = g_ptr_array_index(effect->outs, i);

        g_clear_pointer(&out->acquired, g_array_unref);
        g_clear_pointer(&out->released, g_array_unref);
        g_clear_pointer(&out->dropped, g_array_unref);
        out->coarse = true;
    }
    for (guint i = 0; i < effect->outs->len; i++) {
        struct out *out = g_ptr_array_index(effect->outs, i);

        for (guint k = i + 1; k < effect->outs->len;) {
            struct out *other = g_ptr_array_index(effect->outs, k);

            if (!same_locks(out, other)) {
                k++;
                continue;
            }
            range_join(&out->range, &other->range);
            if (out->result != other->result) {
                out->result = NULL;
            }
            g_clear_pointer(&out->conditions, g_array_unref);
            g_clear_pointer(&out->stores, g_array_unref);
            g_ptr_array_remove_index(effect->outs, k);
        }
    }
    if (effect->outs->len > OUTS_MAX) {
        g_ptr_array_set_size(effect->outs, OUTS_MAX);
    }
}

/* Whether the callee has another thread call it, and waits. */
static bool elsewhere(const struct pcall *call)
{
    for (guint t = 0; t < call->targets->len; t++) {
        const struct pfunction *target = g_ptr_array_index(call->targets, t);

        for (const struct rule *const *rule = target->rules; rule && *rule; rule++) {
            if ((*rule)->kind == RULE_CALLBACK && (*rule)->role) {
                return true;
            }
        }
    }
    return false;
}

/* What the callee calls back before it returns. */
static void add_callbacks(struct bind *bind, const struct pcall *call)
{
    if (elsewhere(call)) {
        return;
    }
    for (guint i = 0; call->callbacks && i < MIN(call->callbacks->len, (guint)TARGETS_MAX); i++) {
        struct pfunction *callback = g_ptr_array_index(call->callbacks, i);
        struct flow_function *ff = flow_function_of(callback);

        if (ff && ff->summary) {
            static const struct ir_value nothing = {.kind = IR_VALUE_UNKNOWN};
            struct ir_event unknown = *bind->event;
            struct bind inner = *bind;

            /* With what arguments is the callee's secret. */
            unknown.args = g_ptr_array_new();
            for (guint n = 0; n < callback->ir->params->len; n++) {
                g_ptr_array_add(unknown.args, (gpointer)&nothing);
            }
            inner.event = &unknown;
            inner.target = callback;
            bind_takes(&inner, ff->summary);
            g_ptr_array_unref(unknown.args);
        }
    }
}

struct effect *effect_of_call(struct walk *walk, const struct flow_state *state,
                              const struct ir_event *event, bool notes)
{
    const struct pcall *call = program_call(walk->program, event);
    bool matters = false;
    bool contract;

    if (!call || (call->targets->len == 0 && !call->slot)) {
        return NULL;
    }
    contract = call->slot && annotations_lock(call->slot->annotations);
    for (guint i = 0; i < call->targets->len && !matters; i++) {
        const struct flow_function *ff = flow_function_of(g_ptr_array_index(call->targets, i));

        matters = ff && (ff->relevant || ff->summary || ff->writes || ff->writes_anything);
    }
    if (!contract && !matters && !call->callbacks) {
        return NULL;
    }
    struct effect *effect = g_new0(struct effect, 1);
    struct bind bind = {
        .walk = walk, .state = state, .event = event, .effect = effect, .notes = notes};

    effect->outs = g_ptr_array_new_with_free_func(out_free);
    effect->takes = g_ptr_array_new_with_free_func(g_free);
    effect->waits = g_ptr_array_new_with_free_func(g_free);
    if (contract) {
        struct summary *summary = g_hash_table_lookup(walk->flow->slots, call->slot);

        if (!summary) {
            summary = contract_summary(walk->flow, NULL, call->slot->annotations);
            g_hash_table_insert(walk->flow->slots, call->slot, summary);
        }
        effect->known = true;
        bind_takes(&bind, summary);
        for (guint i = 0; i < summary->outs->len; i++) {
            struct out *out = bind_out(&bind, g_ptr_array_index(summary->outs, i));

            if (out) {
                g_ptr_array_add(effect->outs, out);
            }
        }
        return effect;
    }
    for (guint i = 0; i < MIN(call->targets->len, (guint)TARGETS_MAX); i++) {
        add_target(&bind, g_ptr_array_index(call->targets, i));
    }
    add_callbacks(&bind, call);
    if (call->targets->len != 1) {
        if (call->slot && (call->slot->escapes || call->targets->len == 0)) {
            g_ptr_array_add(effect->outs, out_new(event->loc));
        }
        merge_outs(effect);
    }
    return effect;
}
