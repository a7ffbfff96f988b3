/* Reads a compilation database. What comes out is complete and usable: every
 * command has an absolute file and directory and at least a compiler and the
 * file among its arguments; a file occurs once. The input is a file that
 * anything may have written: each entry is looked at member by member, and the
 * first that does not fit ends it with a line saying which. */
#include "compile_db.h"

#include <errno.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <string.h>

#include "glob.h"

#define MAX_SIZE (256u << 20)

static void command_free(gpointer data)
{
    struct compile_command *command = data;

    g_free(command->file);
    g_free(command->directory);
    g_ptr_array_unref(command->arguments);
    g_free(command);
}

static struct compile_db *db_new(void)
{
    struct compile_db *db = g_new0(struct compile_db, 1);

    db->commands = g_ptr_array_new_with_free_func(command_free);
    db->other_languages = g_ptr_array_new_with_free_func(g_free);
    return db;
}

void compile_db_free(struct compile_db *db)
{
    if (db) {
        g_ptr_array_unref(db->commands);
        g_ptr_array_unref(db->other_languages);
        g_free(db);
    }
}

/* Splits a command as a shell would that has only quotes and backslashes.
 * NULL if a quote has no end. */
static GPtrArray *split_command(const char *command)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
    GString *word = g_string_new(NULL);
    bool inside = false;
    char quote = '\0';

    for (const char *p = command; *p; p++) {
        if (quote == '\'' ? *p == '\'' : quote == '"' && *p == '"') {
            quote = '\0';
        } else if (*p == '\\' && quote != '\'' && p[1]) {
            if (quote == '"' && p[1] != '"' && p[1] != '\\') {
                g_string_append_c(word, *p);
            }
            g_string_append_c(word, *++p);
            inside = true;
        } else if (!quote && (*p == '\'' || *p == '"')) {
            quote = *p;
            inside = true;
        } else if (!quote && g_ascii_isspace(*p)) {
            if (inside) {
                g_ptr_array_add(out, g_strdup(word->str));
            }
            g_string_truncate(word, 0);
            inside = false;
        } else {
            g_string_append_c(word, *p);
            inside = true;
        }
    }
    if (inside) {
        g_ptr_array_add(out, g_strdup(word->str));
    }
    g_string_free(word, TRUE);
    if (quote) {
        g_ptr_array_unref(out);
        return NULL;
    }
    return out;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* "ccache gcc ..." is gcc's command. */
static void drop_launcher(GPtrArray *arguments)
{
    static const char *const launchers[] = {"ccache", "distcc",     "sccache",
                                            "icecc",  "buildcache", NULL};

    while (arguments->len > 2 && g_strv_contains(launchers, base_name(arguments->pdata[0]))) {
        g_ptr_array_remove_index(arguments, 0);
    }
}

/* C by -x, by the compiler's name (g++, clang++-19) or by the file's name. */
static bool is_c(const char *file, const GPtrArray *arguments)
{
    const char *compiler = base_name(arguments->pdata[0]);
    const char *dot = strrchr(base_name(file), '.');

    for (guint i = 1; i < arguments->len; i++) {
        const char *argument = arguments->pdata[i];

        if (g_str_has_prefix(argument, "-x")) {
            const char *language = argument[2]              ? argument + 2
                                   : i + 1 < arguments->len ? arguments->pdata[i + 1]
                                                            : "";

            return strcmp(language, "c") == 0;
        }
    }
    return !strstr(compiler, "++") && dot && (strcmp(dot, ".c") == 0 || strcmp(dot, ".i") == 0);
}

