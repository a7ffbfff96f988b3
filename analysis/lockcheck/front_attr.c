/* Annotations of declarations: the strings of __attribute__((annotate)), and
 * the attributes that libclang shows no more than the presence of.
 *
 * The latter (cleanup, noreturn, no_thread_safety_analysis, capability) are
 * read from the declaration as clang prints it, in which attributes stand in
 * one form whatever macros wrote them. */
#include "front_internal.h"

#include <string.h>

struct visit {
    GPtrArray *annotations;
    bool unexposed;
};

void front_annotations_add(GPtrArray *list, const char *annotation)
{
    for (guint i = 0; i < list->len; i++) {
        if (g_ptr_array_index(list, i) == annotation)
            return;
    }
    g_ptr_array_add(list, (gpointer)(uintptr_t)annotation);
}

static enum CXChildVisitResult see_attribute(CXCursor cursor, CXCursor parent, CXClientData data)
{
    struct visit *visit = data;
    enum CXCursorKind kind = clang_getCursorKind(cursor);
    (void)parent;
    if (kind == CXCursor_AnnotateAttr)
        front_annotations_add(visit->annotations, front_intern(clang_getCursorSpelling(cursor)));
    else if (kind == CXCursor_UnexposedAttr)
        visit->unexposed = true;
    return CXChildVisit_Continue;
}

/* Attributes that annotations are made of here, and what they become. Those
 * that have arguments reach this place only if the definitions of
 * front_args.c were in the way of the code. */
static const struct {
    const char *name;
    const char *kind;
} translated[] = {
    {"capability", "capability"},
    {"lockable", "capability"},
    {"shared_capability", "capability"},
    {"no_thread_safety_analysis", "no_clang_analysis"},
    {"guarded_by", "guarded_by"},
    {"pt_guarded_by", "pt_guarded_by"},
    {"lock_returned", "returns"},
    {"acquire_capability", "acquire"},
    {"exclusive_lock_function", "acquire"},
    {"acquire_shared_capability", "acquire_shared"},
    {"shared_lock_function", "acquire_shared"},
    {"release_capability", "release"},
    {"release_shared_capability", "release_shared"},
    {"release_generic_capability", "release_generic"},
    {"unlock_function", "release_generic"},
};

static void translate(struct attributes *out, const char *name, const char *arguments)
{
    if (strcmp(name, "noreturn") == 0) {
        out->noreturn = true;
    } else if (strcmp(name, "cleanup") == 0) {
        out->cleanup = ir_intern(arguments);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(translated); i++) {
        if (strcmp(name, translated[i].name) != 0)
            continue;
        /* clang 19 prints lists of expressions as the addresses of its nodes. */
        if (strstr(arguments, "0x") != NULL)
            return;
        GString *text = g_string_new("lockcheck:");
        g_string_append_printf(text, "%s:", translated[i].kind);
        for (const char *p = arguments; *p != '\0'; p++) {
            if (*p != '"')
                g_string_append_c(text, *p);
        }
        front_annotations_add(out->annotations, ir_intern(text->str));
        g_string_free(text, TRUE);
        return;
    }
}

/* The end of a parenthesis or bracket, with strings in it skipped. */
static const char *matching(const char *open)
{
    unsigned depth = 0;
    for (const char *p = open; *p != '\0'; p++) {
        if (*p == '"') {
            for (p++; *p != '\0' && *p != '"'; p++) {
                if (*p == '\\' && p[1] != '\0')
                    p++;
            }
            if (*p == '\0')
                return p;
        } else if (strchr("([{", *p) != NULL) {
            depth++;
        } else if (strchr(")]}", *p) != NULL && --depth == 0) {
            return p;
        }
    }
    return open + strlen(open);
}

#define ATTRIBUTE "__attribute__(("

static void read_printed(const char *printed, struct attributes *out)
{
    for (const char *p = printed; *p != '\0'; p++) {
        if (g_str_has_prefix(p, ATTRIBUTE)) {
            const char *name = p + strlen(ATTRIBUTE);
            const char *end = name;
            while (g_ascii_isalnum(*end) || *end == '_')
                end++;
            char *word = g_strndup(name, (gsize)(end - name));
            const char *close = *end == '(' ? matching(end) : end;
            char *arguments = *end == '(' && close > end + 1
                                  ? g_strndup(end + 1, (gsize)(close - end - 1))
                                  : g_strdup("");
            translate(out, word, arguments);
            g_free(arguments);
            g_free(word);
            p = matching(p + strlen("__attribute__"));
        } else if (g_str_has_prefix(p, "_Noreturn") && !g_ascii_isalnum(p[9]) && p[9] != '_') {
            out->noreturn = true;
            p += 8;
        } else if (*p == '(' || *p == '{') {
            p = matching(p); /* parameters and members speak for themselves */
        }
        if (*p == '\0')
            break;
    }
}

static void read_unexposed(CXCursor decl, struct attributes *out)
{
    CXPrintingPolicy policy = clang_getCursorPrintingPolicy(decl);
    clang_PrintingPolicy_setProperty(policy, CXPrintingPolicy_TerseOutput, 1);
    clang_PrintingPolicy_setProperty(policy, CXPrintingPolicy_SuppressInitializers, 1);
    CXString printed = clang_getCursorPrettyPrinted(decl, policy);
    const char *text = clang_getCString(printed);
    if (text != NULL)
        read_printed(text, out);
    clang_disposeString(printed);
    clang_PrintingPolicy_dispose(policy);
}

