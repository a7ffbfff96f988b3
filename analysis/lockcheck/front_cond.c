/* Conditions as branches: !, &&, ||, ?: and __builtin_expect become the shape
 * of the graph, so that what is left to branch on is one value each time. */
#include "front_internal.h"

#include <string.h>

/* glib's G_LIKELY and others: ({ int b; if (c) b = 1; else b = 0; b; }) */
static bool boolean_block(CXCursor expression, CXCursor *condition)
{
    struct children outer = front_children(expression);
    bool found = false;
    int64_t yes = 0, no = 1;
    if (outer.count == 1) {
        struct children body = front_children(outer.list[0]);
        if (body.count == 3 && clang_getCursorKind(body.list[0]) == CXCursor_DeclStmt &&
            clang_getCursorKind(body.list[1]) == CXCursor_IfStmt &&
            clang_getCursorKind(lower_strip(body.list[2])) == CXCursor_DeclRefExpr) {
            struct children parts = front_children(body.list[1]);
            for (unsigned i = 1; i < 3 && parts.count == 3; i++) {
                CXCursor value;
                if (clang_getCursorKind(parts.list[i]) == CXCursor_BinaryOperator &&
                    clang_getCursorBinaryOperatorKind(parts.list[i]) == CXBinaryOperator_Assign &&
                    front_operand(parts.list[i], &value))
                    lower_constant(value, i == 1 ? &yes : &no);
            }
            found = yes == 1 && no == 0;
            *condition = parts.count > 0 ? parts.list[0] : expression;
            front_children_free(&parts);
        }
        front_children_free(&body);
    }
    front_children_free(&outer);
    return found;
}

static bool is_expect(CXCursor call)
{
    CXString spelling = clang_getCursorSpelling(call);
    const char *name = clang_getCString(spelling);
    bool is = name != NULL && (strcmp(name, "__builtin_expect") == 0 ||
                               strcmp(name, "__builtin_expect_with_probability") == 0);
    clang_disposeString(spelling);
    return is && clang_Cursor_getNumArguments(call) >= 1;
}

static void on_value(struct lower *lower, CXCursor expression, uint32_t yes, uint32_t no)
{
    struct ir_value *value = lower_value(lower, expression);
    lower_branch(lower, value, front_cursor_loc(lower->front, expression), yes, no);
}

/* Whether an expression is 0 or 1 by its form: comparing it with 0 is then a
 * condition again. */
static bool is_boolean(CXCursor expression)
{
    expression = lower_strip_casts(expression);
    enum CXCursorKind kind = clang_getCursorKind(expression);
    if (kind == CXCursor_CallExpr)
        return is_expect(expression);
    if (kind == CXCursor_UnaryOperator)
        return clang_getCursorUnaryOperatorKind(expression) == CXUnaryOperator_LNot;
    if (kind != CXCursor_BinaryOperator)
        return false;
    enum CXBinaryOperatorKind op = clang_getCursorBinaryOperatorKind(expression);
    return op == CXBinaryOperator_LAnd || op == CXBinaryOperator_LOr;
}

static bool binary(struct lower *lower, CXCursor expression, uint32_t yes, uint32_t no)
{
    struct children children = front_children(expression);
    enum CXBinaryOperatorKind op = clang_getCursorBinaryOperatorKind(expression);
    int64_t number;
    bool done = children.count >= 2;
    if (!done) {
        ;
    } else if (op == CXBinaryOperator_LAnd || op == CXBinaryOperator_LOr) {
        uint32_t middle = lower_block(lower);
        bool both = op == CXBinaryOperator_LAnd;
        lower_condition(lower, children.list[0], both ? middle : yes, both ? no : middle);
        lower->block = middle;
        lower_condition(lower, children.list[1], yes, no);
    } else if (op == CXBinaryOperator_Comma) {
        lower_effect(lower, children.list[0]);
        lower_condition(lower, children.list[1], yes, no);
    } else if ((op == CXBinaryOperator_NE || op == CXBinaryOperator_EQ) &&
               is_boolean(children.list[0]) && lower_constant(children.list[1], &number) &&
               number == 0) {
        bool same = op == CXBinaryOperator_NE;
        lower_condition(lower, children.list[0], same ? yes : no, same ? no : yes);
    } else {
        done = false;
    }
    front_children_free(&children);
    return done;
}

static bool conditional(struct lower *lower, CXCursor expression, uint32_t yes, uint32_t no)
{
    struct children children = front_children(expression);
    bool done = children.count == 3;
    if (done) {
        uint32_t first = lower_block(lower), second = lower_block(lower);
        lower_condition(lower, children.list[0], first, second);
        lower->block = first;
        lower_condition(lower, children.list[1], yes, no);
        lower->block = second;
        lower_condition(lower, children.list[2], yes, no);
    }
    front_children_free(&children);
    return done;
}

static void condition(struct lower *lower, CXCursor expression, uint32_t yes, uint32_t no)
{
    CXCursor operand;
    expression = lower_strip(expression);
    switch (clang_getCursorKind(expression)) {
    case CXCursor_UnaryOperator:
        if (clang_getCursorUnaryOperatorKind(expression) == CXUnaryOperator_LNot &&
            front_operand(expression, &operand)) {
            lower_condition(lower, operand, no, yes);
            return;
        }
        break;
    case CXCursor_CStyleCastExpr: /* (bool)x, (long)(a && b) */
        if (front_operand(expression, &operand) &&
            (is_boolean(operand) ||
             clang_getCanonicalType(clang_getCursorType(expression)).kind == CXType_Bool)) {
            lower_condition(lower, operand, yes, no);
            return;
        }
        break;
    case CXCursor_BinaryOperator:
        if (binary(lower, expression, yes, no))
            return;
        break;
    case CXCursor_ConditionalOperator:
        if (conditional(lower, expression, yes, no))
            return;
        break;
    case CXCursor_CallExpr:
        if (is_expect(expression)) {
            lower_condition(lower, clang_Cursor_getArgument(expression, 0), yes, no);
            return;
        }
        break;
    case CXCursor_StmtExpr:
        if (boolean_block(expression, &operand)) {
            lower_condition(lower, operand, yes, no);
            return;
        }
        break;
    default:
        break;
    }
    on_value(lower, expression, yes, no);
}

void lower_condition(struct lower *lower, CXCursor expression, uint32_t yes, uint32_t no)
{
    if (!lower_enter(lower, expression)) {
        lower_branch(lower, ir_value_new(IR_VALUE_UNKNOWN),
                     front_cursor_loc(lower->front, expression), yes, no);
        return;
    }
    condition(lower, expression, yes, no);
    lower_leave(lower);
}
