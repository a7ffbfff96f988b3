/* The configuration file, in the form of desktop files (GKeyFile):
 *
 *     [project]               exclude, suppressions, disable, enable: lists
 *     [function NAME]         kind, lock, mode, success, capability, callback,
 *                             data, role, nonblocking; requires, requires-shared,
 *                             acquires, acquires-shared, releases, excludes,
 *                             blocking-ok, no-analysis
 *     [wrapper NAME]          like = FUNCTION, and what of lock, callback, data,
 *                             role differs from it
 *     [lock-type NAME]        recursion, nonblocking
 *     [class NAME]            nonblocking, keyed, after, before
 *     [data NAME]             guarded-by, pt-guarded-by, owned-by, immutable, rcu
 *     [role NAME]             entry, only: functions
 *
 * Arguments are numbered from 1, as in the compiler's attributes. What is not
 * known is an error with its line: a misspelt key must not silently check
 * nothing. Nothing of a file with an error is to be relied on. */
#include "rules_table.h"

#include <errno.h>
#include <string.h>

#include "config_file.h"

struct config {
    struct config_file f;
    struct rules *rules;
};

static const struct config_word kinds[] = {
    {"acquire", RULE_ACQUIRE},
    {"try-acquire", RULE_TRY_ACQUIRE},
    {"release", RULE_RELEASE},
    {"init", RULE_INIT},
    {"destroy", RULE_DESTROY},
    {"wait", RULE_WAIT},
    {"signal", RULE_SIGNAL},
    {"rcu-read-lock", RULE_RCU_READ_LOCK},
    {"rcu-read-unlock", RULE_RCU_READ_UNLOCK},
    {"rcu-synchronize", RULE_RCU_SYNCHRONIZE},
    {"rcu-dereference", RULE_RCU_DEREFERENCE},
    {"rcu-assign", RULE_RCU_ASSIGN},
    {"rcu-call", RULE_RCU_CALL},
    {"rcu-barrier", RULE_RCU_BARRIER},
    {"thread-create", RULE_THREAD_CREATE},
    {"thread-join", RULE_THREAD_JOIN},
    {"callback", RULE_CALLBACK},
    {"callback-later", RULE_CALLBACK_LATER},
    {"block", RULE_BLOCK},
    {"free", RULE_FREE},
    {"noreturn", RULE_NORETURN},
    {NULL, 0},
};

static const struct config_word modes[] = {
    {"exclusive", RULE_EXCLUSIVE}, {"shared", RULE_SHARED}, {"any", RULE_ANY}, {NULL, 0}};
static const struct config_word results[] = {
    {"zero", RESULT_ZERO}, {"nonzero", RESULT_NONZERO}, {NULL, 0}};
static const struct config_word recursions[] = {{"plain", LOCK_PLAIN},
                                                {"recursive", LOCK_RECURSIVE},
                                                {"read-recursive", LOCK_READ_RECURSIVE},
                                                {NULL, 0}};

/* Keys that become annotations. */
enum note_form { NOTE_FLAG, NOTE_TEXT, NOTE_LIST };
struct note_key {
    const char *key;
    const char *annotation;
    enum note_form form;
};

static const struct note_key function_notes[] = {
    {"requires", "requires", NOTE_LIST},
    {"requires-shared", "requires_shared", NOTE_LIST},
    {"acquires", "acquire", NOTE_LIST},
    {"acquires-shared", "acquire_shared", NOTE_LIST},
    {"releases", "release", NOTE_LIST},
    {"excludes", "excludes", NOTE_LIST},
    {"blocking-ok", "blocking_ok", NOTE_TEXT},
    {"no-analysis", "no_analysis", NOTE_FLAG},
    {NULL, NULL, NOTE_FLAG},
};

static const struct note_key class_notes[] = {
    {"nonblocking", "nonblocking", NOTE_FLAG},
    {"keyed", "keyed", NOTE_TEXT},
    {"after", "acquired_after", NOTE_LIST},
    {"before", "acquired_before", NOTE_LIST},
    {NULL, NULL, NOTE_FLAG},
};

static const struct note_key data_notes[] = {
    {"guarded-by", "guarded_by", NOTE_TEXT},
    {"pt-guarded-by", "pt_guarded_by", NOTE_TEXT},
    {"owned-by", "owned_by", NOTE_TEXT},
    {"immutable", "immutable", NOTE_FLAG},
    {"rcu", "rcu", NOTE_FLAG},
    {NULL, NULL, NOTE_FLAG},
};

