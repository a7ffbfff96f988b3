/* Data that a lock guards, touched without it; functions and pointers that
 * require a lock, called without it, or with one that they exclude.
 *
 * What is guarded is said by guarded_by on a field or global and pt_guarded_by
 * on a pointer to it; what is immutable may be written only while nobody else
 * can see it. needs.c asks the callers of functions that state no
 * contract. */
#include "entries.h"
#include "needs.h"
#include "touch.h"

#include <string.h>

struct guards {
    struct program *program;
    struct phases *phases;
    struct entries *entries;
    struct touches *touches;
    struct findings *findings;
    GHashTable *items; /* GPtrArray of annotations -> GPtrArray of struct contract_item */
    GHashTable *told;  /* struct ir_event: an excluded lock was reported */
};

/* One touch of something. */
struct access {
    const struct ir_event *event;
    const struct ir_path *path;
    bool writes;
    bool aliased; /* by way of a pointer that was set before: that is not read now */
};

/* Where a step of a path leads to. */
struct place {
    const struct ir_variable *variable;
    const struct ir_record *record; /* that the variable is a field of, or NULL */
    guint steps;                    /* of the path up to and including the variable */
};

static void items_free(void *data)
{
    g_ptr_array_unref(data);
}

static struct ir_path *prefix(const struct ir_path *path, guint steps)
{
    struct ir_path *copy = ir_path_copy(path);

    g_array_set_size(copy->steps, steps);
    return copy;
}

static char *subject_of(const struct place *place)
{
    return place->record && place->record->name
               ? g_strdup_printf("%s.%s", place->record->name, place->variable->name)
               : g_strdup(place->variable->name);
}

/* The lock that an annotation of the variable names, in terms of the path. */
static struct ir_path *guard_path(const struct guards *guards, const struct ir_path *path,
                                  const struct place *place, const char *text)
{
    struct ir_path *base;
    struct ir_path *lock;

    if (!place->record) {
        return annotation_path_of_global(guards->program, text, place->variable);
    }
    base = prefix(path, place->steps - 1);
    lock = annotation_path(guards->program, text, NULL, place->record, base);
    ir_path_free(base);
    return lock;
}

/* check_annotations.c reports one that names nothing. */
static bool exists(const struct program *program, const struct ir_path *lock)
{
    return lock->root != IR_ROOT_GLOBAL || lock->steps->len == 0 ||
           program_global(program, lock->symbol);
}

static void require_guard(const struct guards *guards, struct needs *needs,
                          struct pfunction *function, const struct access *access,
                          const struct flow_state *state, const struct place *place,
                          const char *text, bool writes)
{
    struct ir_path *lock = guard_path(guards, access->path, place, text);
    char *subject = subject_of(place);
    struct need_spec spec = {.check = CHECK_GUARD,
                             .lock = lock,
                             .object = access->path,
                             .subject = subject,
                             .lock_text = strcmp(text, "$this") == 0 ? "its struct" : text,
                             .declared = place->variable->loc,
                             .shared = !writes};

    if (lock && exists(guards->program, lock)) {
        spec.class = lock_class_of_path(guards->program, lock, function->ir);
        needs_require(needs, function, access->event, state, &spec);
    }
    ir_path_free(lock);
    g_free(subject);
}

static void check_place(const struct guards *guards, struct needs *needs,
                        struct pfunction *function, const struct access *access,
                        const struct flow_state *state, const struct place *place)
{
    const GPtrArray *steps = place->variable->annotations;
    bool last = true;     /* nothing but elements of the variable itself follows */
    bool pointee = false; /* something that it points to is touched */
    guint derefs = 0, fields = 0;

    for (guint i = place->steps; i < access->path->steps->len; i++) {
        enum ir_step_kind kind = g_array_index(access->path->steps, struct ir_step, i).kind;

        last = last && kind == IR_STEP_INDEX && !pointee;
        pointee = pointee || kind == IR_STEP_DEREF;
        derefs += kind == IR_STEP_DEREF;
        fields += kind == IR_STEP_FIELD && pointee;
    }
    /* Of an array that is never replaced the elements are meant. */
    bool immutable = annotation_has(place->variable->annotations, ANNOTATION_IMMUTABLE);
    bool elements = immutable ? derefs == 1 && fields == 0 : !pointee;

    for (guint a = 0; steps && a < steps->len; a++) {
        struct annotation annotation;
        bool whole;

        if (!annotation_parse(steps->pdata[a], &annotation)) {
            continue;
        }
        /* Fields of a guarded struct are guarded; what a guarded pointer
         * points to is not: then the pointer is read. */
        whole = last || !pointee;
        if (annotation.kind == ANNOTATION_GUARDED_BY && annotation.arguments->len > 0 &&
            !(access->aliased && pointee)) {
            require_guard(guards, needs, function, access, state, place,
                          annotation.arguments->pdata[0], access->writes && whole);
        } else if (annotation.kind == ANNOTATION_WRITE_GUARDED_BY && elements && access->writes &&
                   annotation.arguments->len > 0) {
            require_guard(guards, needs, function, access, state, place,
                          annotation.arguments->pdata[0], true);
        } else if (annotation.kind == ANNOTATION_PT_GUARDED_BY && pointee &&
                   annotation.arguments->len > 0) {
            require_guard(guards, needs, function, access, state, place,
                          annotation.arguments->pdata[0], access->writes);
        }
        annotation_clear(&annotation);
    }
}

