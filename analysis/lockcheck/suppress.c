/* Collects suppressions and applies them. A finding is covered by the first
 * suppression of its check whose place fits; that one counts as used, and so
 * do all others that fit, so that the order in which they are read says
 * nothing. Findings about suppressions cannot be suppressed. */
#include "suppress.h"

#include <string.h>

#include "glob.h"

#define MARKER "lockcheck: suppress"

struct suppression {
    enum check_id check;
    char *path;
    bool exact;     /* path is a path; otherwise a pattern for it */
    uint32_t line;  /* 0: any */
    char *function; /* NULL: any */
    char *reason;
    struct ir_loc loc; /* of the suppression */
    bool used;
};

struct suppressions {
    GPtrArray *list;
};

static void suppression_free(gpointer data)
{
    struct suppression *s = data;

    g_free(s->path);
    g_free(s->function);
    g_free(s->reason);
    g_free(s);
}

struct suppressions *suppressions_new(void)
{
    struct suppressions *suppressions = g_new0(struct suppressions, 1);

    suppressions->list = g_ptr_array_new_with_free_func(suppression_free);
    return suppressions;
}

void suppressions_free(struct suppressions *suppressions)
{
    if (suppressions) {
        g_ptr_array_unref(suppressions->list);
        g_free(suppressions);
    }
}

