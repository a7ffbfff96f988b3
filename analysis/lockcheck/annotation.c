/* Reads annotation strings: what kind, and which arguments. */
#include "annotation.h"

#include <string.h>

#define PREFIX "lockcheck:"

enum { SPLIT_ALL, SPLIT_ONE, SPLIT_TWO };

static const struct {
    const char *name;
    int split; /* arguments that are sentences keep their commas */
} kinds[] = {
    [ANNOTATION_CAPABILITY] = {"capability", SPLIT_ONE},
    [ANNOTATION_GUARDED_BY] = {"guarded_by", SPLIT_ALL},
    [ANNOTATION_PT_GUARDED_BY] = {"pt_guarded_by", SPLIT_ALL},
    [ANNOTATION_WRITE_GUARDED_BY] = {"write_guarded_by", SPLIT_ALL},
    [ANNOTATION_REQUIRES] = {"requires", SPLIT_ALL},
    [ANNOTATION_REQUIRES_SHARED] = {"requires_shared", SPLIT_ALL},
    [ANNOTATION_ACQUIRE] = {"acquire", SPLIT_ALL},
    [ANNOTATION_ACQUIRE_SHARED] = {"acquire_shared", SPLIT_ALL},
    [ANNOTATION_RELEASE] = {"release", SPLIT_ALL},
    [ANNOTATION_RELEASE_SHARED] = {"release_shared", SPLIT_ALL},
    [ANNOTATION_RELEASE_GENERIC] = {"release_generic", SPLIT_ALL},
    [ANNOTATION_TRY_ACQUIRE] = {"try_acquire", SPLIT_ALL},
    [ANNOTATION_TRY_ACQUIRE_SHARED] = {"try_acquire_shared", SPLIT_ALL},
    [ANNOTATION_EXCLUDES] = {"excludes", SPLIT_ALL},
    [ANNOTATION_ASSERT] = {"assert", SPLIT_ALL},
    [ANNOTATION_ASSERT_SHARED] = {"assert_shared", SPLIT_ALL},
    [ANNOTATION_RETURNS] = {"returns", SPLIT_ALL},
    [ANNOTATION_ACQUIRED_AFTER] = {"acquired_after", SPLIT_ALL},
    [ANNOTATION_ACQUIRED_BEFORE] = {"acquired_before", SPLIT_ALL},
    [ANNOTATION_NO_ANALYSIS] = {"no_analysis", SPLIT_ONE},
    [ANNOTATION_NO_CLANG_ANALYSIS] = {"no_clang_analysis", SPLIT_ONE},
    [ANNOTATION_ROLE] = {"role", SPLIT_ALL},
    [ANNOTATION_THREAD_ENTRY] = {"thread_entry", SPLIT_ALL},
    [ANNOTATION_MAY_BLOCK] = {"may_block", SPLIT_ONE},
    [ANNOTATION_NONBLOCKING] = {"nonblocking", SPLIT_ONE},
    [ANNOTATION_BLOCKING_OK] = {"blocking_ok", SPLIT_ONE},
    [ANNOTATION_IMMUTABLE] = {"immutable", SPLIT_ONE},
    [ANNOTATION_OWNED_BY] = {"owned_by", SPLIT_ONE},
    [ANNOTATION_RCU] = {"rcu", SPLIT_ALL},
    [ANNOTATION_PRIVATE] = {"private", SPLIT_ONE},
    [ANNOTATION_ALONE] = {"alone", SPLIT_ONE},
    [ANNOTATION_KEYED] = {"keyed", SPLIT_ALL},
    [ANNOTATION_SUPPRESS] = {"suppress", SPLIT_TWO},
    [ANNOTATION_UNKNOWN] = {"unknown", SPLIT_ONE},
};

static void add_argument(GPtrArray *arguments, const char *from, const char *to)
{
    char *text = g_strstrip(g_strndup(from, (gsize)(to - from)));

    if (*text) {
        g_ptr_array_add(arguments, (gpointer)g_intern_string(text));
    }
    g_free(text);
}

static void split_arguments(GPtrArray *arguments, const char *text, int split)
{
    const char *start = text;
    int depth = 0;

    if (split == SPLIT_ONE) {
        add_argument(arguments, text, text + strlen(text));
        return;
    }
    for (const char *p = text; *p; p++) {
        if (strchr("([{", *p)) {
            depth++;
        } else if (strchr(")]}", *p)) {
            depth--;
        } else if (*p == ',' && depth <= 0) {
            add_argument(arguments, start, p);
            start = p + 1;
            if (split == SPLIT_TWO) {
                break;
            }
        }
    }
    add_argument(arguments, start, start + strlen(start));
}

static enum annotation_kind kind_of(const char *name, gsize length)
{
    for (guint i = 0; i < ANNOTATION_UNKNOWN; i++) {
        if (strlen(kinds[i].name) == length && strncmp(kinds[i].name, name, length) == 0) {
            return (enum annotation_kind)i;
        }
    }
    return ANNOTATION_UNKNOWN;
}

/* The kind alone, without allocating: most strings are asked for it and
 * nothing more. */
static bool string_kind(const char *string, enum annotation_kind *kind, const char **rest)
{
    const char *name;
    gsize length;

    if (!string || !g_str_has_prefix(string, PREFIX)) {
        return false;
    }
    name = string + strlen(PREFIX);
    length = strcspn(name, ":");
    *kind = kind_of(name, length);
    *rest = name[length] ? name + length + 1 : name + length;
    return true;
}

const char *annotation_kind_name(enum annotation_kind kind)
{
    return kinds[kind].name;
}

bool annotation_parse(const char *string, struct annotation *out)
{
    const char *rest;

    out->kind = ANNOTATION_UNKNOWN;
    out->arguments = NULL;
    if (!string_kind(string, &out->kind, &rest)) {
        return false;
    }
    out->arguments = g_ptr_array_new();
    split_arguments(out->arguments, rest, kinds[out->kind].split);
    return true;
}

void annotation_clear(struct annotation *annotation)
{
    if (annotation->arguments) {
        g_ptr_array_unref(annotation->arguments);
        annotation->arguments = NULL;
    }
}

bool annotation_find(const GPtrArray *strings, enum annotation_kind kind, struct annotation *out)
{
    for (guint i = 0; strings && i < strings->len; i++) {
        enum annotation_kind found;
        const char *rest;

        if (string_kind(strings->pdata[i], &found, &rest) && found == kind) {
            return annotation_parse(strings->pdata[i], out);
        }
    }
    return false;
}

bool annotation_has(const GPtrArray *strings, enum annotation_kind kind)
{
    for (guint i = 0; strings && i < strings->len; i++) {
        enum annotation_kind found;
        const char *rest;

        if (string_kind(strings->pdata[i], &found, &rest) && found == kind) {
            return true;
        }
    }
    return false;
}

guint annotation_first_lock(const struct annotation *annotation)
{
    return annotation->kind == ANNOTATION_TRY_ACQUIRE ||
                   annotation->kind == ANNOTATION_TRY_ACQUIRE_SHARED
               ? 1
               : 0;
}
