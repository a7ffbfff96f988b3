/* Calls, direct and through pointers, and what the compiler knows by name:
 * builtins that hint, that end a path, that are the library's functions, and
 * those that touch nothing that the checker follows. */
#include "front_internal.h"

#include <string.h>

enum builtin_kind {
    BUILTIN_NONE,        /* an ordinary function */
    BUILTIN_FIRST,       /* its value is its first argument */
    BUILTIN_ZERO,        /* 0, and its arguments are not evaluated */
    BUILTIN_UNEVALUATED, /* nothing happens */
    BUILTIN_PURE,        /* only its arguments are evaluated */
    BUILTIN_END,         /* does not return */
    BUILTIN_LIBRARY,     /* the C library's function without the prefix */
};

static const struct {
    const char *name;
    enum builtin_kind kind;
} builtins[] = {
    {"expect", BUILTIN_FIRST},
    {"expect_with_probability", BUILTIN_FIRST},
    {"assume_aligned", BUILTIN_FIRST},
    {"launder", BUILTIN_FIRST},
    {"constant_p", BUILTIN_ZERO},
    {"object_size", BUILTIN_UNEVALUATED},
    {"dynamic_object_size", BUILTIN_UNEVALUATED},
    {"assume", BUILTIN_UNEVALUATED},
    {"unreachable", BUILTIN_END},
    {"trap", BUILTIN_END},
    {"verbose_trap", BUILTIN_END},
};

static const char *const library[] = {
    "abort",  "exit",   "malloc",  "calloc",  "realloc",  "free",    "memcpy",   "memmove",
    "memset", "memcmp", "strlen",  "strcmp",  "strncmp",  "strcpy",  "strncpy",  "strcat",
    "strchr", "printf", "fprintf", "sprintf", "snprintf", "vprintf", "vfprintf", "vsnprintf",
    "puts",   "fputs",  "fwrite",  "longjmp", "setjmp",
};

/* For memcpy_chk behind __builtin___ as well. */
static enum builtin_kind builtin_kind(const char **name)
{
    if (!g_str_has_prefix(*name, "__builtin_"))
        return BUILTIN_NONE;
    const char *rest = *name + strlen("__builtin_");
    for (size_t i = 0; i < G_N_ELEMENTS(builtins); i++) {
        if (strcmp(rest, builtins[i].name) == 0)
            return builtins[i].kind;
    }
    bool checked = g_str_has_prefix(rest, "__") && g_str_has_suffix(rest, "_chk");
    size_t length = strlen(rest) - (checked ? 6 : 0);
    rest += checked ? 2 : 0;
    for (size_t i = 0; i < G_N_ELEMENTS(library); i++) {
        if (strlen(library[i]) == length && strncmp(rest, library[i], length) == 0) {
            *name = library[i];
            return BUILTIN_LIBRARY;
        }
    }
    return BUILTIN_PURE;
}

static struct ir_value *builtin_value(struct lower *lower, CXCursor call, enum builtin_kind kind)
{
    struct ir_value *value = NULL;
    int count = clang_Cursor_getNumArguments(call);
    if (kind == BUILTIN_ZERO)
        return lower_int(0);
    if (kind == BUILTIN_END) {
        lower_unreachable(lower);
        return ir_value_new(IR_VALUE_UNKNOWN);
    }
    for (int i = 0; i < count && kind != BUILTIN_UNEVALUATED; i++) {
        CXCursor argument = clang_Cursor_getArgument(call, (unsigned)i);
        if (i == 0 && kind == BUILTIN_FIRST)
            value = lower_value(lower, argument);
        else
            lower_effect(lower, argument);
    }
    return value == NULL ? ir_value_new(IR_VALUE_UNKNOWN) : value;
}

/* The first name in an expression from the left: `ops` of ops->table[i].run. */
static const char *leftmost_name(CXCursor expression)
{
    const char *name = NULL;
    for (unsigned i = 0; i < 1000; i++) {
        struct children children = front_children(expression);
        bool found = false;
        CXCursor next = expression;
        for (unsigned j = 0; j < children.count && !found; j++) {
            found = clang_isExpression(clang_getCursorKind(children.list[j])) != 0;
            next = children.list[j];
        }
        front_children_free(&children);
        if (!found)
            break;
        expression = next;
    }
    if (clang_getCursorKind(expression) == CXCursor_DeclRefExpr)
        name = front_intern(clang_getCursorSpelling(expression));
    return name;
}