void front_attributes(struct front *front, CXCursor decl, struct attributes *out)
{
    (void)front;
    struct visit visit = {g_ptr_array_new(), false};
    out->annotations = visit.annotations;
    out->cleanup = NULL;
    out->noreturn = false;
    clang_visitChildren(decl, see_attribute, &visit);
    if (visit.unexposed)
        read_unexposed(decl, out);
}

void front_attributes_clear(struct attributes *attributes)
{
    g_ptr_array_unref(attributes->annotations);
    attributes->annotations = NULL;
}

static enum CXChildVisitResult see_parameter(CXCursor cursor, CXCursor parent, CXClientData data)
{
    (void)parent;
    if (clang_getCursorKind(cursor) == CXCursor_ParmDecl)
        g_ptr_array_add(data, (gpointer)(uintptr_t)front_intern(clang_getCursorSpelling(cursor)));
    return CXChildVisit_Continue;
}

GPtrArray *front_parameter_names(CXCursor decl)
{
    GPtrArray *names = g_ptr_array_new();
    clang_visitChildren(decl, see_parameter, names);
    return names;
}

static bool in_lock_expression(const char *annotation)
{
    static const char *const kinds[] = {"requires",    "acquire",    "release",
                                        "try_acquire", "excludes",   "assert",
                                        "returns",     "guarded_by", "pt_guarded_by"};
    if (!g_str_has_prefix(annotation, "lockcheck:"))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (g_str_has_prefix(annotation + strlen("lockcheck:"), kinds[i]))
            return true;
    }
    return false;
}

/* Names that are also in `keep` at the same place are left as they are. */
const char *front_annotation_numbered(const char *annotation, const GPtrArray *parameters,
                                      const GPtrArray *keep)
{
    const char *from = in_lock_expression(annotation) ? strchr(annotation + 10, ':') : NULL;
    if (from == NULL || parameters == NULL || parameters->len == 0)
        return annotation;
    GString *out = g_string_new_len(annotation, from - annotation);
    char before = ':', before_that = ' ';
    for (const char *p = from; *p != '\0';) {
        size_t length = 0;
        while (g_ascii_isalnum(p[length]) || p[length] == '_')
            length++;
        if (length == 0) {
            if (!g_ascii_isspace(*p)) {
                before_that = before;
                before = *p;
            }
            g_string_append_c(out, *p++);
            continue;
        }
        bool member = before == '.' || (before == '>' && before_that == '-') || before == '$';
        bool replaced = false;
        for (guint i = 0; i < parameters->len && !member && !replaced; i++) {
            const char *name = g_ptr_array_index(parameters, i);
            if (strlen(name) != length || strncmp(name, p, length) != 0)
                continue;
            replaced =
                keep == NULL || i >= keep->len || strcmp(g_ptr_array_index(keep, i), name) != 0;
            if (replaced)
                g_string_append_printf(out, "$%u", i);
            break;
        }
        if (!replaced)
            g_string_append_len(out, p, (gssize)length);
        before_that = before;
        before = 'a';
        p += length;
    }
    const char *interned = ir_intern(out->str);
    g_string_free(out, TRUE);
    return interned;
}

static const GPtrArray *of_typedef(struct front *front, CXCursor decl)
{
    GPtrArray *known = g_hash_table_lookup(front->typedefs, &decl);
    if (known != NULL)
        return known;
    known = g_ptr_array_new();
    g_hash_table_insert(front->typedefs, front_cursor_key(decl), known);
    if (front_is_system(front, decl))
        return known;
    struct attributes attributes;
    front_attributes(front, decl, &attributes);
    GPtrArray *names = front_parameter_names(decl);
    for (guint i = 0; i < attributes.annotations->len; i++)
        g_ptr_array_add(known, (gpointer)(uintptr_t)front_annotation_numbered(
                                   g_ptr_array_index(attributes.annotations, i), names, NULL));
    g_ptr_array_unref(names);
    front_attributes_clear(&attributes);
    return known;
}

void front_typedef_annotations(struct front *front, CXType type, GPtrArray *out)
{
    for (unsigned i = 0; i < 64; i++) {
        switch (type.kind) {
        case CXType_Elaborated:
            type = clang_Type_getNamedType(type);
            break;
        case CXType_Typedef: {
            CXCursor decl = clang_getTypeDeclaration(type);
            const GPtrArray *found = of_typedef(front, decl);
            for (guint j = 0; j < found->len; j++)
                front_annotations_add(out, g_ptr_array_index(found, j));
            type = clang_getTypedefDeclUnderlyingType(decl);
            break;
        }
        case CXType_Pointer:
            type = clang_getPointeeType(type);
            break;
        case CXType_ConstantArray:
        case CXType_IncompleteArray:
        case CXType_VariableArray:
            type = clang_getArrayElementType(type);
            break;
        case CXType_Attributed:
            type = clang_Type_getModifiedType(type);
            break;
        default:
            return;
        }
    }
}
