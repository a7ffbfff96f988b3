/* Functions stored in pointers that state a contract: a caller that knows only
 * the pointer must be right about every function behind it.
 *
 * A table in which some members state contracts says of the others that they
 * have none. A function may ask of its caller what the pointer's contract grants and no
 * more, and must take and release the very locks that the contract says.
 * Calls are check_guards.c's business: a call through such a pointer has to
 * satisfy the pointer's contract. Pointers without a contract whose calls lead
 * nowhere we know are listed as notes. */
#include "contract.h"

struct storing {
    struct program *program;
    struct findings *findings;
    const struct pslot *slot;
    const struct pfunction *function;
    struct ir_loc origin;
    GPtrArray *granted; /* the pointer's items */
    GPtrArray *wanted;  /* the function's items */
};

static const char *lock_text(const struct contract_item *item)
{
    return *item->text ? item->text : "the first parameter's object";
}

G_GNUC_PRINTF(2, 3)
static void complain(const struct storing *s, const char *format, ...)
{
    const struct pfunction *f = s->function;
    struct finding *finding;
    va_list arguments;
    char *text;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    finding = findings_add(s->findings, CHECK_CONTRACT, SEVERITY_ERROR, s->origin, NULL,
                           "%s is stored in %s, but %s", f->ir->name, s->slot->name, text);
    g_free(text);
    finding_note(finding, s->slot->loc,
                 s->slot->annotations->len > 0 ? "the contract of %s is stated here"
                                               : "%s, which has no contract, is declared here",
                 s->slot->name);
    finding_note(finding, f->ir->stated.line > 0 ? f->ir->stated : f->ir->loc,
                 "%s is declared here", f->ir->name);
}

static bool granted_by(const GPtrArray *granted, const struct contract_item *wanted)
{
    for (guint i = 0; i < granted->len; i++) {
        const struct contract_item *item = granted->pdata[i];

        if ((contract_is_requirement(item->kind) || contract_is_release(item->kind)) &&
            contract_same_lock(item, wanted) &&
            (wanted->shared || !item->shared || item->kind == ANNOTATION_RELEASE_GENERIC)) {
            return true;
        }
    }
    return false;
}

static const struct contract_item *find_kind(const GPtrArray *items,
                                             const struct contract_item *wanted)
{
    for (guint i = 0; i < items->len; i++) {
        const struct contract_item *item = items->pdata[i];
        bool same_kind = contract_is_acquire(wanted->kind)   ? item->kind == wanted->kind
                         : contract_is_release(wanted->kind) ? contract_is_release(item->kind)
                                                             : item->kind == wanted->kind;

        if (same_kind && contract_same_lock(item, wanted)) {
            return item;
        }
    }
    return NULL;
}

static bool
    requires(const GPtrArray *items, const struct contract_item *lock)
{
    for (guint i = 0; i < items->len; i++) {
        const struct contract_item *item = items->pdata[i];

        if (contract_is_requirement(item->kind) && contract_same_lock(item, lock)) {
            return true;
        }
    }
    return false;
}

static void check_wanted(const struct storing *s, const struct contract_item *item)
{
    if (contract_is_requirement(item->kind) && !granted_by(s->granted, item)) {
        complain(s, "it needs %s held, which callers of that do not promise", lock_text(item));
    } else if (item->kind == ANNOTATION_EXCLUDES && requires(s->granted, item)) {
        complain(s, "it must not be called with %s held, as callers of that do", lock_text(item));
    } else if (item->kind == ANNOTATION_EXCLUDES && !find_kind(s->granted, item)) {
        complain(s, "it must not be called with %s held, which callers of that do not know",
                 lock_text(item));
    } else if (contract_is_acquire(item->kind) && !find_kind(s->granted, item)) {
        complain(s, "it takes %s, which that does not say", lock_text(item));
    } else if (contract_is_release(item->kind) && !find_kind(s->granted, item)) {
        complain(s, "it releases %s, which that does not say", lock_text(item));
    }
}

static void check_granted(const struct storing *s, const struct contract_item *item)
{
    if (contract_is_acquire(item->kind) && !find_kind(s->wanted, item)) {
        complain(s, "it does not take %s, as that says", lock_text(item));
    } else if (contract_is_release(item->kind) && !find_kind(s->wanted, item)) {
        complain(s, "it does not release %s, as that says", lock_text(item));
    }
}

static void check_stored_role(const struct storing *s)
{
    const char *bound = contract_role(s->function->annotations, ANNOTATION_ROLE);
    const char *said = contract_role(s->slot->annotations, ANNOTATION_ROLE);

    if (!said) {
        said = contract_role(s->slot->annotations, ANNOTATION_THREAD_ENTRY);
    }
    if (bound && !said) {
        complain(s, "it runs on threads of role %s only, which that does not say", bound);
    } else if (bound && bound != said) {
        complain(s, "it runs on threads of role %s only, and that on those of role %s", bound,
                 said);
    }
}

/* A function that takes a lock which the contract says is held deadlocks: it
 * need not have annotations for us to see that. */
static void check_taken(const struct storing *s)
{
    for (guint g = 0; g < s->granted->len; g++) {
        const struct contract_item *item = s->granted->pdata[g];

        for (guint w = 0; contract_is_requirement(item->kind) && w < s->wanted->len; w++) {
            const struct contract_item *own = s->wanted->pdata[w];

            if (contract_is_acquire(own->kind) && contract_same_lock(own, item)) {
                complain(s, "it takes %s, which callers of that hold already", lock_text(own));
            }
        }
    }
}

static void check_stored(struct program *program, struct findings *findings,
                         const struct pslot *slot, guint number, GPtrArray *granted)
{
    const struct pfunction *function = slot->functions->pdata[number];
    struct storing s = {.program = program,
                        .findings = findings,
                        .slot = slot,
                        .function = function,
                        .granted = granted};

    s.origin = g_array_index(slot->origins, struct ir_loc, number);
    s.wanted = contract_items(program, function->annotations, function->ir);
    for (guint i = 0; i < s.wanted->len; i++) {
        check_wanted(&s, s.wanted->pdata[i]);
    }
    for (guint i = 0; i < granted->len; i++) {
        check_granted(&s, granted->pdata[i]);
    }
    check_stored_role(&s);
    check_taken(&s);
    g_ptr_array_unref(s.wanted);
}

static void list_unresolved(struct program *program, struct findings *findings)
{
    for (guint i = 0; i < program->functions->len; i++) {
        const struct pfunction *function = program->functions->pdata[i];

        for (guint c = 0; c < function->calls->len; c++) {
            const struct pcall *call = function->calls->pdata[c];

            if (!call->unresolved || (call->slot && call->slot->annotations->len > 0)) {
                continue;
            }
            findings_add(findings, CHECK_UNRESOLVED, SEVERITY_NOTE, call->event->loc,
                         function->ir->symbol, "nothing that %s may call here is known",
                         call->slot ? call->slot->name : "the pointer");
        }
    }
}

void check_contracts(struct program *program, struct findings *findings)
{
    for (guint i = 0; i < program->slots->len; i++) {
        const struct pslot *slot = program->slots->pdata[i];
        GPtrArray *granted;

        if (slot->annotations->len == 0 && !slot->among_contracts) {
            continue;
        }
        granted = contract_items(program, slot->annotations, NULL);
        for (guint f = 0; f < slot->functions->len; f++) {
            check_stored(program, findings, slot, f, granted);
        }
        g_ptr_array_unref(granted);
    }
    list_unresolved(program, findings);
}
