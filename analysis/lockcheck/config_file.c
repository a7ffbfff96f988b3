/* Values of a configuration file. Whatever is wrong with one, something usable
 * comes back and the first mistake is kept with its line, so that readers need
 * not look at errors between two keys. */
#include "config_file.h"

#include <string.h>

#include "ir.h"

#define MAX_SIZE     (1u << 20)
#define MAX_ARGUMENT 64

/* One line of the text: trimmed at both ends. Returns where the next starts. */
static gsize next_line(const struct config_file *c, gsize at, const char **line, gsize *length)
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
static void index_lines(struct config_file *c)
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
unsigned config_line(const struct config_file *c, const char *group, const char *key)
{
    char *name = key ? g_strconcat(group, "\n", key, NULL) : g_strdup(group);
    gpointer line = g_hash_table_lookup(c->lines, name);

    g_free(name);
    return line ? GPOINTER_TO_UINT(line) : 1;
}

/* The line that is neither a comment nor a heading nor "key = value". */
static unsigned line_of_nonsense(const struct config_file *c)
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

void config_fail(struct config_file *c, const char *key, const char *format, ...)
{
    if (!c->message) {
        va_list args;
        char *text;

        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
        c->message = g_strdup_printf("%s:%u: %s", c->name, config_line(c, c->group, key), text);
        g_free(text);
    }
}

bool config_has(const struct config_file *c, const char *key)
{
    return g_key_file_has_key(c->file, c->group, key, NULL);
}

/* NULL, without an error, if the key is not there. To be freed. */
char *config_text(struct config_file *c, const char *key)
{
    GError *error = NULL;
    char *value;

    if (!config_has(c, key)) {
        return NULL;
    }
    value = g_key_file_get_string(c->file, c->group, key, &error);
    if (error) {
        config_fail(c, key, "%s: not a valid string", key);
        g_clear_error(&error);
    } else if (*g_strstrip(value) == '\0') {
        config_fail(c, key, "%s has no value", key);
    }
    return value;
}

char **config_list(struct config_file *c, const char *key)
{
    char **list = NULL;

    if (config_has(c, key)) {
        list = g_key_file_get_string_list(c->file, c->group, key, NULL, NULL);
        if (!list || !list[0]) {
            config_fail(c, key, "%s has no value", key);
        }
        for (gsize i = 0; list && list[i]; i++) {
            g_strstrip(list[i]);
        }
    }
    return list;
}

bool config_flag(struct config_file *c, const char *key)
{
    char *value = config_text(c, key);
    bool on = value && strcmp(value, "true") == 0;

    if (value && !on && strcmp(value, "false") != 0) {
        config_fail(c, key, "%s is true or false, not \"%s\"", key, value);
    }
    g_free(value);
    return on;
}

int config_find_word(struct config_file *c, const char *key, const struct config_word *words,
                     const char *value)
{
    GString *known;

    for (const struct config_word *w = words; w->word; w++) {
        if (strcmp(w->word, value) == 0) {
            return w->value;
        }
    }
    known = g_string_new(NULL);
    for (const struct config_word *w = words; w->word; w++) {
        g_string_append_printf(known, "%s%s", known->len ? ", " : "", w->word);
    }
    config_fail(c, key, "%s: \"%s\" is none of %s", key, value, known->str);
    g_string_free(known, TRUE);
    return words[0].value;
}

int config_word(struct config_file *c, const char *key, const struct config_word *words,
                int otherwise)
{
    char *value = config_text(c, key);
    int result = value ? config_find_word(c, key, words, value) : otherwise;

    g_free(value);
    return result;
}

/* From 1 in the file, from 0 for us. */
int config_argument(struct config_file *c, const char *key, int otherwise)
{
    char *value = config_text(c, key);
    gint64 number = otherwise + 1;

    if (value) {
        char *end;

        number = g_ascii_strtoll(value, &end, 10);
        if (*end != '\0' || number < 1 || number > MAX_ARGUMENT) {
            config_fail(c, key, "%s is the number of an argument, 1 to %d, not \"%s\"", key,
                        MAX_ARGUMENT, value);
            number = 1;
        }
    }
    g_free(value);
    return (int)number - 1;
}

const char *config_interned(struct config_file *c, const char *key)
{
    char *value = config_text(c, key);
    const char *interned = g_intern_string(value);

    g_free(value);
    return interned;
}

bool config_open(struct config_file *c, const char *name, const char *text, gsize length)
{
    GError *error = NULL;

    *c = (struct config_file){.name = name, .text = text, .length = length};
    c->file = g_key_file_new();
    c->lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (length > MAX_SIZE) {
        c->message = g_strdup_printf("%s:1: larger than %u MiB", name, MAX_SIZE >> 20);
    } else if (length > 0 && memchr(text, '\0', length)) {
        c->message = g_strdup_printf("%s:1: not a text file", name);
    } else if (length > 0 &&
               !g_key_file_load_from_data(c->file, text, length, G_KEY_FILE_NONE, &error)) {
        c->message = g_strdup_printf("%s:%u: %s", name, line_of_nonsense(c), error->message);
        g_clear_error(&error);
    } else {
        index_lines(c);
    }
    return !c->message;
}

void config_close(struct config_file *c)
{
    g_hash_table_unref(c->lines);
    g_key_file_unref(c->file);
}