static const char *macro_of(struct lower *lower, CXCursor call)
{
    if (!front_in_macro(call))
        return NULL;
    const char *word = front_word(lower->front, call);
    return word == leftmost_name(call) ? NULL : word;
}

static bool is_noreturn_pointer(CXCursor callee)
{
    CXString spelling = clang_getTypeSpelling(clang_getCursorType(callee));
    const char *text = clang_getCString(spelling);
    bool is = text != NULL && strstr(text, "noreturn") != NULL;
    clang_disposeString(spelling);
    return is;
}

static struct ir_value *emit(struct lower *lower, CXCursor call, struct ir_value *callee, bool want,
                             bool noreturn)
{
    struct ir_event *event = ir_event_new(IR_CALL, front_cursor_loc(lower->front, call));
    CXType type = clang_getCursorType(call);
    int count = clang_Cursor_getNumArguments(call);
    event->callee = callee;
    event->macro = macro_of(lower, call);
    for (int i = 0; i < count; i++)
        g_ptr_array_add(event->args,
                        lower_value(lower, clang_Cursor_getArgument(call, (unsigned)i)));
    bool result = want && !front_type_is_void(type);
    if (result)
        event->result = (int32_t)lower_temp(lower, type);
    lower_event(lower, event);
    if (noreturn) {
        lower_unreachable(lower);
        return ir_value_new(IR_VALUE_UNKNOWN);
    }
    if (!result)
        return ir_value_new(IR_VALUE_UNKNOWN);
    struct ir_value *value = ir_value_new(IR_VALUE_LOAD);
    value->path = ir_path_new(IR_ROOT_LOCAL, (uint32_t)event->result, NULL);
    return value;
}

static struct ir_value *direct(struct lower *lower, CXCursor call, CXCursor decl, bool want)
{
    const char *name = front_intern(clang_getCursorSpelling(decl));
    if (g_str_has_prefix(name, "__c11_atomic_")) { /* fences */
        char *gnu = g_strdup_printf("__%s", name + strlen("__c11_"));
        struct ir_value *fence = ir_value_new(IR_VALUE_FUNC);
        fence->text = ir_intern(gnu);
        g_free(gnu);
        return emit(lower, call, fence, want, false);
    }
    if (g_str_has_prefix(name, "__sync_"))
        return lower_sync(lower, call, name);
    enum builtin_kind kind = builtin_kind(&name);
    if (kind != BUILTIN_NONE && kind != BUILTIN_LIBRARY)
        return builtin_value(lower, call, kind);
    struct ir_value *callee = ir_value_new(IR_VALUE_FUNC);
    if (kind == BUILTIN_LIBRARY) {
        callee->text = name;
        bool ends =
            strcmp(name, "abort") == 0 || strcmp(name, "exit") == 0 || strcmp(name, "longjmp") == 0;
        return emit(lower, call, callee, want, ends);
    }
    const struct ir_function *function = front_function(lower->front, decl)->ir;
    callee->text = function->symbol;
    return emit(lower, call, callee, want, function->is_noreturn);
}

struct ir_value *lower_call(struct lower *lower, CXCursor call, bool want)
{
    struct children children = front_children(call);
    struct ir_value *value = NULL;
    if (children.count > 0) {
        CXCursor callee = lower_strip_casts(children.list[0]);
        CXCursor decl = clang_getCursorReferenced(callee);
        if (clang_getCursorKind(callee) == CXCursor_DeclRefExpr &&
            clang_getCursorKind(decl) == CXCursor_FunctionDecl)
            value = direct(lower, call, decl, want);
        else
            value = emit(lower, call, lower_value(lower, callee), want,
                         is_noreturn_pointer(children.list[0]));
    }
    front_children_free(&children);
    return value == NULL ? ir_value_new(IR_VALUE_UNKNOWN) : value;
}
