/* Locks that stand for a capability: functions that take or release one that
 * is no object (mmap_lock_cap) do so by another lock, and have to agree on
 * which. What each does is collected while contracts are checked, and compared
 * when all functions have been seen. */
#include "flow_exits.h"

struct proxy {
    const struct pfunction *function;
    const struct place *capability;
    GHashTable *classes; /* of struct lock_class -> where, struct ir_loc */
    bool acquires;
};

static void proxy_free(void *data)
{
    struct proxy *proxy = data;

    g_hash_table_unref(proxy->classes);
    g_free(proxy);
}

static struct proxy *proxy_of(struct flow *flow, const struct pfunction *function)
{
    struct proxy *proxy;

    if (!flow->proxies) {
        flow->proxies = g_ptr_array_new_with_free_func(proxy_free);
    }
    for (guint i = 0; i < flow->proxies->len; i++) {
        proxy = g_ptr_array_index(flow->proxies, i);
        if (proxy->function == function) {
            return proxy;
        }
    }
    proxy = g_new0(struct proxy, 1);
    proxy->function = function;
    proxy->classes = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    g_ptr_array_add(flow->proxies, proxy);
    return proxy;
}

void proxies_add(struct flow *flow, const struct pfunction *function,
                 const struct place *capability, bool acquires, const struct exit_lock *lock)
{
    struct proxy *proxy = proxy_of(flow, function);

    proxy->capability = capability;
    proxy->acquires = acquires;
    if (lock && lock->class) {
        const struct ir_loc *loc = lock->delta > 0 ? &lock->taken : &lock->loc;

        g_hash_table_insert(proxy->classes, (gpointer)lock->class, g_memdup2(loc, sizeof *loc));
    }
}

/* How many functions for the capability have, or have not, to do with the
 * class; the first of them. */
static guint count(const struct flow *flow, const struct proxy *like,
                   const struct lock_class *class, bool with, const struct proxy **first)
{
    guint found = 0;

    for (guint i = 0; i < flow->proxies->len; i++) {
        const struct proxy *proxy = g_ptr_array_index(flow->proxies, i);

        if (proxy->capability == like->capability &&
            g_hash_table_contains(proxy->classes, class) == with && found++ == 0) {
            *first = proxy;
        }
    }
    return found;
}

static const char *verb(const struct proxy *proxy)
{
    return proxy->acquires ? "take" : "release";
}

static void report(const struct proxy *odd, const struct proxy *other,
                   const struct lock_class *class, bool has, struct findings *findings)
{
    const struct ir_loc *at = g_hash_table_lookup((has ? odd : other)->classes, class);
    const char *capability = odd->capability->symbol;
    struct finding *finding;

    if (has) {
        finding = findings_add(
            findings, CHECK_BALANCE, SEVERITY_ERROR, *at, odd->function->ir->symbol,
            "%s %ss '%s' on behalf of %s, and %s does not %s it", odd->function->ir->name,
            verb(odd), class->name, capability, other->function->ir->name, verb(other));
        finding_note(finding, other->function->ir->loc, "%s is here", other->function->ir->name);
    } else {
        finding = findings_add(findings, CHECK_BALANCE, SEVERITY_ERROR, odd->function->ir->loc,
                               odd->function->ir->symbol,
                               "%s does not %s '%s', which %s %ss on behalf of %s",
                               odd->function->ir->name, verb(odd), class->name,
                               other->function->ir->name, verb(other), capability);
        finding_note(finding, *at, "%s %ss '%s' here", other->function->ir->name, verb(other),
                     class->name);
    }
}

/* The fewer are wrong; of one and one, the one that lacks it. */
static void compare(const struct flow *flow, const struct proxy *proxy,
                    const struct lock_class *class, struct findings *findings)
{
    const struct proxy *with = NULL, *without = NULL;
    guint have = count(flow, proxy, class, true, &with);
    guint lack = count(flow, proxy, class, false, &without);

    if (lack == 0 || with != proxy) {
        return;
    }
    for (guint i = 0; i < flow->proxies->len; i++) {
        const struct proxy *odd = g_ptr_array_index(flow->proxies, i);
        bool has = g_hash_table_contains(odd->classes, class);

        if (odd->capability == proxy->capability && has == (have < lack)) {
            report(odd, has ? without : with, class, has, findings);
        }
    }
}

void proxies_report(struct flow *flow, struct findings *findings)
{
    for (guint i = 0; flow->proxies && i < flow->proxies->len; i++) {
        const struct proxy *proxy = g_ptr_array_index(flow->proxies, i);
        GHashTableIter iter;
        gpointer class;

        g_hash_table_iter_init(&iter, proxy->classes);
        while (g_hash_table_iter_next(&iter, &class, NULL)) {
            compare(flow, proxy, class, findings);
        }
    }
}