static void check_path(const struct guards *guards, struct needs *needs, struct pfunction *function,
                       const struct access *access, const struct flow_state *state)
{
    const struct ir_path *path = access->path;
    struct place place = {0};

    if (path->root == IR_ROOT_GLOBAL) {
        place.variable = program_global(guards->program, path->symbol);
        if (place.variable && place.variable->annotations->len > 0) {
            check_place(guards, needs, function, access, state, &place);
        }
    }
    for (guint i = 0; i < path->steps->len; i++) {
        const struct ir_step *step = &g_array_index(path->steps, struct ir_step, i);

        if (step->kind != IR_STEP_FIELD) {
            continue;
        }
        place.variable = program_field(guards->program, step->record, step->name);
        place.record = program_record(guards->program, step->record);
        place.steps = i + 1;
        if (place.variable && place.record && place.variable->annotations->len > 0) {
            check_place(guards, needs, function, access, state, &place);
        }
    }
}

/* What a local pointer leads to may have a guard that its name does not tell. */
static void check_access(const struct guards *guards, struct needs *needs,
                         struct pfunction *function, const struct access *access,
                         const struct flow_state *state)
{
    const struct ir_path *path = access->path;
    struct ir_path *resolved = NULL;

    check_path(guards, needs, function, access, state);
    if (path->root == IR_ROOT_LOCAL && path->steps->len > 0 &&
        g_array_index(path->steps, struct ir_step, 0).kind == IR_STEP_DEREF) {
        resolved = flow_resolve(state, path);
    }
    if (resolved && (resolved->root == IR_ROOT_GLOBAL || resolved->root == IR_ROOT_PARAM)) {
        const struct access same = {access->event, resolved, access->writes, true};

        check_path(guards, needs, function, &same, state);
    }
    ir_path_free(resolved);
}

/* By its name, or because it writes before it starts the threads that read. */
static bool initialises(const struct guards *guards, const struct pfunction *function,
                        const struct ir_event *event)
{
    static const char *const words[] = {"init",  "new",       "create", "setup", "set_up",
                                        "alloc", "construct", "open",   "build", "prepare"};

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strstr(function->ir->name, words[i])) {
            return true;
        }
    }
    return phase_starts_threads(guards->phases, function) &&
           phase_at(guards->phases, function, event) == PHASE_ALONE;
}

/* Whether a lock that is a part of the object is held: then it is shared. */
static bool locked_object(const struct flow_state *state, const struct ir_path *base)
{
    struct ir_path *object = flow_resolve(state, base);
    bool found = false;

    for (uint32_t i = 0; object && !found && i < flow_held_count(state); i++) {
        const struct ir_path *lock = flow_held(state, i)->path;

        if (!lock || lock->root != object->root || lock->index != object->index ||
            lock->symbol != object->symbol || lock->steps->len < object->steps->len) {
            continue;
        }
        found = true;
        for (guint s = 0; found && s < object->steps->len; s++) {
            const struct ir_step *a = &g_array_index(object->steps, struct ir_step, s);
            const struct ir_step *b = &g_array_index(lock->steps, struct ir_step, s);

            found = a->kind == b->kind && g_strcmp0(a->name, b->name) == 0;
        }
    }
    ir_path_free(object);
    return found;
}

/* Whether a thread that is not main gets there. */
static bool on_a_thread(const struct guards *guards, const struct pfunction *function)
{
    const GPtrArray *entries = entries_of(guards->entries, function);

    for (guint i = 0; entries && i < entries->len; i++) {
        const struct entry *entry = entries->pdata[i];

        if (!entry->bound && strcmp(entry->function->ir->name, "main") != 0) {
            return true;
        }
    }
    return false;
}

static bool is_immutable(const struct ir_variable *variable, const struct ir_record *record)
{
    if (annotation_has(variable->annotations, ANNOTATION_IMMUTABLE)) {
        return true;
    }
    return record && annotation_has(record->annotations, ANNOTATION_IMMUTABLE) &&
           !annotation_has(variable->annotations, ANNOTATION_GUARDED_BY) &&
           !annotation_has(variable->annotations, ANNOTATION_OWNED_BY) &&
           !annotation_has(variable->annotations, ANNOTATION_RCU) && !variable->type.atomic;
}

