/* Functions and variables of a unit by symbol. One ir_function or ir_variable
 * stands for all declarations of a symbol; it is made when the symbol is
 * first needed, so that what system headers declare and nobody uses costs
 * nothing. */
#include "front_internal.h"

#include <string.h>

static const char *file_symbol(struct front *front, CXCursor decl, const char *name)
{
    struct ir_loc loc = front_cursor_loc(front, decl);
    char *text = g_strdup_printf("%s:%s", loc.file == NULL ? "?" : loc.file, name);
    const char *symbol = ir_intern(text);
    g_free(text);
    return symbol;
}

const char *front_symbol(struct front *front, CXCursor decl)
{
    CXCursor canonical = clang_getCanonicalCursor(decl);
    const char *known = g_hash_table_lookup(front->symbols, &canonical);
    if (known != NULL)
        return known;
    const char *name = front_intern(clang_getCursorSpelling(decl));
    enum CXLinkageKind linkage = clang_getCursorLinkage(decl);
    const char *symbol = linkage == CXLinkage_Internal || linkage == CXLinkage_NoLinkage
                             ? file_symbol(front, canonical, name)
                             : name;
    g_hash_table_insert(front->symbols, front_cursor_key(canonical), (gpointer)(uintptr_t)symbol);
    return symbol;
}

void front_variable_fill(struct front *front, CXCursor decl, struct ir_variable *variable)
{
    CXType type = clang_getCursorType(decl);
    variable->name = front_intern(clang_getCursorSpelling(decl));
    variable->loc = front_cursor_loc(front, decl);
    front_type(front, type, &variable->type);
    if (clang_getCursorKind(decl) == CXCursor_ParmDecl &&
        (variable->type.array || (variable->type.function && variable->type.pointers == 0))) {
        /* It is a pointer in fact. */
        variable->type.array = variable->type.is_const = variable->type.atomic = false;
        variable->type.pointers++;
    }
    variable->thread_local = clang_getCursorTLSKind(decl) != CXTLS_None;
    struct attributes attributes;
    front_attributes(front, decl, &attributes);
    if (attributes.annotations->len > 0) {
        GPtrArray *names = front_parameter_names(decl); /* of a function pointer */
        for (guint i = 0; i < attributes.annotations->len; i++)
            front_annotations_add(variable->annotations,
                                  front_annotation_numbered(
                                      g_ptr_array_index(attributes.annotations, i), names, NULL));
        g_ptr_array_unref(names);
    }
    if (attributes.cleanup != NULL)
        variable->cleanup = front_function_named(front, attributes.cleanup);
    front_attributes_clear(&attributes);
    front_typedef_annotations(front, type, variable->annotations);
}

static bool is_noreturn_type(CXType type)
{
    CXString spelling = clang_getTypeSpelling(type);
    const char *text = clang_getCString(spelling);
    bool noreturn = text != NULL && strstr(text, "noreturn") != NULL;
    clang_disposeString(spelling);
    return noreturn;
}

static void fill_function(struct front *front, CXCursor decl, struct ir_function *function)
{
    CXType result = clang_getCursorResultType(decl);
    function->name = front_intern(clang_getCursorSpelling(decl));
    function->loc = front_cursor_loc(front, decl);
    function->end = front_end_loc(front, decl);
    function->is_static = clang_getCursorLinkage(decl) == CXLinkage_Internal;
    function->returns_value = !front_type_is_void(result);
    function->returns_pointer = front_type_is_pointer(result);
    int count = clang_Cursor_getNumArguments(decl);
    for (int i = 0; i < count; i++) {
        struct ir_variable *parameter = ir_variable_new();
        front_variable_fill(front, clang_Cursor_getArgument(decl, (unsigned)i), parameter);
        g_ptr_array_add(function->params, parameter);
    }
}

/* glib's scope guards are inline functions of its headers. */
static bool is_glib_inline(CXCursor definition)
{
    const char *name = front_intern(clang_getCursorSpelling(definition));
    return clang_getCursorLinkage(definition) == CXLinkage_Internal &&
           (g_str_has_prefix(name, "g_") || g_str_has_prefix(name, "glib_auto"));
}

