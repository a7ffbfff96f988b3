/* Arithmetic on pointers: p + i is an element as long as p has the type that
 * it was declared with, subtracting an offsetof leads from a member to its
 * record, and all else keeps what it is about, in words. */
#include "front_internal.h"

#include <string.h>

static enum CXChildVisitResult see_member(CXCursor cursor, CXCursor parent, CXClientData data)
{
    GString *text = data;
    (void)parent;
    enum CXCursorKind kind = clang_getCursorKind(cursor);
    const char *spelling = front_intern(clang_getCursorSpelling(cursor));
    if (kind == CXCursor_TypeRef)
        g_string_append(text, spelling);
    else if (kind == CXCursor_MemberRef && spelling[0] != '\0')
        g_string_append_printf(text, ".%s", spelling);
    return CXChildVisit_Continue;
}

/* "struct T.m" of an offsetof(struct T, m), also one written with a null
 * pointer; NULL if it is none. */
static char *offset_of(CXCursor expression)
{
    CXCursor stripped = lower_strip_casts(expression);
    if (clang_getCursorKind(stripped) == CXCursor_UnexposedExpr) {
        GString *text = g_string_new("");
        clang_visitChildren(stripped, see_member, text);
        bool found = strchr(text->str, '.') != NULL;
        return g_string_free(text, !found);
    }
    CXCursor place, base;
    if (clang_getCursorKind(stripped) != CXCursor_UnaryOperator ||
        clang_getCursorUnaryOperatorKind(stripped) != CXUnaryOperator_AddrOf ||
        !front_operand(stripped, &place))
        return NULL;
    place = lower_strip(place);
    int64_t number;
    if (clang_getCursorKind(place) != CXCursor_MemberRefExpr || !front_operand(place, &base) ||
        clang_getCursorKind(lower_strip_casts(base)) != CXCursor_IntegerLiteral ||
        !lower_constant(lower_strip_casts(base), &number) || number != 0)
        return NULL;
    const char *type =
        front_intern(clang_getTypeSpelling(clang_getPointeeType(clang_getCursorType(base))));
    return g_strdup_printf("%s.%s", type, front_intern(clang_getCursorSpelling(place)));
}

struct ir_value *lower_offset(struct ir_value *pointer, const char *text)
{
    if (pointer->kind == IR_VALUE_UNKNOWN || pointer->kind == IR_VALUE_INT) {
        ir_value_free(pointer);
        return lower_unknown();
    }
    struct ir_value *value = ir_value_new(IR_VALUE_OFFSET);
    value->a = pointer;
    value->text = text == NULL ? ir_intern("arithmetic") : text;
    return value;
}

/* What a variable that has just been set was set to: container_of macros copy
 * their argument first. */
static struct ir_value *look_through(struct lower *lower, struct ir_value *pointer)
{
    const GPtrArray *events = lower_current(lower)->events;
    const struct ir_event *last =
        events->len > 0 ? g_ptr_array_index(events, events->len - 1) : NULL;
    if (last == NULL || last->kind != IR_SET || last->path->root != IR_ROOT_LOCAL ||
        last->path->steps->len > 0 || pointer->kind != IR_VALUE_LOAD ||
        pointer->path->root != IR_ROOT_LOCAL || pointer->path->steps->len > 0 ||
        pointer->path->index != last->path->index)
        return pointer;
    ir_value_free(pointer);
    return ir_value_copy(last->value);
}

/* container_of(&x->m, T, m) is x. */
static struct ir_value *container_value(struct lower *lower, struct ir_value *pointer,
                                        const char *member)
{
    pointer = look_through(lower, pointer);
    if (pointer->kind == IR_VALUE_ADDRESS && pointer->path->steps->len > 0) {
        const struct ir_step *last =
            &g_array_index(pointer->path->steps, struct ir_step, pointer->path->steps->len - 1);
        const char *dot = strrchr(member, '.');
        if (last->kind == IR_STEP_FIELD && strcmp(last->name, dot + 1) == 0) {
            struct ir_path *path = ir_path_copy(pointer->path);
            g_array_set_size(path->steps, path->steps->len - 1);
            ir_value_free(pointer);
            return lower_address(path);
        }
    }
    char *text = g_strdup_printf("container_of(%s)", member);
    const char *interned = ir_intern(text);
    g_free(text);
    return lower_offset(pointer, interned);
}

/* p + i is &p[i] as long as p has the type that it was declared with. */
struct ir_value *lower_pointer_add(struct lower *lower, CXCursor expression, CXCursor pointer,
                                   CXCursor number, bool minus)
{
    struct ir_value *base = lower_value(lower, pointer);
    char *member = minus ? offset_of(number) : NULL;
    if (member != NULL) {
        struct ir_value *value = container_value(lower, base, member);
        g_free(member);
        return value;
    }
    struct ir_value *index = lower_value(lower, number);
    bool cast = clang_getCursorKind(lower_strip(pointer)) == CXCursor_CStyleCastExpr;
    if (!minus && !cast && (base->kind == IR_VALUE_LOAD || base->kind == IR_VALUE_ADDRESS)) {
        struct ir_path *path = lower_deref(lower, base, clang_getCursorType(pointer),
                                           front_cursor_loc(lower->front, expression));
        guint last = path->steps->len;
        /* &a[i] + j is &a[?]. */
        if (last > 0 &&
            g_array_index(path->steps, struct ir_step, last - 1).kind == IR_STEP_INDEX &&
            !front_type_is_array(clang_getCursorType(lower_strip(pointer)))) {
            g_array_set_size(path->steps, last - 1);
            ir_value_free(index);
            index = NULL;
        }
        struct ir_step step = {IR_STEP_INDEX, NULL, NULL, index};
        if (index != NULL)
            step.name = front_text(lower->front, number);
        ir_path_add(path, step);
        return lower_address(path);
    }
    ir_value_free(index);
    return lower_offset(base, front_text(lower->front, expression));
}