static void check_keys(struct config *c, const char *const *words, const struct note_key *notes)
{
    char **keys = g_key_file_get_keys(c->f.file, c->f.group, NULL, NULL);

    for (gsize i = 0; keys && keys[i]; i++) {
        bool known = words && g_strv_contains(words, keys[i]);

        for (const struct note_key *n = notes; n && n->key && !known; n++) {
            known = strcmp(n->key, keys[i]) == 0;
        }
        if (!known) {
            config_fail(&c->f, keys[i], "[%s] has no key \"%s\"", c->f.group, keys[i]);
        }
    }
    g_strfreev(keys);
}

static void add_note(struct config *c, const char *key, const char *name, const char *kind,
                     const char *arguments)
{
    char *origin = g_strdup_printf("%s:%u", c->f.name, config_line(&c->f, c->f.group, key));
    char *annotation = arguments ? g_strdup_printf("lockcheck:%s:%s", kind, arguments)
                                 : g_strdup_printf("lockcheck:%s", kind);

    rules_add_note(c->rules, name, annotation, origin);
    g_free(annotation);
    g_free(origin);
}

static void read_notes(struct config *c, const char *name, const struct note_key *notes)
{
    for (const struct note_key *n = notes; n->key; n++) {
        if (!config_has(&c->f, n->key)) {
            continue;
        }
        if (n->form == NOTE_FLAG) {
            if (config_flag(&c->f, n->key)) {
                add_note(c, n->key, name, n->annotation, NULL);
            }
        } else if (n->form == NOTE_TEXT) {
            char *text = config_text(&c->f, n->key);

            add_note(c, n->key, name, n->annotation, text ? text : "");
            g_free(text);
        } else {
            char **list = config_list(&c->f, n->key);
            char *joined = list ? g_strjoinv(", ", list) : g_strdup("");

            add_note(c, n->key, name, n->annotation, joined);
            g_free(joined);
            g_strfreev(list);
        }
    }
}

static bool kind_calls_back(enum rule_kind kind)
{
    return kind == RULE_CALLBACK || kind == RULE_CALLBACK_LATER || kind == RULE_THREAD_CREATE ||
           kind == RULE_RCU_CALL;
}

static void read_function(struct config *c, const char *name)
{
    static const char *const words[] = {"kind",     "lock", "mode", "success",     "capability",
                                        "callback", "data", "role", "nonblocking", NULL};
    struct rule rule = {.function = g_intern_string(name), .data = -1};
    char **list = config_list(&c->f, "kind");

    check_keys(c, words, function_notes);
    rule.mode = (enum rule_mode)config_word(&c->f, "mode", modes, RULE_EXCLUSIVE);
    rule.success = (enum rule_result)config_word(&c->f, "success", results, RESULT_ZERO);
    rule.capability = config_interned(&c->f, "capability");
    rule.lock = config_argument(&c->f, "lock", rule.capability ? -1 : 0);
    rule.callback = config_argument(&c->f, "callback", -1);
    rule.data = config_argument(&c->f, "data", -1);
    rule.role = config_interned(&c->f, "role");
    rule.nonblocking = config_flag(&c->f, "nonblocking");
    if (list) {
        rules_forget(c->rules, rule.function);
    }
    for (gsize i = 0; list && list[i]; i++) {
        rule.kind = (enum rule_kind)config_find_word(&c->f, "kind", kinds, list[i]);
        if (kind_calls_back(rule.kind) && rule.callback < 0) {
            config_fail(&c->f, "kind",
                        "%s needs callback, the number of the argument that is called", list[i]);
        }
        rules_add(c->rules, &rule);
    }
    for (gsize i = 0; !list && words[i]; i++) {
        if (config_has(&c->f, words[i])) {
            config_fail(&c->f, words[i], "%s means nothing without kind", words[i]);
        }
    }
    read_notes(c, name, function_notes);
    g_strfreev(list);
}

static void read_wrapper(struct config *c, const char *name)
{
    static const char *const words[] = {"like", "lock", "callback", "data", "role", NULL};
    char *like = config_text(&c->f, "like");
    const struct rule *const *rules = like ? rules_of(c->rules, like) : NULL;
    GArray *copies = g_array_new(FALSE, FALSE, sizeof(struct rule));

    check_keys(c, words, NULL);
    if (!rules || !rules[0]) {
        config_fail(&c->f, like ? "like" : NULL,
                    "like has to name a function that is known; \"%s\" is not", like ? like : "");
    }
    for (; rules && *rules; rules++) {
        struct rule rule = **rules;

        rule.function = g_intern_string(name);
        rule.lock = config_argument(&c->f, "lock", rule.lock);
        rule.callback = config_argument(&c->f, "callback", rule.callback);
        rule.data = config_argument(&c->f, "data", rule.data);
        rule.role = config_has(&c->f, "role") ? config_interned(&c->f, "role") : rule.role;
        g_array_append_val(copies, rule);
    }
    rules_forget(c->rules, name);
    for (guint i = 0; i < copies->len; i++) {
        rules_add(c->rules, &g_array_index(copies, struct rule, i));
    }
    g_array_unref(copies);
    g_free(like);
}

