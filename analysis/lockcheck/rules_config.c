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

#define MAX_SIZE     (1u << 20)
#define MAX_ARGUMENT 64

struct config {
    struct rules *rules;
    GKeyFile *file;
    const char *name; /* of the file */
    const char *text;
    gsize length;
    GHashTable *lines; /* see index_lines */
    const char *group; /* being read */
    char *message;     /* the first error */
};

struct word {
    const char *word;
    int value;
};

static const struct word kinds[] = {
    {"acquire", RULE_ACQUIRE},
    {"try-acquire", RULE_TRY_ACQUIRE},
    {"release", RULE_RELEASE},
    {"init", RULE_INIT},
    {"destroy", RULE_DESTROY},
    {"wait", RULE_WAIT},
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

static const struct word modes[] = {
    {"exclusive", RULE_EXCLUSIVE}, {"shared", RULE_SHARED}, {"any", RULE_ANY}, {NULL, 0}};
static const struct word results[] = {
    {"zero", RESULT_ZERO}, {"nonzero", RESULT_NONZERO}, {NULL, 0}};
static const struct word recursions[] = {{"plain", LOCK_PLAIN},
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

/* One line of the text: trimmed at both ends. Returns where the next starts. */
static gsize next_line(const struct config *c, gsize at, const char **line, gsize *length)
{
    const char *start = c->text + at;
    const char *end = memchr(start, '\n', c->length - at);
    gsize size = end ? (gsize)(end - start) : c->length - at;
    gsize next = at + size + (end != NULL);

    while (size > 0 && g_ascii_isspace(start[size - 1])) {
        size--;
    }
    while (size > 0 && g_ascii_isspace(*start)) {
        start++;
        size--;
    }
    *line = start;
    *length = size;
    return next;
}

/* Notes on which line each heading ("group") and key ("group\nkey") stands; of
 * several the last, which is the one that counts. */
static void index_lines(struct config *c)
{
    char *group = g_strdup("");
    unsigned number = 0;
    const char *line;
    gsize length;

    for (gsize at = 0; at < c->length;) {
        const char *equals;

        at = next_line(c, at, &line, &length);
        number++;
        if (length > 1 && line[0] == '[' && line[length - 1] == ']') {
            g_free(group);
            group = g_strndup(line + 1, length - 2);
            g_hash_table_replace(c->lines, g_strdup(group), GUINT_TO_POINTER(number));
        } else if (length > 0 && line[0] != '#' && (equals = memchr(line, '=', length))) {
            char *key = g_strchomp(g_strndup(line, (gsize)(equals - line)));

            g_hash_table_replace(c->lines, g_strconcat(group, "\n", key, NULL),
                                 GUINT_TO_POINTER(number));
            g_free(key);
        }
    }
    g_free(group);
}

/* Of a key of the group, or without a key of the group's heading. */
static unsigned line_of(const struct config *c, const char *group, const char *key)
{
    char *name = key ? g_strconcat(group, "\n", key, NULL) : g_strdup(group);
    gpointer line = g_hash_table_lookup(c->lines, name);

    g_free(name);
    return line ? GPOINTER_TO_UINT(line) : 1;
}

/* The line that is neither a comment nor a heading nor "key = value". */
static unsigned line_of_nonsense(const struct config *c)
{
    unsigned number = 0;
    bool inside = false;
    const char *line;
    gsize length;

    for (gsize at = 0; at < c->length;) {
        at = next_line(c, at, &line, &length);
        number++;
        if (length == 0 || line[0] == '#') {
            continue;
        }
        if (line[0] == '[' && line[length - 1] == ']') {
            inside = true;
        } else if (!inside || line[0] == '=' || !memchr(line, '=', length)) {
            return number;
        }
    }
    return number;
}

static void fail(struct config *c, const char *key, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void fail(struct config *c, const char *key, const char *format, ...)
{
    if (!c->message) {
        va_list args;
        char *text;

        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
        c->message = g_strdup_printf("%s:%u: %s", c->name, line_of(c, c->group, key), text);
        g_free(text);
    }
}

static bool has(const struct config *c, const char *key)
{
    return g_key_file_has_key(c->file, c->group, key, NULL);
}

/* NULL, without an error, if the key is not there. To be freed. */
static char *get_text(struct config *c, const char *key)
{
    GError *error = NULL;
    char *value;

    if (!has(c, key)) {
        return NULL;
    }
    value = g_key_file_get_string(c->file, c->group, key, &error);
    if (error) {
        fail(c, key, "%s: not a valid string", key);
        g_clear_error(&error);
    } else if (*g_strstrip(value) == '\0') {
        fail(c, key, "%s has no value", key);
    }
    return value;
}

static char **get_list(struct config *c, const char *key)
{
    char **list = NULL;

    if (has(c, key)) {
        list = g_key_file_get_string_list(c->file, c->group, key, NULL, NULL);
        if (!list || !list[0]) {
            fail(c, key, "%s has no value", key);
        }
        for (gsize i = 0; list && list[i]; i++) {
            g_strstrip(list[i]);
        }
    }
    return list;
}

static bool get_flag(struct config *c, const char *key)
{
    char *value = get_text(c, key);
    bool on = value && strcmp(value, "true") == 0;

    if (value && !on && strcmp(value, "false") != 0) {
        fail(c, key, "%s is true or false, not \"%s\"", key, value);
    }
    g_free(value);
    return on;
}

static int find_word(struct config *c, const char *key, const struct word *words, const char *value)
{
    GString *known;

    for (const struct word *w = words; w->word; w++) {
        if (strcmp(w->word, value) == 0) {
            return w->value;
        }
    }
    known = g_string_new(NULL);
    for (const struct word *w = words; w->word; w++) {
        g_string_append_printf(known, "%s%s", known->len ? ", " : "", w->word);
    }
    fail(c, key, "%s: \"%s\" is none of %s", key, value, known->str);
    g_string_free(known, TRUE);
    return words[0].value;
}

static int get_word(struct config *c, const char *key, const struct word *words, int otherwise)
{
    char *value = get_text(c, key);
    int result = value ? find_word(c, key, words, value) : otherwise;

    g_free(value);
    return result;
}

/* From 1 in the file, from 0 for us. */
static int get_argument(struct config *c, const char *key, int otherwise)
{
    char *value = get_text(c, key);
    gint64 number = otherwise + 1;

    if (value) {
        char *end;

        number = g_ascii_strtoll(value, &end, 10);
        if (*end != '\0' || number < 1 || number > MAX_ARGUMENT) {
            fail(c, key, "%s is the number of an argument, 1 to %d, not \"%s\"", key, MAX_ARGUMENT,
                 value);
            number = 1;
        }
    }
    g_free(value);
    return (int)number - 1;
}

static const char *get_interned(struct config *c, const char *key)
{
    char *value = get_text(c, key);
    const char *interned = g_intern_string(value);

    g_free(value);
    return interned;
}

static void check_keys(struct config *c, const char *const *words, const struct note_key *notes)
{
    char **keys = g_key_file_get_keys(c->file, c->group, NULL, NULL);

    for (gsize i = 0; keys && keys[i]; i++) {
        bool known = words && g_strv_contains(words, keys[i]);

        for (const struct note_key *n = notes; n && n->key && !known; n++) {
            known = strcmp(n->key, keys[i]) == 0;
        }
        if (!known) {
            fail(c, keys[i], "[%s] has no key \"%s\"", c->group, keys[i]);
        }
    }
    g_strfreev(keys);
}

static void add_note(struct config *c, const char *key, const char *name, const char *kind,
                     const char *arguments)
{
    char *origin = g_strdup_printf("%s:%u", c->name, line_of(c, c->group, key));
    char *annotation = arguments ? g_strdup_printf("lockcheck:%s:%s", kind, arguments)
                                 : g_strdup_printf("lockcheck:%s", kind);

    rules_add_note(c->rules, name, annotation, origin);
    g_free(annotation);
    g_free(origin);
}

static void read_notes(struct config *c, const char *name, const struct note_key *notes)
{
    for (const struct note_key *n = notes; n->key; n++) {
        if (!has(c, n->key)) {
            continue;
        }
        if (n->form == NOTE_FLAG) {
            if (get_flag(c, n->key)) {
                add_note(c, n->key, name, n->annotation, NULL);
            }
        } else if (n->form == NOTE_TEXT) {
            char *text = get_text(c, n->key);

            add_note(c, n->key, name, n->annotation, text ? text : "");
            g_free(text);
        } else {
            char **list = get_list(c, n->key);
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
    char **list = get_list(c, "kind");

    check_keys(c, words, function_notes);
    rule.mode = (enum rule_mode)get_word(c, "mode", modes, RULE_EXCLUSIVE);
    rule.success = (enum rule_result)get_word(c, "success", results, RESULT_ZERO);
    rule.capability = get_interned(c, "capability");
    rule.lock = get_argument(c, "lock", rule.capability ? -1 : 0);
    rule.callback = get_argument(c, "callback", -1);
    rule.data = get_argument(c, "data", -1);
    rule.role = get_interned(c, "role");
    rule.nonblocking = get_flag(c, "nonblocking");
    if (list) {
        rules_forget(c->rules, rule.function);
    }
    for (gsize i = 0; list && list[i]; i++) {
        rule.kind = (enum rule_kind)find_word(c, "kind", kinds, list[i]);
        if (kind_calls_back(rule.kind) && rule.callback < 0) {
            fail(c, "kind", "%s needs callback, the number of the argument that is called",
                 list[i]);
        }
        rules_add(c->rules, &rule);
    }
    for (gsize i = 0; !list && words[i]; i++) {
        if (has(c, words[i])) {
            fail(c, words[i], "%s means nothing without kind", words[i]);
        }
    }
    read_notes(c, name, function_notes);
    g_strfreev(list);
}

static void read_wrapper(struct config *c, const char *name)
{
    static const char *const words[] = {"like", "lock", "callback", "data", "role", NULL};
    char *like = get_text(c, "like");
    const struct rule *const *rules = like ? rules_of(c->rules, like) : NULL;
    GArray *copies = g_array_new(FALSE, FALSE, sizeof(struct rule));

    check_keys(c, words, NULL);
    if (!rules || !rules[0]) {
        fail(c, like ? "like" : NULL, "like has to name a function that is known; \"%s\" is not",
             like ? like : "");
    }
    for (; rules && *rules; rules++) {
        struct rule rule = **rules;

        rule.function = g_intern_string(name);
        rule.lock = get_argument(c, "lock", rule.lock);
        rule.callback = get_argument(c, "callback", rule.callback);
        rule.data = get_argument(c, "data", rule.data);
        rule.role = has(c, "role") ? get_interned(c, "role") : rule.role;
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
    type.recursion = (enum lock_recursion)get_word(c, "recursion", recursions, LOCK_PLAIN);
    type.nonblocking = get_flag(c, "nonblocking");
    rules_add_type(c->rules, &type);
}

static void read_role(struct config *c, const char *name)
{
    static const char *const words[] = {"entry", "only", NULL};
    static const char *const annotations[] = {"thread_entry", "role"};

    check_keys(c, words, NULL);
    for (gsize w = 0; words[w]; w++) {
        char **list = get_list(c, words[w]);

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
        char **list = get_list(c, words[w]);
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
    const char *space = strchr(c->group, ' ');
    char *kind = space ? g_strndup(c->group, (gsize)(space - c->group)) : g_strdup(c->group);
    char *name = g_strstrip(g_strdup(space ? space : ""));
    bool known = false;

    if (strcmp(c->group, "project") == 0) {
        read_project(c);
        known = true;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(groups) && !known; i++) {
        if (strcmp(kind, groups[i].kind) != 0) {
            continue;
        }
        known = true;
        if (*name == '\0') {
            fail(c, NULL, "[%s] needs a name: [%s NAME]", kind, kind);
        } else if (groups[i].read) {
            groups[i].read(c, name);
        } else {
            check_keys(c, NULL, groups[i].notes);
            read_notes(c, name, groups[i].notes);
        }
    }
    if (!known) {
        fail(c, NULL,
             "no group is called [%s]; there are [project], [function NAME], [wrapper NAME], "
             "[lock-type NAME], [class NAME], [data NAME] and [role NAME]",
             c->group);
    }
    g_free(name);
    g_free(kind);
}

int rules_parse(struct rules *rules, const char *name, const char *text, gsize length,
                char **message)
{
    struct config c = {.rules = rules, .name = name, .text = text, .length = length};
    GError *error = NULL;
    char **groups;

    *message = NULL;
    c.file = g_key_file_new();
    c.lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (length > MAX_SIZE) {
        c.message = g_strdup_printf("%s:1: larger than %u MiB", name, MAX_SIZE >> 20);
    } else if (length > 0 && memchr(text, '\0', length)) {
        c.message = g_strdup_printf("%s:1: not a text file", name);
    } else if (length > 0 &&
               !g_key_file_load_from_data(c.file, text, length, G_KEY_FILE_NONE, &error)) {
        c.message = g_strdup_printf("%s:%u: %s", name, line_of_nonsense(&c), error->message);
        g_clear_error(&error);
    }
    if (!c.message) {
        index_lines(&c);
    }
    groups = g_key_file_get_groups(c.file, NULL);
    for (gsize i = 0; groups[i] && !c.message; i++) {
        c.group = groups[i];
        read_group(&c);
    }
    g_strfreev(groups);
    g_hash_table_unref(c.lines);
    g_key_file_unref(c.file);
    *message = c.message;
    return c.message ? -EINVAL : 0;
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