/* What is immutable once others can see it is written although they can: the
 * object's lock is held, or, for a global, a thread does it. Elsewhere nobody
 * can tell setting up from changing. */
static void check_immutable(const struct guards *guards, struct needs *needs,
                            struct pfunction *function, const struct ir_event *event,
                            const struct flow_state *state)
{
    const struct ir_path *path = event->path;
    const struct ir_variable *variable;
    struct place place = {0};
    struct need_spec spec = {.check = CHECK_SHARING, .init = true, .object = path};
    struct ir_path *base = NULL;
    char *subject;

    if (event->kind == IR_READ || initialises(guards, function, event)) {
        return;
    }
    variable = program_variable(guards->program, path, function->ir);
    for (guint i = path->steps->len; i > 0 && !base; i--) {
        const struct ir_step *step = &g_array_index(path->steps, struct ir_step, i - 1);

        if (step->kind == IR_STEP_DEREF) {
            return; /* what it points to is another matter */
        }
        if (step->kind == IR_STEP_FIELD) {
            place.record = program_record(guards->program, step->record);
            base = prefix(path, i - 1);
        }
    }
    if (variable && is_immutable(variable, place.record) &&
        (base ? locked_object(state, base)
              : path->root == IR_ROOT_GLOBAL && on_a_thread(guards, function))) {
        place.variable = variable;
        subject = subject_of(&place);
        spec.lock = base;
        spec.subject = subject;
        spec.lock_text = "";
        spec.declared = variable->loc;
        needs_require(needs, function, event, state, &spec);
        g_free(subject);
    }
    ir_path_free(base);
}

static const GPtrArray *items_of(const struct guards *guards, GPtrArray *annotations,
                                 const struct ir_function *function)
{
    GPtrArray *items = g_hash_table_lookup(guards->items, annotations);

    if (!items) {
        items = contract_items(guards->program, annotations, function);
        g_hash_table_insert(guards->items, annotations, items);
    }
    return items;
}

/* The lock of a contract in terms of a call; a bare root may be any of the
 * arguments: the one whose lock is held, or else the first. */
static struct ir_path *bind_item(const struct guards *guards, const struct pfunction *caller,
                                 const struct ir_event *event, const struct contract_item *item,
                                 const struct flow_state *state)
{
    struct ir_path *first = NULL;
    struct ir_path *path;

    if (!item->path) {
        return NULL;
    }
    if (!item->bare) {
        path = program_bind_path(item->path, event->args);
        if (path) {
            needs_complete_path(guards->program, caller->ir, path);
        }
        return path;
    }
    for (guint i = 0; i < event->args->len; i++) {
        struct ir_path *guess = ir_path_copy(item->path);

        guess->root = IR_ROOT_PARAM;
        guess->index = i;
        path = program_bind_path(guess, event->args);
        ir_path_free(guess);
        if (!path) {
            continue;
        }
        needs_complete_path(guards->program, caller->ir, path);
        if (flow_find(state, path)) {
            ir_path_free(first);
            return path;
        }
        if (first) {
            ir_path_free(path);
        } else {
            first = path;
        }
    }
    return first;
}

static void check_excluded(const struct guards *guards, const struct pfunction *caller,
                           const struct ir_event *event, const struct flow_state *state,
                           const struct contract_item *item, const char *callee,
                           struct ir_loc declared)
{
    struct ir_path *lock = bind_item(guards, caller, event, item, state);
    const struct held *held = lock ? flow_find(state, lock) : NULL;
    struct finding *finding;

    if (!held && lock) {
        const struct lock_class *class = lock_class_of_path(guards->program, lock, caller->ir);

        held = class && (class->rcu || class->role) ? flow_find_class(state, class) : NULL;
    }
    ir_path_free(lock);
    if (!held || !g_hash_table_add(guards->told, (gpointer)event)) {
        return;
    }
    finding = findings_add(guards->findings, CHECK_CONTRACT, SEVERITY_ERROR, event->loc,
                           caller->ir->symbol, "%s is called with %s held, which it excludes",
                           callee, item->text);
    finding_note(finding, held->loc,
                 held->entry ? "%s is held here by contract" : "%s is taken here", item->text);
    finding_note(finding, declared, "%s says here that it must not be", callee);
}

/* A body in which the lock is taken makes a deadlock of it, which flow.c
 * reports as that. */
static bool takes_it_itself(const struct pfunction *target)
{
    return target && target->ir->blocks && !target->builtin;
}

