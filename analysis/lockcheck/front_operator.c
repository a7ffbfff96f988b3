/* Unary and binary operators, and assignments. */
#include "front_internal.h"

static struct ir_value *step_value(struct lower *lower, CXCursor expression, CXCursor operand,
                                   enum CXUnaryOperatorKind op, bool want)
{
    struct ir_path *path = lower_place(lower, operand);
    CXType type = clang_getCursorType(operand);
    struct ir_loc loc = front_cursor_loc(lower->front, expression);
    bool after = op == CXUnaryOperator_PostInc || op == CXUnaryOperator_PostDec;
    struct ir_value *value = NULL;
    if (want && after && path->root != IR_ROOT_UNKNOWN)
        value = lower_snapshot(lower, lower_load_of(ir_path_copy(path)), type, loc);
    lower_access(lower, IR_WRITE, loc, path, front_type_is_atomic(type));
    if (!want || path->root == IR_ROOT_UNKNOWN || value != NULL) {
        ir_path_free(path);
        return value != NULL ? value : lower_unknown();
    }
    return lower_load_of(path);
}

struct ir_value *lower_unary(struct lower *lower, CXCursor expression, bool want)
{
    CXCursor operand;
    if (!front_operand(expression, &operand))
        return lower_unknown();
    enum CXUnaryOperatorKind op = clang_getCursorUnaryOperatorKind(expression);
    struct ir_value *value;
    switch (op) {
    case CXUnaryOperator_PostInc:
    case CXUnaryOperator_PostDec:
    case CXUnaryOperator_PreInc:
    case CXUnaryOperator_PreDec:
        return step_value(lower, expression, operand, op, want);
    case CXUnaryOperator_AddrOf:
        if (front_type_is_function(clang_getCursorType(operand)))
            return lower_value(lower, operand);
        return lower_address(lower_place(lower, operand));
    case CXUnaryOperator_Deref:
        if (front_type_is_function(clang_getCursorType(expression)))
            return lower_value(lower, operand);
        return lower_load(lower, expression, lower_place(lower, expression));
    case CXUnaryOperator_LNot:
        return lower_not(lower_value(lower, operand));
    case CXUnaryOperator_Plus:
    case CXUnaryOperator_Extension:
        return lower_value(lower, operand);
    case CXUnaryOperator_Minus:
    case CXUnaryOperator_Not:
        value = lower_value(lower, operand);
        if (value->kind == IR_VALUE_INT) {
            uint64_t bits = (uint64_t)value->number;
            value->number = (int64_t)(op == CXUnaryOperator_Not ? ~bits : 0 - bits);
            return value;
        }
        ir_value_free(value);
        return lower_unknown();
    default:
        lower_effect(lower, operand);
        return lower_unknown();
    }
}

static bool fold(enum CXBinaryOperatorKind op, int64_t a, int64_t b, int64_t *result)
{
    uint64_t x = (uint64_t)a, y = (uint64_t)b;
    switch (op) {
    case CXBinaryOperator_Add:
        *result = (int64_t)(x + y);
        return true;
    case CXBinaryOperator_Sub:
        *result = (int64_t)(x - y);
        return true;
    case CXBinaryOperator_Mul:
        *result = (int64_t)(x * y);
        return true;
    case CXBinaryOperator_And:
        *result = (int64_t)(x & y);
        return true;
    case CXBinaryOperator_Or:
        *result = (int64_t)(x | y);
        return true;
    case CXBinaryOperator_Xor:
        *result = (int64_t)(x ^ y);
        return true;
    case CXBinaryOperator_Shl:
        *result = (int64_t)(y < 64 ? x << y : 0);
        return y < 64;
    case CXBinaryOperator_Shr:
        *result = (int64_t)(y < 64 ? x >> y : 0);
        return y < 64 && a >= 0;
    default:
        return false;
    }
}

static bool comparison(enum CXBinaryOperatorKind op, enum ir_compare *compare)
{
    switch (op) {
    case CXBinaryOperator_EQ:
        *compare = IR_EQ;
        return true;
    case CXBinaryOperator_NE:
        *compare = IR_NE;
        return true;
    case CXBinaryOperator_LT:
        *compare = IR_LT;
        return true;
    case CXBinaryOperator_LE:
        *compare = IR_LE;
        return true;
    case CXBinaryOperator_GT:
        *compare = IR_GT;
        return true;
    case CXBinaryOperator_GE:
        *compare = IR_GE;
        return true;
    default:
        return false;
    }
}

