/* Expressions for their value or their effect. Events come out in the order
 * of evaluation; where C leaves that open, operands are taken from left to
 * right, and the right side of an assignment before the left. What has no
 * form in ir_value is IR_VALUE_UNKNOWN, but its parts are lowered all the
 * same. */
#include "front_internal.h"

#include <string.h>

struct ir_value *lower_int(int64_t number)
{
    struct ir_value *value = ir_value_new(IR_VALUE_INT);
    value->number = number;
    return value;
}

static struct ir_value *unknown(void)
{
    return ir_value_new(IR_VALUE_UNKNOWN);
}

static struct ir_value *load_of(struct ir_path *path)
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
        return unknown();
    }
    guint last = path->steps->len;
    if (last > 0 && g_array_index(path->steps, struct ir_step, last - 1).kind == IR_STEP_DEREF) {
        g_array_set_size(path->steps, last - 1);
        return load_of(path);
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

static bool same_range(CXCursor a, CXCursor b)
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
        return one && same_range(expression, *operand);
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

static bool evaluate(CXCursor expression, int64_t *number)
{
    CXEvalResult result = clang_Cursor_Evaluate(expression);
    if (result == NULL)
        return false;
    bool is_int = clang_EvalResult_getKind(result) == CXEval_Int;
    if (is_int)
        *number = clang_EvalResult_getAsLongLong(result);
    clang_EvalResult_dispose(result);
    return is_int;
}

bool lower_constant(CXCursor expression, int64_t *number)
{
    return clang_isExpression(clang_getCursorKind(expression)) && evaluate(expression, number);
}

static void effects_of_children(struct lower *lower, CXCursor expression)
{
    struct children children = front_children(expression);
    for (unsigned i = 0; i < children.count; i++) {
        if (clang_isExpression(clang_getCursorKind(children.list[i])))
            lower_effect(lower, children.list[i]);
    }
    front_children_free(&children);
}

struct ir_value *lower_load(struct lower *lower, CXCursor expression, struct ir_path *path)
{
    CXType type = clang_getCursorType(expression);
    if (path->root == IR_ROOT_UNKNOWN) {
        ir_path_free(path);
        return unknown();
    }
    if (front_type_is_array(type))
        return lower_address(path);
    lower_access(lower, IR_READ, front_cursor_loc(lower->front, expression), path,
                 front_type_is_atomic(type));
    return load_of(path);
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
    return load_of(ir_path_new(IR_ROOT_LOCAL, temp, NULL));
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
    char *copy = g_strndup(text == NULL ? "" : text, MIN(length, 256));
    char *plain = g_strcompress(copy);
    value->text = g_intern_string(plain);
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
        return unknown();
    }
}

static struct ir_value *step_value(struct lower *lower, CXCursor expression, CXCursor operand,
                                   enum CXUnaryOperatorKind op, bool want)
{
    struct ir_path *path = lower_place(lower, operand);
    CXType type = clang_getCursorType(operand);
    struct ir_loc loc = front_cursor_loc(lower->front, expression);
    bool after = op == CXUnaryOperator_PostInc || op == CXUnaryOperator_PostDec;
    struct ir_value *value = NULL;
    if (want && after && path->root != IR_ROOT_UNKNOWN)
        value = lower_snapshot(lower, load_of(ir_path_copy(path)), type, loc);
    lower_access(lower, IR_WRITE, loc, path, front_type_is_atomic(type));
    if (!want || path->root == IR_ROOT_UNKNOWN || value != NULL) {
        ir_path_free(path);
        return value != NULL ? value : unknown();
    }
    return load_of(path);
}

static struct ir_value *unary_value(struct lower *lower, CXCursor expression, bool want)
{
    CXCursor operand;
    if (!front_operand(expression, &operand))
        return unknown();
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
        return unknown();
    default:
        lower_effect(lower, operand);
        return unknown();
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
        !evaluate(lower_strip_casts(base), &number) || number != 0)
        return NULL;
    const char *type =
        front_intern(clang_getTypeSpelling(clang_getPointeeType(clang_getCursorType(base))));
    return g_strdup_printf("%s.%s", type, front_intern(clang_getCursorSpelling(place)));
}

static struct ir_value *offset_value(struct ir_value *pointer, const char *text)
{
    if (pointer->kind == IR_VALUE_UNKNOWN || pointer->kind == IR_VALUE_INT) {
        ir_value_free(pointer);
        return unknown();
    }
    struct ir_value *value = ir_value_new(IR_VALUE_OFFSET);
    value->a = pointer;
    value->text = text;
    return value;
}

/* container_of(&x->m, T, m) is x. */
static struct ir_value *container_value(struct lower *lower, struct ir_value *pointer,
                                        const char *member)
{
    (void)lower;
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
    const char *interned = g_intern_string(text);
    g_free(text);
    return offset_value(pointer, interned);
}

/* p + i is &p[i] as long as p has the type that it was declared with. */
static struct ir_value *pointer_value(struct lower *lower, CXCursor expression, CXCursor pointer,
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
    const char *text = front_text(lower->front, expression);
    return offset_value(base, text == NULL ? g_intern_string("arithmetic") : text);
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
        return load_of(path);
    }
    struct ir_value *value = lower_value(lower, right);
    struct ir_path *path = lower_place(lower, left);
    if (path->root == IR_ROOT_UNKNOWN) {
        ir_path_free(path);
        return value;
    }
    lower_set(lower, loc, ir_path_copy(path), value, atomic);
    return load_of(path);
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
    return load_of(ir_path_new(IR_ROOT_LOCAL, temp, NULL));
}