static void check_contract(const struct guards *guards, struct needs *needs,
                           struct pfunction *caller, const struct ir_event *event,
                           const struct flow_state *state, const GPtrArray *items,
                           const char *callee, struct ir_loc declared,
                           const struct pfunction *target)
{
    for (guint i = 0; i < items->len; i++) {
        const struct contract_item *item = items->pdata[i];
        struct need_spec spec = {.check = CHECK_CONTRACT,
                                 .subject = callee,
                                 .lock_text = item->text,
                                 .declared = declared,
                                 .target = target,
                                 .shared = item->shared,
                                 .call = true};
        struct ir_path *lock;

        if (item->kind == ANNOTATION_EXCLUDES && !takes_it_itself(target)) {
            check_excluded(guards, caller, event, state, item, callee, declared);
        }
        if (!contract_is_requirement(item->kind)) {
            continue;
        }
        lock = bind_item(guards, caller, event, item, state);
        spec.lock = lock;
        spec.object = lock;
        if (lock) {
            spec.class = lock_class_of_path(guards->program, lock, caller->ir);
        } else if (target && item->path) {
            spec.class = lock_class_of_path(guards->program, item->path, target->ir);
        }
        if (spec.lock || spec.class) {
            needs_require(needs, caller, event, state, &spec);
        }
        ir_path_free(lock);
    }
}

/* Who gets the address of guarded data touches it. */
static void check_passed(const struct guards *guards, struct needs *needs,
                         struct pfunction *function, const struct pcall *call,
                         const struct flow_state *state)
{
    const struct ir_event *event = call->event;

    for (guint a = 0; a < event->args->len; a++) {
        const struct ir_value *value = event->args->pdata[a];
        bool local = value->kind == IR_VALUE_LOAD && value->path->root == IR_ROOT_LOCAL &&
                     value->path->steps->len == 0;
        enum touch touch = TOUCH_NONE;

        /* Who takes locks may take the one that it needs. */
        for (guint t = 0; (local || value->kind == IR_VALUE_ADDRESS) && t < call->targets->len;
             t++) {
            if (!flow_takes(call->targets->pdata[t])) {
                touch = MAX(touch, touches_parameter(guards->touches, call->targets->pdata[t], a));
            }
        }
        if (touch != TOUCH_NONE) {
            struct ir_path *path = ir_path_copy(value->path);
            const struct access access = {event, path, touch == TOUCH_WRITE, false};

            if (local) {
                ir_path_add(path, (struct ir_step){.kind = IR_STEP_DEREF});
            }
            check_access(guards, needs, function, &access, state);
            ir_path_free(path);
        }
    }
}

static void check_call(const struct guards *guards, struct needs *needs, struct pfunction *function,
                       const struct ir_event *event, const struct flow_state *state)
{
    const struct pcall *call = program_call(guards->program, event);

    if (!call) {
        return;
    }
    check_passed(guards, needs, function, call, state);
    if (call->slot && call->slot->annotations->len > 0) {
        check_contract(guards, needs, function, event, state,
                       items_of(guards, call->slot->annotations, NULL), call->slot->name,
                       call->slot->loc, NULL);
        return;
    }
    for (guint t = 0; t < call->targets->len; t++) {
        const struct pfunction *target = call->targets->pdata[t];

        if (target->annotations->len > 0) {
            check_contract(guards, needs, function, event, state,
                           items_of(guards, target->annotations, target->ir), target->ir->name,
                           target->ir->loc, target);
        }
    }
}

static void collect(void *context, struct needs *needs, struct pfunction *function,
                    const struct ir_event *event, const struct flow_state *state)
{
    const struct guards *guards = context;

    if (event->kind == IR_CALL) {
        check_call(guards, needs, function, event, state);
    } else if (event->path) {
        const struct access access = {event, event->path, event->kind != IR_READ, false};

        check_access(guards, needs, function, &access, state);
        check_immutable(guards, needs, function, event, state);
    }
}

void check_guards(struct program *program, struct findings *findings)
{
    struct guards guards = {.program = program, .findings = findings};
    struct fresh *fresh;
    struct phases *phases;

    if (!program->annotated) {
        return;
    }
    fresh = fresh_new(program);
    phases = phases_new(program);
    guards.items = g_hash_table_new_full(NULL, NULL, NULL, items_free);
    guards.told = g_hash_table_new(NULL, NULL);
    guards.phases = phases;
    guards.touches = touches_new(program);
    guards.entries = entries_new(program);
    entries_reach(guards.entries, phases);
    needs_run(program, findings, fresh, phases, collect, &guards);
    entries_free(guards.entries);
    touches_free(guards.touches);
    g_hash_table_unref(guards.items);
    g_hash_table_unref(guards.told);
    phases_free(phases);
    fresh_free(fresh);
}