/* Whether this unit lowers the body: all in the main file and in other
 * sources that are included, and of headers those that somebody uses. */
static void want_body(struct front *front, CXCursor definition, const char *symbol)
{
    if (g_hash_table_contains(front->lowered, symbol) ||
        (front_is_system(front, definition) && !is_glib_inline(definition)))
        return;
    g_hash_table_add(front->lowered, (gpointer)(uintptr_t)symbol);
    g_array_append_val(front->bodies, definition);
}

struct front_function *front_function(struct front *front, CXCursor decl)
{
    const char *symbol = front_symbol(front, decl);
    struct front_function *known = g_hash_table_lookup(front->functions, symbol);
    CXCursor definition = clang_getCursorDefinition(decl);
    bool defined = !clang_Cursor_isNull(definition);
    if (known == NULL) {
        known = g_new0(struct front_function, 1);
        known->raw = g_ptr_array_new();
        known->ir = ir_function_new();
        known->ir->symbol = symbol;
        g_hash_table_insert(front->functions, (gpointer)(uintptr_t)symbol, known);
        g_ptr_array_add(front->unit->functions, known->ir);
        fill_function(front, defined ? definition : decl, known->ir);
        known->ir->is_noreturn = is_noreturn_type(clang_getCursorType(decl));
        if (front_is_system(front, decl)) {
            struct attributes attributes;
            front_attributes(front, decl, &attributes);
            known->ir->is_noreturn |= attributes.noreturn;
            front_attributes_clear(&attributes);
        }
    }
    if (defined)
        want_body(front, definition, symbol);
    return known;
}

static GPtrArray *names_of_parameters(const struct ir_function *function)
{
    GPtrArray *names = g_ptr_array_new();
    for (guint i = 0; i < function->params->len; i++) {
        const struct ir_variable *parameter = g_ptr_array_index(function->params, i);
        g_ptr_array_add(names, (gpointer)(uintptr_t)parameter->name);
    }
    return names;
}

static void add_annotations(struct front *front, CXCursor decl, const struct attributes *attributes,
                            struct front_function *function)
{
    GPtrArray *names = front_parameter_names(decl);
    GPtrArray *own = names_of_parameters(function->ir);
    for (guint i = 0; i < attributes->annotations->len; i++) {
        const char *raw = g_ptr_array_index(attributes->annotations, i);
        if (g_ptr_array_find(function->raw, raw, NULL))
            continue; /* inherited from an earlier declaration, with the names of that */
        g_ptr_array_add(function->raw, (gpointer)(uintptr_t)raw);
        front_annotations_add(function->ir->annotations,
                              front_annotation_numbered(raw, names, own));
    }
    g_ptr_array_unref(names);
    g_ptr_array_unref(own);
    front_typedef_annotations(front, clang_getCursorType(decl), function->ir->annotations);
}

static void add_parameter_annotations(struct front *front, CXCursor decl,
                                      struct ir_function *function)
{
    int count = clang_Cursor_getNumArguments(decl);
    for (int i = 0; i < count && (guint)i < function->params->len; i++) {
        struct ir_variable *parameter = g_ptr_array_index(function->params, i);
        struct ir_variable *other = ir_variable_new();
        front_variable_fill(front, clang_Cursor_getArgument(decl, (unsigned)i), other);
        for (guint j = 0; j < other->annotations->len; j++)
            front_annotations_add(parameter->annotations, g_ptr_array_index(other->annotations, j));
        ir_variable_free(other);
    }
}

