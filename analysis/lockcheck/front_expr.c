/* Expressions for their value or their effect. Events come out in the order
 * of evaluation; where C leaves that open, operands are taken from left to
 * right, and the right side of an assignment before the left. What has no
 * form in ir_value is IR_VALUE_UNKNOWN, but its parts are lowered all the
 * same. */
#include "front_internal.h"

#include <string.h>

/* Of a string literal nobody needs more. */
#define STRING_MAX 256

static void effects_of_children(struct lower *lower, CXCursor expression)
{
    struct children children = front_children(expression);
    for (unsigned i = 0; i < children.count; i++) {
        if (clang_isExpression(clang_getCursorKind(children.list[i])))
            lower_effect(lower, children.list[i]);
    }
    front_children_free(&children);
}

/* Arrays and functions as parameters are pointers. */
bool lower_is_parameter(CXCursor expression)
{
    expression = lower_strip(expression);
    return clang_getCursorKind(expression) == CXCursor_DeclRefExpr &&
           clang_getCursorKind(clang_getCursorReferenced(expression)) == CXCursor_ParmDecl;
}

struct ir_value *lower_load(struct lower *lower, CXCursor expression, struct ir_path *path)
{
    CXType type = clang_getCursorType(expression);
    if (path->root == IR_ROOT_UNKNOWN) {
        ir_path_free(path);
        return lower_unknown();
    }
    if (front_type_is_array(type) && !lower_is_parameter(expression))
        return lower_address(path);
    lower_access(lower, IR_READ, front_cursor_loc(lower->front, expression), path,
                 front_type_is_atomic(type));
    return lower_load_of(path);
}

static struct ir_value *string_value(CXCursor expression)
{
    CXString spelling = clang_getCursorSpelling(expression);
    const char *text = clang_getCString(spelling);
    struct ir_value *value = ir_value_new(IR_VALUE_STRING);
    size_t length = text == NULL ? 0 : strlen(text);
    if (length >= 2 && text[0] == '"') {
        text++;
        length -= 2;
    }
    char *copy = g_strndup(text == NULL ? "" : text, MIN(length, STRING_MAX));
    size_t end = strlen(copy), backslashes = 0;
    while (backslashes < end && copy[end - backslashes - 1] == '\\')
        backslashes++;
    copy[end - backslashes % 2] = '\0'; /* half an escape, where it was cut */
    char *plain = g_strcompress(copy);
    value->text = front_intern_text(plain);
    g_free(plain);
    g_free(copy);
    clang_disposeString(spelling);
    return value;
}

static struct ir_value *reference_value(struct lower *lower, CXCursor expression)
{
    CXCursor decl = clang_getCursorReferenced(expression);
    switch (clang_getCursorKind(decl)) {
    case CXCursor_EnumConstantDecl:
        return lower_int(clang_getEnumConstantDeclValue(decl));
    case CXCursor_FunctionDecl: {
        struct ir_value *value = ir_value_new(IR_VALUE_FUNC);
        value->text = front_function(lower->front, decl)->ir->symbol;
        return value;
    }
    case CXCursor_VarDecl:
    case CXCursor_ParmDecl:
        return lower_load(lower, expression, lower_variable(lower, decl));
    default:
        return lower_unknown();
    }
}

static void set_result(struct lower *lower, CXCursor expression, uint32_t temp, bool is_void)
{
    if (is_void) {
        lower_effect(lower, expression);
        return;
    }
    struct ir_value *value = lower_value(lower, expression);
    lower_set(lower, front_cursor_loc(lower->front, expression),
              ir_path_new(IR_ROOT_LOCAL, temp, NULL), value, false);
}

