/* What a function leaves with, against what its contract says: locks that it
 * takes or releases and does not say, and those that it says and does not. */
#include "contract.h"
#include "flow_exits.h"

static bool promised(struct flow *flow, const GPtrArray *items, const struct place *place,
                     bool acquire, const struct way *way)
{
    for (guint i = 0; i < items->len; i++) {
        const struct contract_item *item = g_ptr_array_index(items, i);
        const struct place *named = place_of_path(flow, item->path);
        bool kind = acquire ? contract_is_acquire(item->kind) : contract_is_release(item->kind);

        /* What cannot be named may be anything. */
        if (kind &&
            (!named || named == place ||
             (named->root == PLACE_GLOBAL && named->depth == 0 && place->root != PLACE_GLOBAL))) {
            return true;
        }
    }
    (void)way;
    return false;
}

void promises_check(struct flow *flow, const struct exits *exits, struct findings *findings)
{
    const struct pfunction *function = exits->ff->function;
    GPtrArray *items = contract_items(flow->program, function->annotations, function->ir);

    for (guint w = 0; w < exits->ways->len; w++) {
        const struct way *way = g_ptr_array_index(exits->ways, w);

        if (way->coarse) {
            continue;
        }
        for (guint i = 0; i < way->locks->len; i++) {
            const struct exit_lock *lock = &g_array_index(way->locks, struct exit_lock, i);

            if (lock->delta > 0 && !promised(flow, items, lock->place, true, way)) {
                exits_report_leak(findings, exits->ff, way, lock,
                                  ", which its contract does not say");
            } else if (lock->delta < 0 && !promised(flow, items, lock->place, false, way)) {
                struct finding *finding = findings_add(
                    findings, CHECK_BALANCE, SEVERITY_ERROR, lock->loc, function->ir->symbol,
                    "%s releases '%s', which its contract does not say", function->ir->name,
                    lock->text);

                finding_note(finding, way->loc, "and returns here without it");
            }
        }
        for (guint i = 0; i < items->len; i++) {
            const struct contract_item *item = g_ptr_array_index(items, i);
            const struct place *place = place_of_path(flow, item->path);
            bool acquire =
                item->kind == ANNOTATION_ACQUIRE || item->kind == ANNOTATION_ACQUIRE_SHARED;
            const struct exit_lock *lock = place ? way_lock(way, place) : NULL;
            struct finding *finding = NULL;

            if (!place || (!acquire && !contract_is_release(item->kind)) || lock ||
                place->root == PLACE_GLOBAL) {
                continue;
            }
            if (acquire) {
                finding = findings_add(findings, CHECK_BALANCE, SEVERITY_ERROR, way->loc,
                                       function->ir->symbol,
                                       "%s returns without '%s', which its contract says it takes",
                                       function->ir->name, item->text);
            } else {
                finding = findings_add(
                    findings, CHECK_BALANCE, SEVERITY_ERROR, way->loc, function->ir->symbol,
                    "%s returns with '%s' held, which its contract says it releases",
                    function->ir->name, item->text);
            }
            finding_note(finding, function->ir->loc, "the contract of %s", function->ir->name);
        }
    }
    g_ptr_array_unref(items);
}
