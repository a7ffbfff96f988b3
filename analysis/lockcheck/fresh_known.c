/* What allocates, stores and publishes, by name. */
#include <string.h>

#include "fresh_internal.h"

bool fresh_allocates(const char *name)
{
    static const char *const names[] = {
        "malloc",       "calloc",         "realloc",          "reallocarray",    "aligned_alloc",
        "memalign",     "valloc",         "strdup",           "strndup",         "g_malloc",
        "g_malloc0",    "g_malloc_n",     "g_malloc0_n",      "g_try_malloc",    "g_try_malloc0",
        "g_slice_copy", "g_slice_alloc",  "g_slice_alloc0",   "g_strdup",        "g_memdup",
        "g_memdup2",    "g_try_malloc_n", "g_try_malloc0_n",  "xmalloc",         "xcalloc",
        "xrealloc",     "xstrdup",        "zmalloc",          "zcalloc",         "zrealloc",
        "mmap",         "alloca",         "__builtin_alloca", "g_aligned_alloc", "uv_malloc",
    };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_strcmp0(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool fresh_rule_publishes(const struct pfunction *function, guint param)
{
    for (guint i = 0; function->rules[i]; i++) {
        const struct rule *rule = function->rules[i];

        switch (rule->kind) {
        case RULE_THREAD_CREATE:
        case RULE_CALLBACK_LATER:
        case RULE_RCU_CALL:
            if (rule->data == (int)param || (rule->kind == RULE_RCU_CALL && param == 0)) {
                return true;
            }
            break;
        case RULE_RCU_ASSIGN:
            if (param != (guint)MAX(rule->lock, 0)) {
                return true;
            }
            break;
        default:
            break;
        }
    }
    return false;
}

bool fresh_stores(const char *name)
{
    return g_str_has_prefix(name, "__atomic_store") ||
           g_str_has_prefix(name, "__atomic_exchange") ||
           g_str_has_prefix(name, "__atomic_compare_exchange") ||
           g_str_has_prefix(name, "fresh_stores") || g_str_has_prefix(name, "atomic_exchange") ||
           g_str_has_prefix(name, "atomic_compare_exchange") ||
           g_str_has_prefix(name, "__c11_atomic_store") ||
           g_str_has_prefix(name, "__c11_atomic_exchange") ||
           g_str_has_prefix(name, "__c11_atomic_compare_exchange") ||
           g_str_has_prefix(name, "__sync_") || g_str_has_prefix(name, "uatomic_");
}