/* a ? b : c, and a ?: c, of which libclang shows a several times. */
static struct ir_value *conditional_value(struct lower *lower, CXCursor expression,
                                          const struct children *children, bool want)
{
    CXType type = clang_getCursorType(expression);
    bool is_void = front_type_is_void(type) || !want, elvis = children->count == 4;
    uint32_t yes = lower_block(lower), no = lower_block(lower), end = lower_block(lower);
    uint32_t temp = is_void ? 0 : lower_temp(lower, type);
    if (elvis) {
        struct ir_loc loc = front_cursor_loc(lower->front, expression);
        struct ir_value *first = lower_value(lower, children->list[0]);
        if (!is_void)
            lower_set(lower, loc, ir_path_new(IR_ROOT_LOCAL, temp, NULL), ir_value_copy(first),
                      false);
        lower_branch(lower, first, loc, yes, no);
        lower->block = yes;
    } else {
        lower_condition(lower, children->list[0], yes, no);
        lower->block = yes;
        set_result(lower, children->list[1], temp, is_void);
    }
    if (lower->block != NO_BLOCK)
        lower_goto(lower, end);
    lower->block = no;
    set_result(lower, children->list[elvis ? 3 : 2], temp, is_void);
    lower_start(lower, end);
    return is_void ? lower_unknown() : lower_load_of(ir_path_new(IR_ROOT_LOCAL, temp, NULL));
}

struct ir_value *lower_statement_expression(struct lower *lower, CXCursor expression, bool want)
{
    struct children outer = front_children(expression);
    struct ir_value *value = NULL;
    if (outer.count > 0) {
        CXCursor body = outer.list[outer.count - 1];
        struct children statements = front_children(body);
        struct cleanup *scope = lower->cleanups;
        for (unsigned i = 0; i < statements.count; i++) {
            CXCursor statement = statements.list[i];
            bool is_last = i + 1 == statements.count;
            if (is_last && want && clang_isExpression(clang_getCursorKind(statement)) &&
                !front_type_is_void(clang_getCursorType(expression))) {
                value = lower_value(lower, statement);
                if (lower->cleanups != scope)
                    value = lower_snapshot(lower, value, clang_getCursorType(expression),
                                           front_cursor_loc(lower->front, statement));
            } else {
                lower_statement(lower, statement);
            }
        }
        lower_cleanups(lower, scope, front_end_loc(lower->front, body));
        lower->cleanups = scope;
        front_children_free(&statements);
    }
    front_children_free(&outer);
    return value;
}

static bool all_expressions(const struct children *children)
{
    for (unsigned i = 0; i < children->count; i++) {
        if (!clang_isExpression(clang_getCursorKind(children->list[i])))
            return false;
    }
    return true;
}

/* What libclang has no cursor kind for: implied casts, a ?: b, atomic
 * builtins, __builtin_choose_expr, va_arg, offsetof and other rarities. */
static struct ir_value *unexposed_value(struct lower *lower, CXCursor expression, bool want)
{
    struct children children = front_children(expression);
    struct ir_value *value = NULL;
    int64_t number;
    if (children.count == 0 || !all_expressions(&children)) {
        value = lower_constant(expression, &number) ? lower_int(number) : lower_unknown();
    } else if (children.count == 1 && front_same_range(expression, children.list[0])) {
        value = want ? lower_value(lower, children.list[0]) : NULL;
        if (!want)
            lower_effect(lower, children.list[0]);
    } else if (children.count == 4 && front_same_range(children.list[0], children.list[1]) &&
               front_same_range(children.list[0], children.list[2])) {
        value = conditional_value(lower, expression, &children, want);
    } else if (lower_atomic_expression(lower, expression, &children, &value)) {
        ;
    } else if (children.count == 3 && lower_constant(children.list[0], &number)) {
        value = lower_value(lower, children.list[number != 0 ? 1 : 2]);
    } else if (children.count == 1) { /* va_arg */
        ir_value_free(lower_value(lower, children.list[0]));
    } else {
        effects_of_children(lower, expression);
    }
    front_children_free(&children);
    return value == NULL ? lower_unknown() : value;
}