static struct ir_value *assign(struct lower *lower, CXCursor expression, CXCursor left,
                               CXCursor right)
{
    struct ir_loc loc = front_cursor_loc(lower->front, expression);
    CXType type = clang_getCursorType(left);
    bool atomic = front_type_is_atomic(type);
    if (front_type_is_record(type)) {
        CXCursor source = lower_strip(right);
        bool literal = clang_getCursorKind(source) == CXCursor_CompoundLiteralExpr;
        struct ir_value *copied = literal ? NULL : lower_value(lower, right);
        struct ir_path *path = lower_place(lower, left);
        ir_value_free(copied);
        lower_access(lower, IR_WRITE, loc, path, atomic);
        CXCursor list;
        if (literal && path->root != IR_ROOT_UNKNOWN && front_operand(source, &list))
            lower_initialiser(lower, path, type, list);
        return lower_load_of(path);
    }
    struct ir_value *value = lower_value(lower, right);
    struct ir_path *path = lower_place(lower, left);
    if (path->root == IR_ROOT_UNKNOWN) {
        ir_path_free(path);
        return value;
    }
    lower_set(lower, loc, ir_path_copy(path), value, atomic);
    return lower_load_of(path);
}

/* The value of && and ||, by way of branches. */
static struct ir_value *logical_value(struct lower *lower, CXCursor expression)
{
    uint32_t yes = lower_block(lower), no = lower_block(lower), end = lower_block(lower);
    uint32_t temp = lower_temp(lower, clang_getCursorType(expression));
    struct ir_loc loc = front_cursor_loc(lower->front, expression);
    lower_condition(lower, expression, yes, no);
    lower->block = yes;
    lower_set(lower, loc, ir_path_new(IR_ROOT_LOCAL, temp, NULL), lower_int(1), false);
    lower_goto(lower, end);
    lower->block = no;
    lower_set(lower, loc, ir_path_new(IR_ROOT_LOCAL, temp, NULL), lower_int(0), false);
    lower_start(lower, end);
    return lower_load_of(ir_path_new(IR_ROOT_LOCAL, temp, NULL));
}

static struct ir_value *arithmetic_value(struct lower *lower, CXCursor expression, CXCursor left,
                                         CXCursor right, enum CXBinaryOperatorKind op)
{
    bool add = op == CXBinaryOperator_Add, subtract = op == CXBinaryOperator_Sub;
    bool left_pointer = front_type_points(clang_getCursorType(left));
    bool right_pointer = front_type_points(clang_getCursorType(right));
    if ((add || subtract) && left_pointer && !right_pointer)
        return lower_pointer_add(lower, expression, left, right, subtract);
    if (add && right_pointer && !left_pointer)
        return lower_pointer_add(lower, expression, right, left, false);
    struct ir_value *a = lower_value(lower, left), *b = lower_value(lower, right);
    int64_t folded;
    if (a->kind == IR_VALUE_INT && b->kind == IR_VALUE_INT &&
        fold(op, a->number, b->number, &folded)) {
        a->number = folded;
        ir_value_free(b);
        return a;
    }
    /* A pointer with marks in its low bits: masking them out is the pointer
     * again, anything else is about it. */
    if (front_type_points(clang_getCursorType(lower_strip_casts(left))) &&
        b->kind == IR_VALUE_INT) {
        bool unmarked = op == CXBinaryOperator_And && b->number < 0;
        ir_value_free(b);
        return unmarked ? a : lower_offset(a, front_text(lower->front, expression));
    }
    ir_value_free(a);
    ir_value_free(b);
    return lower_unknown();
}

struct ir_value *lower_binary(struct lower *lower, CXCursor expression, bool want)
{
    struct children children = front_children(expression);
    struct ir_value *value = NULL;
    enum CXBinaryOperatorKind op = clang_getCursorBinaryOperatorKind(expression);
    enum ir_compare compare;
    if (children.count < 2) {
        value = lower_unknown();
    } else if (op == CXBinaryOperator_Assign) {
        value = assign(lower, expression, children.list[0], children.list[1]);
    } else if (op == CXBinaryOperator_Comma) {
        lower_effect(lower, children.list[0]);
        if (want)
            value = lower_value(lower, children.list[1]);
        else
            lower_effect(lower, children.list[1]);
    } else if (op == CXBinaryOperator_LAnd || op == CXBinaryOperator_LOr) {
        value = logical_value(lower, expression);
    } else if (comparison(op, &compare)) {
        struct ir_value *a = lower_value(lower, children.list[0]);
        struct ir_value *b = lower_value(lower, children.list[1]);
        value = lower_compare(compare, a, b);
    } else {
        value = arithmetic_value(lower, expression, children.list[0], children.list[1], op);
    }
    front_children_free(&children);
    return value == NULL ? lower_unknown() : value;
}

struct ir_value *lower_compound_assign(struct lower *lower, CXCursor expression)
{
    struct children children = front_children(expression);
    struct ir_value *value = NULL;
    if (children.count >= 2) {
        CXType type = clang_getCursorType(children.list[0]);
        ir_value_free(lower_value(lower, children.list[1]));
        struct ir_path *path = lower_place(lower, children.list[0]);
        lower_access(lower, IR_WRITE, front_cursor_loc(lower->front, expression), path,
                     front_type_is_atomic(type));
        if (path->root == IR_ROOT_UNKNOWN)
            ir_path_free(path);
        else
            value = lower_load_of(path);
    }
    front_children_free(&children);
    return value == NULL ? lower_unknown() : value;
}
