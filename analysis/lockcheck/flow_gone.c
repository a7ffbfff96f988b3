/* Locks that are not held any more, and which held lock a release means. */
#include "flow_internal.h"

enum { GONE_MAX = 8 };

struct gone *gone_find(GArray *list, const struct place *place)
{
    for (guint i = 0; list && i < list->len; i++) {
        if (g_array_index(list, struct gone, i).place == place) {
            return &g_array_index(list, struct gone, i);
        }
    }
    return NULL;
}

void gone_remove(GArray *list, const struct gone *gone)
{
    if (gone) {
        g_array_remove_index(list, (guint)(gone - (const struct gone *)(void *)list->data));
    }
}

void gone_remember(GArray **list, const struct gone *gone)
{
    if (!*list) {
        *list = g_array_new(FALSE, FALSE, sizeof(struct gone));
    }
    if ((*list)->len >= GONE_MAX) {
        g_array_remove_index(*list, 0);
    }
    g_array_append_vals(*list, gone, 1);
}

bool gone_forget(GArray *list, uint32_t number)
{
    bool found = false;

    for (guint i = 0; list && i < list->len;) {
        if (place_mentions(g_array_index(list, struct gone, i).place, number, false)) {
            found = true;
            g_array_remove_index(list, i);
        } else {
            i++;
        }
    }
    return found;
}

/* One function looks up an object and leaves with its lock held, another looks
 * it up for itself and drops it. */
static struct flow_lock *handed_over(const struct flow_state *state, const struct gone *gone)
{
    struct flow_lock *found = NULL;
    unsigned count = 0;

    for (guint i = 0; gone->class && state->locks && i < state->locks->len; i++) {
        struct flow_lock *l = &g_array_index(state->locks, struct flow_lock, i);

        if (l->held.class == gone->class) {
            found = l;
            count++;
        }
    }
    return count == 1 && gone->looked_up && found->looked_up && found->from && gone->from &&
                   found->from != gone->from
               ? found
               : NULL;
}

/* Which held lock a release means, if not one of exactly that name: an array's
 * element by an index that is not known, or the object of an earlier round. */
static struct flow_lock *similar(const struct flow_state *state, const struct gone *gone)
{
    for (guint i = 0; gone->class && state->locks && i < state->locks->len; i++) {
        struct flow_lock *l = &g_array_index(state->locks, struct flow_lock, i);

        if (l->held.class == gone->class && !l->held.entry &&
            (l->place->opaque || gone->place->opaque || l->bulk || place_is_vague(l->place) ||
             place_is_vague(gone->place))) {
            return l;
        }
    }
    return handed_over(state, gone);
}

struct flow_lock *state_lock_of_release(const struct flow_state *state, const struct gone *gone)
{
    struct flow_lock *l = state_find_lock(state, gone->place, gone->mode);

    return l ? l : similar(state, gone);
}