static void read_lock_type(struct config *c, const char *name)
{
    static const char *const words[] = {"recursion", "nonblocking", NULL};
    struct lock_type type = {0};

    check_keys(c, words, NULL);
    if (g_str_has_prefix(name, "struct ")) {
        name += strlen("struct ");
    }
    type.type = g_intern_string(name);
    type.recursion = (enum lock_recursion)config_word(&c->f, "recursion", recursions, LOCK_PLAIN);
    type.nonblocking = config_flag(&c->f, "nonblocking");
    rules_add_type(c->rules, &type);
}

static void read_role(struct config *c, const char *name)
{
    static const char *const words[] = {"entry", "only", NULL};
    static const char *const annotations[] = {"thread_entry", "role"};

    check_keys(c, words, NULL);
    for (gsize w = 0; words[w]; w++) {
        char **list = config_list(&c->f, words[w]);

        for (gsize i = 0; list && list[i]; i++) {
            add_note(c, words[w], list[i], annotations[w], name);
        }
        g_strfreev(list);
    }
}

static void read_project(struct config *c)
{
    static const char *const words[] = {"exclude", "suppressions", "disable", "enable", NULL};

    check_keys(c, words, NULL);
    for (gsize w = 0; words[w]; w++) {
        char **list = config_list(&c->f, words[w]);
        GPtrArray *values;

        if (!list) {
            continue;
        }
        values = g_ptr_array_new();
        for (gsize i = 0; list[i]; i++) {
            g_ptr_array_add(values, (gpointer)(uintptr_t)g_intern_string(list[i]));
        }
        g_ptr_array_add(values, NULL);
        g_hash_table_replace(c->rules->project, g_strdup(words[w]), values);
        g_strfreev(list);
    }
}

static void read_group(struct config *c)
{
    static const struct {
        const char *kind;
        void (*read)(struct config *c, const char *name);
        const struct note_key *notes; /* instead of read */
    } groups[] = {
        {"function", read_function, NULL},   {"wrapper", read_wrapper, NULL},
        {"lock-type", read_lock_type, NULL}, {"class", NULL, class_notes},
        {"data", NULL, data_notes},          {"role", read_role, NULL},
    };
    const char *space = strchr(c->f.group, ' ');
    char *kind = space ? g_strndup(c->f.group, (gsize)(space - c->f.group)) : g_strdup(c->f.group);
    char *name = g_strstrip(g_strdup(space ? space : ""));
    bool known = false;

    if (strcmp(c->f.group, "project") == 0) {
        read_project(c);
        known = true;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(groups) && !known; i++) {
        if (strcmp(kind, groups[i].kind) != 0) {
            continue;
        }
        known = true;
        if (*name == '\0') {
            config_fail(&c->f, NULL, "[%s] needs a name: [%s NAME]", kind, kind);
        } else if (groups[i].read) {
            groups[i].read(c, name);
        } else {
            check_keys(c, NULL, groups[i].notes);
            read_notes(c, name, groups[i].notes);
        }
    }
    if (!known) {
        config_fail(
            &c->f, NULL,
            "no group is called [%s]; there are [project], [function NAME], [wrapper NAME], "
            "[lock-type NAME], [class NAME], [data NAME] and [role NAME]",
            c->f.group);
    }
    g_free(name);
    g_free(kind);
}

int rules_parse(struct rules *rules, const char *name, const char *text, gsize length,
                char **message)
{
    struct config c = {.rules = rules};
    char **groups;

    (void)config_open(&c.f, name, text, length);
    groups = g_key_file_get_groups(c.f.file, NULL);
    for (gsize i = 0; groups[i] && !c.f.message; i++) {
        c.f.group = groups[i];
        read_group(&c);
    }
    g_strfreev(groups);
    config_close(&c.f);
    *message = c.f.message;
    return c.f.message ? -EINVAL : 0;
}

int rules_load(struct rules *rules, const char *path, char **message)
{
    GError *error = NULL;
    char *text;
    gsize length;
    int result;

    if (!g_file_get_contents(path, &text, &length, &error)) {
        *message = g_strdup_printf("%s", error->message);
        g_clear_error(&error);
        return -EINVAL;
    }
    result = rules_parse(rules, path, text, length, message);
    g_free(text);
    return result;
}