/* Takes the arguments over. */
static void add_command(struct compile_db *db, GHashTable *seen, const char *file,
                        const char *directory, GPtrArray *arguments)
{
    struct compile_command *command;
    char *path = g_canonicalize_filename(file, directory);

    drop_launcher(arguments);
    if (!is_c(path, arguments)) {
        g_ptr_array_add(db->other_languages, g_steal_pointer(&path));
    } else if (g_hash_table_contains(seen, path)) {
        db->duplicates++;
    } else {
        command = g_new0(struct compile_command, 1);
        command->file = path;
        command->directory = g_strdup(directory);
        command->arguments = g_ptr_array_ref(arguments);
        g_ptr_array_add(arguments, NULL);
        g_ptr_array_add(db->commands, command);
        g_hash_table_add(seen, path);
        path = NULL;
    }
    g_free(path);
    g_ptr_array_unref(arguments);
}

static const char *string_member(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
               ? json_node_get_string(node)
               : NULL;
}

/* NULL if there is neither "arguments" nor "command", or they make no sense. */
static GPtrArray *arguments_of(JsonObject *object)
{
    JsonNode *node = json_object_get_member(object, "arguments");
    GPtrArray *out;
    JsonArray *array;

    if (!node) {
        const char *command = string_member(object, "command");

        return command ? split_command(command) : NULL;
    }
    if (!JSON_NODE_HOLDS_ARRAY(node)) {
        return NULL;
    }
    array = json_node_get_array(node);
    out = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonNode *element = json_array_get_element(array, i);

        if (!JSON_NODE_HOLDS_VALUE(element) || json_node_get_value_type(element) != G_TYPE_STRING) {
            g_ptr_array_unref(out);
            return NULL;
        }
        g_ptr_array_add(out, g_strdup(json_node_get_string(element)));
    }
    return out;
}

/* What is wrong with the entry, or NULL after adding it. */
static const char *add_entry(struct compile_db *db, GHashTable *seen, JsonNode *node,
                             const char *base)
{
    JsonObject *object;
    const char *file, *directory;
    GPtrArray *arguments;
    char *absolute;

    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        return "is not an object";
    }
    object = json_node_get_object(node);
    file = string_member(object, "file");
    directory = string_member(object, "directory");
    if (!file || !*file) {
        return "has no \"file\"";
    }
    if (!directory) {
        return "has no \"directory\"";
    }
    arguments = arguments_of(object);
    if (!arguments) {
        return "has neither \"arguments\" nor \"command\" that make sense";
    }
    if (arguments->len == 0) {
        g_ptr_array_unref(arguments);
        return "has an empty command";
    }
    absolute = g_canonicalize_filename(directory, base);
    add_command(db, seen, file, absolute, arguments);
    g_free(absolute);
    return NULL;
}

/* json-glib's parser calls itself for each level. */
static bool too_deep(const char *text, gsize length)
{
    unsigned depth = 0;
    bool string = false;

    for (gsize i = 0; i < length; i++) {
        if (string) {
            i += text[i] == '\\';
            string = i < length && text[i] != '"';
        } else if (text[i] == '"') {
            string = true;
        } else if (text[i] == '[' || text[i] == '{') {
            if (++depth > 64) {
                return true;
            }
        } else if ((text[i] == ']' || text[i] == '}') && depth > 0) {
            depth--;
        }
    }
    return false;
}

struct compile_db *compile_db_parse(const char *name, const char *text, gsize length,
                                    const char *base, char **message)
{
    struct compile_db *db = db_new();
    JsonParser *parser = json_parser_new();
    GHashTable *seen = g_hash_table_new(g_str_hash, g_str_equal);
    GError *error = NULL;
    JsonNode *root;

    *message = NULL;
    if (length > MAX_SIZE) {
        *message = g_strdup_printf("%s: larger than %u MiB", name, MAX_SIZE >> 20);
    } else if (!g_utf8_validate(text, (gssize)length, NULL)) {
        *message = g_strdup_printf("%s: is not UTF-8 text", name);
    } else if (too_deep(text, length)) {
        *message = g_strdup_printf("%s: is nested too deeply for a compilation database", name);
    } else if (!json_parser_load_from_data(parser, text, (gssize)length, &error)) {
        *message = g_strdup_printf("%s: not valid JSON: %s", name, error->message);
        g_clear_error(&error);
    } else if (!(root = json_parser_get_root(parser)) || !JSON_NODE_HOLDS_ARRAY(root)) {
        *message = g_strdup_printf("%s: not a compilation database: the top is not an array", name);
    } else {
        JsonArray *array = json_node_get_array(root);

        for (guint i = 0; i < json_array_get_length(array) && !*message; i++) {
            const char *wrong = add_entry(db, seen, json_array_get_element(array, i), base);

            if (wrong) {
                *message = g_strdup_printf("%s: entry %u %s", name, i + 1, wrong);
            }
        }
    }
    g_hash_table_unref(seen);
    g_object_unref(parser);
    if (*message) {
        compile_db_free(db);
        return NULL;
    }
    return db;
}

