/* Values, and expressions without what only converts them. Values are kept in
 * one form: constants are folded and stand on the right of a comparison, &*p
 * is p, and !(a == b) stays a negation for the branch to turn round. */
#include "front_internal.h"

#include <string.h>

struct ir_value *lower_int(int64_t number)
{
    struct ir_value *value = ir_value_new(IR_VALUE_INT);
    value->number = number;
    return value;
}

struct ir_value *lower_unknown(void)
{
    return ir_value_new(IR_VALUE_UNKNOWN);
}

struct ir_value *lower_load_of(struct ir_path *path)
{
    struct ir_value *value = ir_value_new(IR_VALUE_LOAD);
    value->path = path;
    return value;
}

/* &*p is p. Takes the path over. */
struct ir_value *lower_address(struct ir_path *path)
{
    if (path->root == IR_ROOT_UNKNOWN) {
        ir_path_free(path);
        return lower_unknown();
    }
    guint last = path->steps->len;
    if (last > 0 && g_array_index(path->steps, struct ir_step, last - 1).kind == IR_STEP_DEREF) {
        g_array_set_size(path->steps, last - 1);
        return lower_load_of(path);
    }
    struct ir_value *value = ir_value_new(IR_VALUE_ADDRESS);
    value->path = path;
    return value;
}

struct ir_value *lower_not(struct ir_value *a)
{
    if (a->kind == IR_VALUE_INT) {
        a->number = a->number == 0;
        return a;
    }
    if (a->kind == IR_VALUE_UNKNOWN)
        return a;
    struct ir_value *value = ir_value_new(IR_VALUE_NOT);
    value->a = a;
    return value;
}

static bool holds(enum ir_compare op, int64_t a, int64_t b)
{
    switch (op) {
    case IR_EQ:
        return a == b;
    case IR_NE:
        return a != b;
    case IR_LT:
        return a < b;
    case IR_LE:
        return a <= b;
    case IR_GT:
        return a > b;
    case IR_GE:
        return a >= b;
    }
    return false;
}

struct ir_value *lower_compare(enum ir_compare op, struct ir_value *a, struct ir_value *b)
{
    if (a->kind == IR_VALUE_INT && b->kind == IR_VALUE_INT) {
        a->number = holds(op, a->number, b->number);
        ir_value_free(b);
        return a;
    }
    if (a->kind == IR_VALUE_INT) { /* the constant stands on the right */
        static const enum ir_compare mirror[] = {
            [IR_EQ] = IR_EQ, [IR_NE] = IR_NE, [IR_LT] = IR_GT,
            [IR_LE] = IR_GE, [IR_GT] = IR_LT, [IR_GE] = IR_LE,
        };
        return lower_compare(mirror[op], b, a);
    }
    /* (x == y) != 0 and the like are the comparison itself or its opposite. */
    if ((op == IR_EQ || op == IR_NE) && b->kind == IR_VALUE_INT && b->number == 0 &&
        (a->kind == IR_VALUE_COMPARE || a->kind == IR_VALUE_NOT)) {
        ir_value_free(b);
        return op == IR_NE ? a : lower_not(a);
    }
    struct ir_value *value = ir_value_new(IR_VALUE_COMPARE);
    value->op = op;
    value->a = a;
    value->b = b;
    return value;
}

bool front_same_range(CXCursor a, CXCursor b)
{
    return clang_equalRanges(clang_getCursorExtent(a), clang_getCursorExtent(b)) != 0;
}

/* The expression below one that only converts, if it is such. libclang shows
 * implied casts as nodes without a kind and with the extent of their operand. */
static bool converts(CXCursor expression, CXCursor *operand)
{
    switch (clang_getCursorKind(expression)) {
    case CXCursor_ParenExpr:
        return front_operand(expression, operand);
    case CXCursor_UnaryOperator:
        return clang_getCursorUnaryOperatorKind(expression) == CXUnaryOperator_Extension &&
               front_operand(expression, operand);
    case CXCursor_GenericSelectionExpr:
        return lower_generic_choice(expression, operand);
    case CXCursor_UnexposedExpr: {
        struct children children = front_children(expression);
        bool one = children.count == 1 && clang_isExpression(clang_getCursorKind(children.list[0]));
        if (one)
            *operand = children.list[0];
        front_children_free(&children);
        return one && front_same_range(expression, *operand);
    }
    default:
        return false;
    }
}

CXCursor lower_strip(CXCursor expression)
{
    CXCursor operand;
    for (unsigned i = 0; i < 1000 && converts(expression, &operand); i++)
        expression = operand;
    return expression;
}

CXCursor lower_strip_casts(CXCursor expression)
{
    CXCursor operand;
    expression = lower_strip(expression);
    for (unsigned i = 0; i < 1000; i++) {
        if (clang_getCursorKind(expression) != CXCursor_CStyleCastExpr ||
            !front_operand(expression, &operand))
            break;
        expression = lower_strip(operand);
    }
    return expression;
}

/* The association whose type is that of the whole: libclang shows all. */
bool lower_generic_choice(CXCursor expression, CXCursor *choice)
{
    struct children children = front_children(expression);
    CXType type = clang_getCursorType(expression);
    unsigned expressions = 0;
    bool found = false;
    for (unsigned i = 0; i < children.count && !found; i++) {
        if (!clang_isExpression(clang_getCursorKind(children.list[i])) || expressions++ == 0)
            continue; /* types, and the controlling expression */
        if (clang_equalTypes(clang_getCursorType(children.list[i]), type)) {
            *choice = children.list[i];
            found = true;
        }
    }
    front_children_free(&children);
    return found;
}

bool lower_constant(CXCursor expression, int64_t *number)
{
    if (!clang_isExpression(clang_getCursorKind(expression)))
        return false;
    CXEvalResult result = clang_Cursor_Evaluate(expression);
    if (result == NULL)
        return false;
    bool is_int = clang_EvalResult_getKind(result) == CXEval_Int;
    if (is_int)
        *number = clang_EvalResult_getAsLongLong(result);
    clang_EvalResult_dispose(result);
    return is_int;
}

struct ir_value *lower_snapshot(struct lower *lower, struct ir_value *value, CXType type,
                                struct ir_loc loc)
{
    if (value->kind != IR_VALUE_LOAD && value->kind != IR_VALUE_NOT &&
        value->kind != IR_VALUE_COMPARE && value->kind != IR_VALUE_OFFSET)
        return value;
    if (value->kind == IR_VALUE_LOAD && value->path->root == IR_ROOT_LOCAL &&
        value->path->steps->len == 0) {
        const struct ir_variable *local =
            g_ptr_array_index(lower->function->locals, value->path->index);
        if (local->name != NULL && local->name[0] == '%')
            return value;
    }
    uint32_t temp = lower_temp(lower, type);
    lower_set(lower, loc, ir_path_new(IR_ROOT_LOCAL, temp, NULL), value, false);
    return lower_load_of(ir_path_new(IR_ROOT_LOCAL, temp, NULL));
}