/* One that is not in a system header, in source order. */
void front_function_declaration(struct front *front, CXCursor decl)
{
    bool definition = clang_isCursorDefinition(decl) != 0;
    bool used_only = clang_Cursor_isFunctionInlined(decl) &&
                     !clang_Location_isFromMainFile(clang_getCursorLocation(decl));
    struct attributes attributes;
    front_attributes(front, decl, &attributes);
    GPtrArray *from_type = g_ptr_array_new();
    front_typedef_annotations(front, clang_getCursorType(decl), from_type);
    if (attributes.annotations->len > 0 || from_type->len > 0 || attributes.noreturn ||
        (definition && !used_only)) {
        /* An inline function that is only annotated is looked at, not into. */
        const char *symbol = front_symbol(front, decl);
        bool hold = used_only && !g_hash_table_contains(front->lowered, symbol);
        if (hold)
            g_hash_table_add(front->lowered, (gpointer)(uintptr_t)symbol);
        struct front_function *function = front_function(front, decl);
        if (hold)
            g_hash_table_remove(front->lowered, symbol);
        function->ir->is_noreturn |= attributes.noreturn;
        if (function->ir->stated.line == 0 &&
            (attributes.annotations->len > 0 || from_type->len > 0))
            function->ir->stated = front_cursor_loc(front, decl);
        add_annotations(front, decl, &attributes, function);
        add_parameter_annotations(front, decl, function->ir);
    }
    g_ptr_array_unref(from_type);
    front_attributes_clear(&attributes);
}

static enum CXChildVisitResult see_function(CXCursor cursor, CXCursor parent, CXClientData data)
{
    struct front *front = data;
    (void)parent;
    if (clang_getCursorKind(cursor) == CXCursor_FunctionDecl)
        g_hash_table_insert(front->by_name,
                            (gpointer)(uintptr_t)front_intern(clang_getCursorSpelling(cursor)),
                            front_cursor_key(cursor));
    return CXChildVisit_Continue;
}

/* Attributes name functions by text only. */
const char *front_function_named(struct front *front, const char *name)
{
    if (front->by_name == NULL) {
        front->by_name = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
        clang_visitChildren(clang_getTranslationUnitCursor(front->tu), see_function, front);
    }
    const CXCursor *found = g_hash_table_lookup(front->by_name, ir_intern(name));
    return found == NULL ? ir_intern(name) : front_function(front, *found)->ir->symbol;
}

struct ir_variable *front_global(struct front *front, CXCursor decl)
{
    const char *symbol = front_symbol(front, decl);
    struct ir_variable *variable = g_hash_table_lookup(front->globals, symbol);
    bool definition =
        clang_isCursorDefinition(decl) != 0 || clang_Cursor_getStorageClass(decl) != CX_SC_Extern;
    if (variable == NULL) {
        variable = ir_variable_new();
        g_hash_table_insert(front->globals, (gpointer)(uintptr_t)symbol, variable);
        g_ptr_array_add(front->unit->globals, variable);
        front_variable_fill(front, decl, variable);
        variable->symbol = symbol;
        variable->is_static = clang_getCursorLinkage(decl) == CXLinkage_Internal;
        variable->definition = definition;
        return variable;
    }
    struct ir_variable *again = ir_variable_new();
    front_variable_fill(front, decl, again);
    if (definition && !variable->definition) {
        variable->definition = true;
        variable->loc = again->loc;
        variable->type = again->type;
    }
    for (guint i = 0; i < again->annotations->len; i++)
        front_annotations_add(variable->annotations, g_ptr_array_index(again->annotations, i));
    ir_variable_free(again);
    return variable;
}

struct ir_variable *front_static_local(struct front *front, const struct ir_function *function,
                                       CXCursor decl)
{
    struct ir_variable *variable = ir_variable_new();
    front_variable_fill(front, decl, variable);
    struct ir_loc loc = variable->loc;
    char *text = g_strdup_printf("%s:%s.%s", loc.file == NULL ? "?" : loc.file, function->name,
                                 variable->name);
    const char *symbol = ir_intern(text);
    if (g_hash_table_contains(front->globals, symbol)) { /* another block has one of that name */
        char *more = g_strdup_printf("%s@%u:%u", text, loc.line, loc.column);
        symbol = ir_intern(more);
        g_free(more);
    }
    g_free(text);
    variable->symbol = symbol;
    variable->is_static = true;
    variable->definition = true;
    variable->function = function->symbol;
    g_hash_table_insert(front->globals, (gpointer)(uintptr_t)symbol, variable);
    g_ptr_array_add(front->unit->globals, variable);
    g_hash_table_insert(front->symbols, front_cursor_key(clang_getCanonicalCursor(decl)),
                        (gpointer)(uintptr_t)symbol);
    return variable;
}