struct compile_db *compile_db_load(const char *path, char **message)
{
    struct compile_db *db = NULL;
    GError *error = NULL;
    char *file, *base, *here = g_get_current_dir(), *absolute = g_canonicalize_filename(path, here);
    char *text;
    gsize length;

    if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
        file = g_build_filename(path, "compile_commands.json", NULL);
        base = g_strdup(absolute);
    } else {
        file = g_strdup(path);
        base = g_path_get_dirname(absolute);
    }
    if (!g_file_get_contents(file, &text, &length, &error)) {
        *message = g_strdup_printf("%s: %s", file, g_strerror(ENOENT));
        if (!g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
            g_free(*message);
            *message = g_strdup(error->message);
        }
        g_clear_error(&error);
    } else {
        db = compile_db_parse(file, text, length, base, message);
        g_free(text);
    }
    g_free(absolute);
    g_free(here);
    g_free(base);
    g_free(file);
    return db;
}

struct compile_db *compile_db_fixed(const char *const *files, const char *const *arguments)
{
    struct compile_db *db = db_new();
    GHashTable *seen = g_hash_table_new(g_str_hash, g_str_equal);
    char *here = g_get_current_dir();

    for (gsize i = 0; files[i]; i++) {
        GPtrArray *command = g_ptr_array_new_with_free_func(g_free);

        g_ptr_array_add(command, g_strdup("cc"));
        for (gsize a = 0; arguments[a]; a++) {
            g_ptr_array_add(command, g_strdup(arguments[a]));
        }
        g_ptr_array_add(command, g_strdup(files[i]));
        add_command(db, seen, files[i], here, command);
    }
    g_free(here);
    g_hash_table_unref(seen);
    return db;
}

static bool is_within(const char *path, const char *directory)
{
    size_t length = strlen(directory);

    return strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == '\0' ||
                                                     (length > 0 && directory[length - 1] == '/'));
}

void compile_db_select(struct compile_db *db, const char *const *files, GPtrArray *missing)
{
    GPtrArray *kept = g_ptr_array_new_with_free_func(command_free);
    char *here = g_get_current_dir();

    for (gsize f = 0; files[f]; f++) {
        char *path = g_canonicalize_filename(files[f], here);
        bool found = false;

        for (guint i = 0; i < kept->len; i++) {
            found = found || is_within(((struct compile_command *)kept->pdata[i])->file, path);
        }
        for (guint i = 0; i < db->commands->len;) {
            struct compile_command *command = db->commands->pdata[i];

            if (is_within(command->file, path)) {
                g_ptr_array_add(kept, g_ptr_array_steal_index(db->commands, i));
                found = true;
            } else {
                i++;
            }
        }
        if (!found) {
            g_ptr_array_add(missing, g_strdup(files[f]));
        }
        g_free(path);
    }
    g_ptr_array_unref(db->commands);
    db->commands = kept;
    g_free(here);
}

void compile_db_exclude(struct compile_db *db, const char *const *patterns)
{
    for (gsize p = 0; patterns[p]; p++) {
        for (guint i = db->commands->len; i-- > 0;) {
            const struct compile_command *command = db->commands->pdata[i];

            if (glob_matches_path(patterns[p], command->file)) {
                g_ptr_array_remove_index(db->commands, i);
            }
        }
    }
}
