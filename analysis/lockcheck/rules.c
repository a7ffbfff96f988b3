/* The table of rules and how it is asked. Exact names win over patterns, and
 * of the patterns the longest wins, so that a configuration can make an
 * exception from a family. Answers are kept: rules_of is asked once for every
 * function of the program, and what it returned stays valid until the rules
 * are freed. */
#include "rules_table.h"

#include <string.h>

static void type_free(gpointer data)
{
    g_free(data);
}

struct rules *rules_new(void)
{
    struct rules *rules = g_new0(struct rules, 1);

    rules->all = g_ptr_array_new_with_free_func(g_free);
    rules->by_name =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
    rules->patterns = g_ptr_array_new();
    rules->answers = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    rules->types = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, type_free);
    rules->notes = g_ptr_array_new_with_free_func(g_free);
    rules->noted =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
    rules->project =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    rules_add_builtin(rules);
    return rules;
}

void rules_free(struct rules *rules)
{
    if (rules) {
        g_hash_table_unref(rules->project);
        g_hash_table_unref(rules->noted);
        g_ptr_array_unref(rules->notes);
        g_hash_table_unref(rules->types);
        g_hash_table_unref(rules->answers);
        g_ptr_array_unref(rules->patterns);
        g_hash_table_unref(rules->by_name);
        g_ptr_array_unref(rules->all);
        g_free(rules);
    }
}

void rules_add(struct rules *rules, const struct rule *rule)
{
    struct rule *copy = g_memdup2(rule, sizeof(*rule));
    GPtrArray *list;

    g_ptr_array_add(rules->all, copy);
    if (g_str_has_suffix(rule->function, "*")) {
        g_ptr_array_add(rules->patterns, copy);
        return;
    }
    list = g_hash_table_lookup(rules->by_name, rule->function);
    if (!list) {
        list = g_ptr_array_new();
        g_hash_table_insert(rules->by_name, (gpointer)(uintptr_t)rule->function, list);
    }
    g_ptr_array_add(list, copy);
}

void rules_forget(struct rules *rules, const char *function)
{
    g_hash_table_remove(rules->by_name, function);
    for (guint i = rules->patterns->len; i-- > 0;) {
        const struct rule *rule = rules->patterns->pdata[i];

        if (strcmp(rule->function, function) == 0) {
            g_ptr_array_remove_index(rules->patterns, i);
        }
    }
}

void rules_add_type(struct rules *rules, const struct lock_type *type)
{
    struct lock_type *copy = g_memdup2(type, sizeof(*type));

    g_hash_table_replace(rules->types, (gpointer)(uintptr_t)copy->type, copy);
}

static bool pattern_matches(const char *pattern, const char *name)
{
    return strncmp(pattern, name, strlen(pattern) - 1) == 0;
}

/* All rules of the longest pattern that matches. */
static void add_patterns(const struct rules *rules, const char *function, GPtrArray *out)
{
    size_t longest = 0;

    for (guint i = 0; i < rules->patterns->len; i++) {
        const struct rule *rule = rules->patterns->pdata[i];
        size_t length = strlen(rule->function);

        if (length > longest && pattern_matches(rule->function, function)) {
            longest = length;
        }
    }
    for (guint i = 0; longest > 0 && i < rules->patterns->len; i++) {
        struct rule *rule = rules->patterns->pdata[i];

        if (strlen(rule->function) == longest && pattern_matches(rule->function, function)) {
            g_ptr_array_add(out, rule);
        }
    }
}

const struct rule *const *rules_of(const struct rules *rules, const char *function)
{
    static const struct rule *const none[] = {NULL};
    const struct rule *const *answer = g_hash_table_lookup(rules->answers, function);
    const GPtrArray *exact;
    GPtrArray *found;

    if (answer) {
        return answer;
    }
    exact = g_hash_table_lookup(rules->by_name, function);
    found = g_ptr_array_new();
    for (guint i = 0; exact && i < exact->len; i++) {
        g_ptr_array_add(found, exact->pdata[i]);
    }
    if (!exact) {
        add_patterns(rules, function, found);
    }
    if (found->len == 0) {
        g_ptr_array_unref(found);
        return none;
    }
    g_ptr_array_add(found, NULL);
    answer = (const struct rule *const *)g_ptr_array_free(found, FALSE);
    g_hash_table_insert(rules->answers, (gpointer)(uintptr_t)g_intern_string(function),
                        (gpointer)(uintptr_t)answer);
    return answer;
}

const struct lock_type *rules_lock_type(const struct rules *rules, const char *type_name)
{
    if (!type_name) {
        return NULL;
    }
    if (g_str_has_prefix(type_name, "struct ")) {
        type_name += strlen("struct ");
    } else if (g_str_has_prefix(type_name, "union ")) {
        type_name += strlen("union ");
    }
    return g_hash_table_lookup(rules->types, type_name);
}

const char *const *rules_project(const struct rules *rules, const char *key)
{
    const GPtrArray *values = g_hash_table_lookup(rules->project, key);

    return values ? (const char *const *)values->pdata : NULL;
}
