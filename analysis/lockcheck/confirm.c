/* Reads recorded lock orders and compares them with the static graph. A name
 * may mean several of our classes (confirm_names.c); a recorded edge is
 * predicted if any pair of them has an edge.
 *
 * Programs that record may contain code that was not analysed, tests for
 * instance. What that code did, a lock taken in one of its files or a class of
 * its own, is a note and no error. A class of the analysed program that belongs
 * to no lock is an error: then nothing was checked. */
#include "confirm.h"

#include <string.h>

#include "confirm_names.h"

struct recorded {
    const char *from, *to; /* interned */
    struct ir_loc from_loc, to_loc;
    struct ir_loc loc; /* the line of the record */
};

struct confirm {
    GPtrArray *edges;  /* of struct recorded, one per pair */
    GHashTable *pairs; /* set of the same */
    GHashTable *names; /* set of the names in them */
};

static guint recorded_hash(gconstpointer key)
{
    const struct recorded *r = key;

    return g_direct_hash(r->from) * 31u + g_direct_hash(r->to);
}

static gboolean recorded_equal(gconstpointer a, gconstpointer b)
{
    const struct recorded *x = a, *y = b;

    return x->from == y->from && x->to == y->to;
}

struct confirm *confirm_new(void)
{
    struct confirm *confirm = g_new0(struct confirm, 1);

    confirm->edges = g_ptr_array_new_with_free_func(g_free);
    confirm->pairs = g_hash_table_new(recorded_hash, recorded_equal);
    confirm->names = g_hash_table_new(NULL, NULL);
    return confirm;
}

void confirm_free(struct confirm *confirm)
{
    if (confirm) {
        g_hash_table_unref(confirm->names);
        g_hash_table_unref(confirm->pairs);
        g_ptr_array_unref(confirm->edges);
        g_free(confirm);
    }
}

guint confirm_count(const struct confirm *confirm)
{
    return confirm->edges->len;
}

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && g_ascii_isspace(*at)) {
        at++;
    }
    return at;
}

/* A name in quotes, in which a backslash takes the next character as it is. */
static const char *read_name(const char **at, const char *end)
{
    const char *p = skip_space(*at, end), *name;
    GString *text;

    if (p == end || *p != '"') {
        return NULL;
    }
    text = g_string_new(NULL);
    for (p++; p < end && *p != '"'; p++) {
        p += *p == '\\' && p + 1 < end;
        g_string_append_c(text, *p);
    }
    name = p < end && text->len > 0 ? g_intern_string(text->str) : NULL;
    *at = p < end ? p + 1 : p;
    g_string_free(text, TRUE);
    return name;
}

/* FILE:LINE; nothing if there is none. */
static struct ir_loc read_place(const char **at, const char *end)
{
    struct ir_loc loc = {NULL, 0, 0};
    const char *from = skip_space(*at, end), *p = from;
    char *word, *colon;

    while (p < end && !g_ascii_isspace(*p)) {
        p++;
    }
    word = g_strndup(from, (gsize)(p - from));
    colon = strrchr(word, ':');
    if (colon) {
        *colon = '\0';
        loc.file = g_intern_string(word);
        loc.line = (uint32_t)MIN(g_ascii_strtoull(colon + 1, NULL, 10), UINT32_MAX);
    }
    g_free(word);
    *at = p;
    return loc;
}

static bool read_edge(struct confirm *confirm, const char *at, const char *end, struct ir_loc loc)
{
    struct recorded *r = g_new0(struct recorded, 1);

    r->loc = loc;
    if (end - at < 5 || memcmp(at, "EDGE", 4) != 0) {
        g_free(r);
        return false;
    }
    at += strlen("EDGE");
    r->from = read_name(&at, end);
    r->to = r->from ? read_name(&at, end) : NULL;
    if (!r->to) {
        g_free(r);
        return false;
    }
    r->from_loc = read_place(&at, end);
    r->to_loc = read_place(&at, end);
    if (g_hash_table_contains(confirm->pairs, r)) {
        g_free(r);
        return true;
    }
    g_hash_table_add(confirm->pairs, r);
    g_ptr_array_add(confirm->edges, r);
    g_hash_table_add(confirm->names, (gpointer)(uintptr_t)r->from);
    g_hash_table_add(confirm->names, (gpointer)(uintptr_t)r->to);
    return true;
}

void confirm_parse(struct confirm *confirm, const char *name, const char *text, gsize length,
                   struct findings *findings)
{
    struct ir_loc loc = {g_intern_string(name), 0, 1};
    const char *end = text + length;

    for (const char *at = text; at < end;) {
        const char *newline = memchr(at, '\n', (gsize)(end - at));
        const char *stop = newline ? newline : end;

        loc.line++;
        at = skip_space(at, stop);
        /* The last line of a process that was killed may be cut off: no newline. */
        if (at < stop && *at != '#' && newline && !read_edge(confirm, at, stop, loc)) {
            findings_add(findings, CHECK_INPUT, SEVERITY_ERROR, loc, NULL,
                         "not a line of a lock order: EDGE \"FIRST\" \"SECOND\" is");
            return;
        }
        at = newline ? newline + 1 : end;
    }
}