static struct ir_value *conditional_operator(struct lower *lower, CXCursor expression, bool want)
{
    struct children children = front_children(expression);
    struct ir_value *value = children.count == 3
                                 ? conditional_value(lower, expression, &children, want)
                                 : lower_unknown();
    front_children_free(&children);
    return value;
}

static struct ir_value *cast_value(struct lower *lower, CXCursor expression, bool want)
{
    CXCursor operand;
    if (!front_operand(expression, &operand))
        return lower_unknown();
    if (want && !front_type_is_void(clang_getCursorType(expression)))
        return lower_value(lower, operand);
    lower_effect(lower, operand);
    return lower_unknown();
}

static struct ir_value *label_value(struct lower *lower, CXCursor expression)
{
    struct children children = front_children(expression);
    for (unsigned i = 0; i < children.count; i++) {
        if (clang_getCursorKind(children.list[i]) == CXCursor_LabelRef)
            lower_label_address(lower, clang_getCursorReferenced(children.list[i]));
    }
    front_children_free(&children);
    return lower_unknown();
}

static struct ir_value *expression_value(struct lower *lower, CXCursor expression, bool want)
{
    struct ir_value *value = NULL;
    CXCursor operand;
    int64_t number;
    switch (clang_getCursorKind(expression)) {
    case CXCursor_UnexposedExpr:
        return unexposed_value(lower, expression, want);
    case CXCursor_ParenExpr:
        if (!front_operand(expression, &operand))
            return lower_unknown();
        if (want)
            return lower_value(lower, operand);
        lower_effect(lower, operand);
        return lower_unknown();
    case CXCursor_GenericSelectionExpr:
        return lower_generic_choice(expression, &operand) ? lower_value(lower, operand)
                                                          : lower_unknown();
    case CXCursor_CStyleCastExpr:
        return cast_value(lower, expression, want);
    case CXCursor_IntegerLiteral:
    case CXCursor_CharacterLiteral:
    case CXCursor_UnaryExpr: /* sizeof, alignof: the operand is not evaluated */
        return lower_constant(expression, &number) ? lower_int(number) : lower_unknown();
    case CXCursor_StringLiteral:
        return string_value(expression);
    case CXCursor_DeclRefExpr:
        return reference_value(lower, expression);
    case CXCursor_MemberRefExpr:
    case CXCursor_ArraySubscriptExpr:
    case CXCursor_CompoundLiteralExpr:
        return lower_load(lower, expression, lower_place(lower, expression));
    case CXCursor_UnaryOperator:
        return lower_unary(lower, expression, want);
    case CXCursor_BinaryOperator:
        return lower_binary(lower, expression, want);
    case CXCursor_CompoundAssignOperator:
        return lower_compound_assign(lower, expression);
    case CXCursor_ConditionalOperator:
        return conditional_operator(lower, expression, want);
    case CXCursor_CallExpr:
        return lower_call(lower, expression, want);
    case CXCursor_StmtExpr:
        value = lower_statement_expression(lower, expression, want);
        return value == NULL ? lower_unknown() : value;
    case CXCursor_AddrLabelExpr:
        return label_value(lower, expression);
    case CXCursor_InitListExpr:
        if (front_operand(expression, &operand) && want)
            return lower_value(lower, operand);
        return lower_unknown();
    case CXCursor_BlockExpr:
        return lower_unknown();
    default:
        effects_of_children(lower, expression);
        return lower_unknown();
    }
}

struct ir_value *lower_value(struct lower *lower, CXCursor expression)
{
    if (!lower_enter(lower, expression))
        return lower_unknown();
    struct ir_value *value = expression_value(lower, expression, true);
    lower_leave(lower);
    return value;
}

void lower_effect(struct lower *lower, CXCursor expression)
{
    if (!lower_enter(lower, expression))
        return;
    ir_value_free(expression_value(lower, expression, false));
    lower_leave(lower);
}