static struct ir_value *arithmetic_value(struct lower *lower, CXCursor expression, CXCursor left,
                                         CXCursor right, enum CXBinaryOperatorKind op)
{
    bool add = op == CXBinaryOperator_Add, subtract = op == CXBinaryOperator_Sub;
    bool left_pointer = front_type_is_pointer(clang_getCursorType(left));
    bool right_pointer = front_type_is_pointer(clang_getCursorType(right));
    if ((add || subtract) && left_pointer && !right_pointer)
        return pointer_value(lower, expression, left, right, subtract);
    if (add && right_pointer && !left_pointer)
        return pointer_value(lower, expression, right, left, false);
    struct ir_value *a = lower_value(lower, left), *b = lower_value(lower, right);
    int64_t folded;
    if (a->kind == IR_VALUE_INT && b->kind == IR_VALUE_INT &&
        fold(op, a->number, b->number, &folded)) {
        a->number = folded;
        ir_value_free(b);
        return a;
    }
    ir_value_free(a);
    ir_value_free(b);
    return unknown();
}

static struct ir_value *binary_value(struct lower *lower, CXCursor expression, bool want)
{
    struct children children = front_children(expression);
    struct ir_value *value = NULL;
    enum CXBinaryOperatorKind op = clang_getCursorBinaryOperatorKind(expression);
    enum ir_compare compare;
    if (children.count < 2) {
        value = unknown();
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
    return value == NULL ? unknown() : value;
}

static struct ir_value *compound_assign(struct lower *lower, CXCursor expression)
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
            value = load_of(path);
    }
    front_children_free(&children);
    return value == NULL ? unknown() : value;
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
    return is_void ? unknown() : load_of(ir_path_new(IR_ROOT_LOCAL, temp, NULL));
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
        value = lower_constant(expression, &number) ? lower_int(number) : unknown();
    } else if (children.count == 1 && same_range(expression, children.list[0])) {
        value = want ? lower_value(lower, children.list[0]) : NULL;
        if (!want)
            lower_effect(lower, children.list[0]);
    } else if (children.count == 4 && same_range(children.list[0], children.list[1]) &&
               same_range(children.list[0], children.list[2])) {
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
    return value == NULL ? unknown() : value;
}

static struct ir_value *conditional_operator(struct lower *lower, CXCursor expression, bool want)
{
    struct children children = front_children(expression);
    struct ir_value *value =
        children.count == 3 ? conditional_value(lower, expression, &children, want) : unknown();
    front_children_free(&children);
    return value;
}

static struct ir_value *cast_value(struct lower *lower, CXCursor expression, bool want)
{
    CXCursor operand;
    if (!front_operand(expression, &operand))
        return unknown();
    if (want && !front_type_is_void(clang_getCursorType(expression)))
        return lower_value(lower, operand);
    lower_effect(lower, operand);
    return unknown();
}

static struct ir_value *label_value(struct lower *lower, CXCursor expression)
{
    struct children children = front_children(expression);
    for (unsigned i = 0; i < children.count; i++) {
        if (clang_getCursorKind(children.list[i]) == CXCursor_LabelRef)
            lower_label_address(lower, clang_getCursorReferenced(children.list[i]));
    }
    front_children_free(&children);
    return unknown();
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
            return unknown();
        if (want)
            return lower_value(lower, operand);
        lower_effect(lower, operand);
        return unknown();
    case CXCursor_GenericSelectionExpr:
        return lower_generic_choice(expression, &operand) ? lower_value(lower, operand) : unknown();
    case CXCursor_CStyleCastExpr:
        return cast_value(lower, expression, want);
    case CXCursor_IntegerLiteral:
    case CXCursor_CharacterLiteral:
    case CXCursor_UnaryExpr: /* sizeof, alignof: the operand is not evaluated */
        return evaluate(expression, &number) ? lower_int(number) : unknown();
    case CXCursor_StringLiteral:
        return string_value(expression);
    case CXCursor_DeclRefExpr:
        return reference_value(lower, expression);
    case CXCursor_MemberRefExpr:
    case CXCursor_ArraySubscriptExpr:
    case CXCursor_CompoundLiteralExpr:
        return lower_load(lower, expression, lower_place(lower, expression));
    case CXCursor_UnaryOperator:
        return unary_value(lower, expression, want);
    case CXCursor_BinaryOperator:
        return binary_value(lower, expression, want);
    case CXCursor_CompoundAssignOperator:
        return compound_assign(lower, expression);
    case CXCursor_ConditionalOperator:
        return conditional_operator(lower, expression, want);
    case CXCursor_CallExpr:
        return lower_call(lower, expression, want);
    case CXCursor_StmtExpr:
        value = lower_statement_expression(lower, expression, want);
        return value == NULL ? unknown() : value;
    case CXCursor_AddrLabelExpr:
        return label_value(lower, expression);
    case CXCursor_InitListExpr:
        if (front_operand(expression, &operand) && want)
            return lower_value(lower, operand);
        return unknown();
    case CXCursor_BlockExpr:
        return unknown();
    default:
        effects_of_children(lower, expression);
        return unknown();
    }
}

struct ir_value *lower_value(struct lower *lower, CXCursor expression)
{
    if (!lower_enter(lower, expression))
        return unknown();
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