static void load_file(struct confirm *confirm, const char *path, struct findings *findings)
{
    const struct ir_loc loc = {g_intern_string(path), 0, 0};
    GError *error = NULL;
    char *text;
    gsize length;

    if (!g_file_get_contents(path, &text, &length, &error)) {
        findings_add(findings, CHECK_INPUT, SEVERITY_ERROR, loc, NULL, "%s", error->message);
        g_clear_error(&error);
        return;
    }
    confirm_parse(confirm, path, text, length, findings);
    g_free(text);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void confirm_load(struct confirm *confirm, const char *path, struct findings *findings)
{
    GDir *dir = g_file_test(path, G_FILE_TEST_IS_DIR) ? g_dir_open(path, 0, NULL) : NULL;
    GPtrArray *names;
    const char *name;

    if (!dir) {
        load_file(confirm, path, findings);
        return;
    }
    names = g_ptr_array_new_with_free_func(g_free);
    while ((name = g_dir_read_name(dir))) {
        g_ptr_array_add(names, g_build_filename(path, name, NULL));
    }
    g_dir_close(dir);
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        load_file(confirm, names->pdata[i], findings);
    }
    g_ptr_array_unref(names);
}
static bool is_predicted(const struct order_graph *graph, GHashTable *from, GHashTable *to)
{
    for (guint i = 0; i < graph->edges->len; i++) {
        const struct order_edge *edge = graph->edges->pdata[i];

        if (g_hash_table_contains(from, edge->from) && g_hash_table_contains(to, edge->to)) {
            return true;
        }
    }
    return false;
}

/* A recorded path may be cut off at the front. */
static bool is_analysed(GHashTable *files, const char *place)
{
    size_t length = strlen(place);
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, files);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const char *path = key;
        size_t whole = strlen(path);

        if (whole >= length && strcmp(path + whole - length, place) == 0 &&
            (whole == length || place[0] == '/' || path[whole - length - 1] == '/')) {
            return true;
        }
    }
    return false;
}

/* Says so and returns true if the edge is of code that was not analysed. */
static bool is_foreign(const struct recorded *r, const struct confirm_names *names,
                       GHashTable *files, struct findings *findings)
{
    const char *const classes[] = {r->from, r->to};
    const char *const places[] = {r->from_loc.file, r->to_loc.file};

    for (int i = 0; i < 2; i++) {
        if (!confirm_names_classes(names, classes[i]) &&
            !confirm_names_defined(names, classes[i]) && places[i]) {
            findings_add(findings, CHECK_SOUNDNESS, SEVERITY_NOTE, r->loc, NULL,
                         "the recorded lock class \"%s\" is of code that was not analysed",
                         classes[i]);
            return true;
        }
        if (places[i] && !is_analysed(files, places[i])) {
            findings_add(findings, CHECK_SOUNDNESS, SEVERITY_NOTE, r->loc, NULL,
                         "\"%s\" was taken in %s, which was not analysed", classes[i], places[i]);
            return true;
        }
    }
    return false;
}

static GHashTable *classes_of(const struct confirm_names *names, const char *name,
                              const struct recorded *r, struct findings *findings)
{
    GHashTable *set = confirm_names_classes(names, name);

    if (!set) {
        findings_add(findings, CHECK_SOUNDNESS, SEVERITY_ERROR, r->loc, NULL,
                     "the recorded lock class \"%s\" belongs to no lock that the checker knows",
                     name);
    }
    return set;
}

void confirm_check(const struct confirm *confirm, const struct program *program,
                   const struct order_graph *graph, GHashTable *files, struct findings *findings)
{
    struct confirm_names *names = confirm_names_new(program, confirm->names);

    for (guint i = 0; i < confirm->edges->len; i++) {
        const struct recorded *r = confirm->edges->pdata[i];
        GHashTable *from, *to;
        struct finding *f;

        if (is_foreign(r, names, files, findings)) {
            continue;
        }
        from = classes_of(names, r->from, r, findings);
        to = classes_of(names, r->to, r, findings);
        if (!from || !to || is_predicted(graph, from, to)) {
            continue;
        }
        f = findings_add(findings, CHECK_SOUNDNESS, SEVERITY_ERROR,
                         r->to_loc.file ? r->to_loc : r->loc, NULL,
                         "at run time \"%s\" was taken while \"%s\" was held; the order graph "
                         "has no such edge",
                         r->to, r->from);
        if (r->from_loc.file) {
            finding_note(f, r->from_loc, "\"%s\" was taken here", r->from);
        }
        finding_note(f, r->loc, "the record");
    }
    confirm_names_free(names);
}