static void complain(struct findings *findings, struct ir_loc loc, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static void complain(struct findings *findings, struct ir_loc loc, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    findings_add(findings, CHECK_SUPPRESSION, SEVERITY_ERROR, loc, NULL, "%s", text);
    g_free(text);
}

/* The next word of a line, which may be in double quotes; NULL at the end. */
static char *next_word(const char **at, const char *end)
{
    const char *p = *at, *from;
    bool quoted;

    while (p < end && g_ascii_isspace(*p)) {
        p++;
    }
    if (p == end) {
        *at = p;
        return NULL;
    }
    quoted = *p == '"';
    from = p += quoted;
    while (p < end && (quoted ? *p != '"' : !g_ascii_isspace(*p))) {
        p++;
    }
    *at = p < end && quoted ? p + 1 : p;
    return g_strndup(from, (gsize)(p - from));
}

/* What is left of the line, trimmed. */
static char *rest(const char *at, const char *end)
{
    return g_strstrip(g_strndup(at, (gsize)(end - at)));
}

/* Takes the strings over. NULL, after a complaint, if it makes no sense. */
static struct suppression *add(struct suppressions *suppressions, char *check, char *path,
                               char *reason, struct ir_loc loc, struct findings *findings)
{
    struct suppression *s = NULL;
    enum check_id id;

    if (!check || !check_from_name(check, &id)) {
        complain(findings, loc, "no check is called \"%s\"; --list-checks names them",
                 check ? check : "");
    } else if (id == CHECK_SUPPRESSION) {
        complain(findings, loc, "findings about suppressions cannot be suppressed");
    } else if (!path) {
        complain(findings, loc, "the suppression of %s does not say where", check);
    } else if (!reason || !*reason) {
        complain(findings, loc, "the suppression of %s gives no reason", check);
    } else {
        s = g_new0(struct suppression, 1);
        s->check = id;
        s->loc = loc;
        s->path = path;
        s->reason = reason;
        s->exact = true;
        path = reason = NULL;
        g_ptr_array_add(suppressions->list, s);
    }
    g_free(check);
    g_free(path);
    g_free(reason);
    return s;
}

/* PATH:LINE or PATH:FUNCTION. */
static void split_place(struct suppression *s)
{
    char *colon = strrchr(s->path, ':');
    char *end;

    if (colon && colon[1]) {
        guint64 line = g_ascii_strtoull(colon + 1, &end, 10);

        *colon = '\0';
        if (*end == '\0' && line > 0 && line <= UINT32_MAX) {
            s->line = (uint32_t)line;
        } else {
            s->function = g_strdup(colon + 1);
        }
    }
    s->exact = false;
}

void suppressions_parse(struct suppressions *suppressions, const char *name, const char *text,
                        gsize length, struct findings *findings)
{
    struct ir_loc loc = {g_intern_string(name), 0, 1};
    const char *end = text + length;

    for (const char *at = text; at < end;) {
        const char *line_end = memchr(at, '\n', (gsize)(end - at));
        const char *stop = line_end ? line_end : end;
        char *check;

        loc.line++;
        check = next_word(&at, stop);
        if (check && check[0] != '#') {
            char *path = next_word(&at, stop);
            struct suppression *s = add(suppressions, check, path, rest(at, stop), loc, findings);

            if (s) {
                split_place(s);
            }
        } else {
            g_free(check);
        }
        at = line_end ? line_end + 1 : end;
    }
}

/* A comment with the marker: `at` is behind it, `end` at the comment's end. */
static void add_comment(struct suppressions *suppressions, const char *at, const char *end,
                        struct ir_loc loc, uint32_t target, struct findings *findings)
{
    const char *line_end = memchr(at, '\n', (gsize)(end - at));
    const char *stop = line_end ? line_end : end;
    char *check = next_word(&at, stop);
    struct suppression *s =
        add(suppressions, check, g_strdup(loc.file), rest(at, stop), loc, findings);

    if (s) {
        s->line = target;
    }
}

struct scanner {
    const char *at, *end;
    uint32_t line;
    const char *line_start;
    bool code; /* something besides comments and space is on the line */
};

static void newline(struct scanner *s)
{
    s->line++;
    s->line_start = s->at + 1;
    s->code = false;
}

/* Past a string or character constant. */
static void skip_quoted(struct scanner *s)
{
    char quote = *s->at;

    s->code = true;
    for (s->at++; s->at < s->end && *s->at != quote && *s->at != '\n'; s->at++) {
        if (*s->at == '\\' && s->at + 1 < s->end) {
            s->at++;
            if (*s->at == '\n') {
                newline(s);
            }
        }
    }
    if (s->at < s->end && *s->at == quote) {
        s->at++;
    }
}

/* To the end of the comment that starts here; where its text ends. */
static const char *skip_comment(struct scanner *s)
{
    bool block = s->at[1] == '*';
    const char *end;

    for (s->at += 2; s->at < s->end; s->at++) {
        if (block && *s->at == '*' && s->at + 1 < s->end && s->at[1] == '/') {
            end = s->at;
            s->at += 2;
            return end;
        }
        if (*s->at == '\n') {
            if (!block) {
                return s->at;
            }
            newline(s);
        }
    }
    return s->end;
}

void suppressions_scan(struct suppressions *suppressions, const char *path, const char *text,
                       gsize length, struct findings *findings)
{
    struct scanner s = {.at = text, .end = text + length, .line = 1, .line_start = text};
    struct ir_loc loc = {g_intern_string(path), 0, 0};
    guint waiting = suppressions->list->len; /* from here on: for the next line with code */
    bool pending = false;

    if (!memmem(text, length, MARKER, strlen(MARKER))) {
        return;
    }
    while (s.at < s.end) {
        if (*s.at == '/' && s.at + 1 < s.end && (s.at[1] == '/' || s.at[1] == '*')) {
            const char *from = s.at + 2;
            const char *end;
            bool alone = !s.code;

            loc.line = s.line;
            loc.column = (uint32_t)(s.at - s.line_start) + 1;
            end = skip_comment(&s);
            while (from < end && (*from == ' ' || *from == '*' || *from == '/')) {
                from++;
            }
            if ((gsize)(end - from) > strlen(MARKER) &&
                strncmp(from, MARKER, strlen(MARKER)) == 0) {
                if (alone && !pending) {
                    waiting = suppressions->list->len;
                    pending = true;
                }
                add_comment(suppressions, from + strlen(MARKER), end, loc, loc.line, findings);
            }
        } else if (*s.at == '"' || *s.at == '\'') {
            skip_quoted(&s);
        } else {
            if (*s.at == '\n') {
                newline(&s);
            } else if (!g_ascii_isspace(*s.at)) {
                s.code = true;
            }
            s.at++;
        }
        if (s.code && pending) {
            for (; waiting < suppressions->list->len; waiting++) {
                ((struct suppression *)suppressions->list->pdata[waiting])->line = s.line;
            }
            pending = false;
        }
    }
}

void suppressions_add_annotations(struct suppressions *suppressions, const struct program *program,
                                  struct findings *findings)
{
    for (guint i = 0; i < program->functions->len; i++) {
        const struct pfunction *f = program->functions->pdata[i];

        for (guint a = 0; a < f->annotations->len; a++) {
            struct annotation annotation;

            if (!annotation_parse(f->annotations->pdata[a], &annotation)) {
                continue;
            }
            if (annotation.kind == ANNOTATION_SUPPRESS) {
                const GPtrArray *args = annotation.arguments;
                struct suppression *s =
                    add(suppressions, args->len > 0 ? g_strdup(args->pdata[0]) : NULL,
                        g_strdup(f->ir->loc.file ? f->ir->loc.file : ""),
                        args->len > 1 ? g_strdup(args->pdata[1]) : NULL,
                        f->ir->stated.line ? f->ir->stated : f->ir->loc, findings);

                if (s) {
                    s->function = g_strdup(f->ir->symbol);
                }
            }
            annotation_clear(&annotation);
        }
    }
}

static bool path_fits(const struct suppression *s, const char *file)
{
    if (!file) {
        return false;
    }
    return s->exact ? strcmp(file, s->path) == 0 : glob_matches_path(s->path, file);
}

static bool function_fits(const struct suppression *s, const char *symbol)
{
    const char *colon;

    if (!s->function || !symbol) {
        return !s->function;
    }
    colon = strrchr(symbol, ':');
    return strcmp(s->function, symbol) == 0 || (colon && strcmp(s->function, colon + 1) == 0);
}

static bool covers(const struct suppression *s, const struct finding *f)
{
    /* A function's own suppression holds for it in whatever file. */
    bool annotation = s->function && s->exact;

    return s->check == f->check && (s->line == 0 || s->line == f->loc.line) &&
           function_fits(s, f->function) && (annotation || path_fits(s, f->loc.file));
}

static bool file_analysed(const struct suppression *s, GHashTable *files)
{
    GHashTableIter iter;
    gpointer path;

    g_hash_table_iter_init(&iter, files);
    while (g_hash_table_iter_next(&iter, &path, NULL)) {
        if (path_fits(s, path)) {
            return true;
        }
    }
    return false;
}

void suppressions_apply(struct suppressions *suppressions, struct findings *findings,
                        const bool enabled[CHECK_COUNT], bool whole, GHashTable *files)
{
    for (guint i = 0; i < findings->list->len; i++) {
        struct finding *f = findings->list->pdata[i];

        for (guint k = 0; k < suppressions->list->len; k++) {
            struct suppression *s = suppressions->list->pdata[k];

            if (covers(s, f)) {
                s->used = true;
                if (!f->suppressed) {
                    f->suppressed = g_strdup(s->reason);
                    f->in_source = s->exact;
                }
            }
        }
    }
    for (guint k = 0; k < suppressions->list->len; k++) {
        const struct suppression *s = suppressions->list->pdata[k];

        if (!s->used && enabled[s->check] && (whole || file_analysed(s, files))) {
            complain(findings, s->loc, "this suppression of %s is not needed: remove it",
                     check_name(s->check));
        }
    }
}
