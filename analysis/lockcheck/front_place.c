/* Expressions that name a place, as paths. Every path has a variable as its
 * root: a place that is reached through something else, the result of a call
 * say, is reached through a temporary that is set to it first. */
#include "front_internal.h"

static struct ir_path *nowhere(void)
{
    return ir_path_new(IR_ROOT_UNKNOWN, 0, NULL);
}

static struct ir_path *temporary(struct lower *lower, struct ir_value *value, CXType type,
                                 struct ir_loc loc)
{
    uint32_t temp = lower_temp(lower, type);
    lower_set(lower, loc, ir_path_new(IR_ROOT_LOCAL, temp, NULL), value, false);
    return ir_path_new(IR_ROOT_LOCAL, temp, NULL);
}

/* The path of a LOAD or ADDRESS, which is taken out of it. */
static struct ir_path *path_of(struct ir_value *value)
{
    struct ir_path *path = value->path;
    value->path = NULL;
    ir_value_free(value);
    return path;
}

struct ir_path *lower_deref(struct lower *lower, struct ir_value *value, CXType type,
                            struct ir_loc loc)
{
    struct ir_step step = {IR_STEP_DEREF, NULL, NULL, NULL};
    struct ir_path *path;
    switch (value->kind) {
    case IR_VALUE_ADDRESS:
        return path_of(value);
    case IR_VALUE_LOAD:
        path = path_of(value);
        ir_path_add(path, step);
        return path;
    case IR_VALUE_INT:
    case IR_VALUE_STRING:
    case IR_VALUE_FUNC:
        ir_value_free(value);
        return nowhere();
    default:
        path = temporary(lower, value, type, loc);
        ir_path_add(path, step);
        return path;
    }
}

struct ir_path *lower_variable(struct lower *lower, CXCursor decl)
{
    const struct ir_path *known = g_hash_table_lookup(lower->variables, &decl);
    if (known != NULL)
        return ir_path_copy(known);
    if (clang_getCursorKind(decl) != CXCursor_VarDecl)
        return nowhere(); /* a parameter of a prototype, in a typeof or so */
    const char *symbol = front_symbol(lower->front, decl);
    if (!g_hash_table_contains(lower->front->globals, symbol)) {
        if (clang_getCursorLinkage(decl) == CXLinkage_NoLinkage)
            return nowhere(); /* a local of code that did not parse */
        front_global(lower->front, decl);
    }
    return ir_path_new(IR_ROOT_GLOBAL, 0, symbol);
}

/* Of an anonymous member no step is made. */
void lower_field_step(struct front *front, struct ir_path *path, CXCursor field)
{
    CXType type = clang_getCursorType(field);
    if (front_type_is_record(type) &&
        clang_Cursor_isAnonymousRecordDecl(clang_getTypeDeclaration(clang_getCanonicalType(type))))
        return;
    CXCursor parent = clang_getCursorSemanticParent(field);
    for (unsigned i = 0; i < 64 && clang_Cursor_isAnonymousRecordDecl(parent); i++) {
        CXCursor outer = clang_getCursorSemanticParent(parent);
        enum CXCursorKind kind = clang_getCursorKind(outer);
        if (kind != CXCursor_StructDecl && kind != CXCursor_UnionDecl)
            break;
        parent = outer;
    }
    struct front_record *record = front_record(front, parent);
    front_record_list(front, record);
    struct ir_step step = {IR_STEP_FIELD, record->ir->key,
                           front_intern(clang_getCursorSpelling(field)), NULL};
    ir_path_add(path, step);
}

/* What an expression that points to something points to: *a and a->x of an
 * array are about its first element. */
static struct ir_path *pointee_place(struct lower *lower, CXCursor pointer)
{
    CXType type = clang_getCursorType(pointer);
    CXCursor array = lower_strip(pointer);
    struct ir_path *path = lower_deref(lower, lower_value(lower, pointer), type,
                                       front_cursor_loc(lower->front, pointer));
    if (front_type_is_array(clang_getCursorType(array)) && !lower_is_parameter(array) &&
        path->root != IR_ROOT_UNKNOWN) {
        struct ir_step first = {IR_STEP_INDEX, NULL, ir_intern("0"), lower_int(0)};
        ir_path_add(path, first);
    }
    return path;
}

static struct ir_path *member_place(struct lower *lower, CXCursor expression)
{
    CXCursor base;
    CXCursor field = clang_getCursorReferenced(expression);
    if (!front_operand(expression, &base))
        return nowhere();
    CXType type = clang_getCursorType(base);
    struct ir_path *path =
        front_type_points(type) ? pointee_place(lower, base) : lower_place(lower, base);
    if (path->root != IR_ROOT_UNKNOWN && clang_getCursorKind(field) == CXCursor_FieldDecl)
        lower_field_step(lower->front, path, field);
    return path;
}

static struct ir_path *subscript_place(struct lower *lower, CXCursor expression)
{
    struct children children = front_children(expression);
    struct ir_path *path = NULL;
    if (children.count >= 2) {
        bool first = front_type_points(clang_getCursorType(children.list[0]));
        CXCursor base = children.list[first ? 0 : 1], number = children.list[first ? 1 : 0];
        struct ir_value *pointer = lower_value(lower, base);
        struct ir_value *index = lower_value(lower, number);
        path = lower_deref(lower, pointer, clang_getCursorType(base),
                           front_cursor_loc(lower->front, base));
        if (path->root == IR_ROOT_UNKNOWN) {
            ir_value_free(index);
        } else {
            struct ir_step step = {IR_STEP_INDEX, NULL, front_text(lower->front, number), index};
            ir_path_add(path, step);
        }
    }
    front_children_free(&children);
    return path == NULL ? nowhere() : path;
}

static struct ir_path *literal_place(struct lower *lower, CXCursor expression)
{
    CXType type = clang_getCursorType(expression);
    struct front *front = lower->front;
    CXCursor list;
    if (!front_operand(expression, &list))
        return nowhere();
    struct ir_path *path;
    if (lower == front->init) { /* at file scope it lives as long as the program */
        struct ir_variable *variable = ir_variable_new();
        struct ir_loc loc = front_cursor_loc(front, expression);
        char *name = g_strdup_printf("(literal %u)", ++front->literals);
        char *symbol = g_strdup_printf("%s:%s", loc.file == NULL ? "?" : loc.file, name);
        variable->name = ir_intern(name);
        variable->symbol = ir_intern(symbol);
        variable->loc = loc;
        variable->is_static = true;
        variable->definition = true;
        front_type(front, type, &variable->type);
        g_ptr_array_add(front->unit->globals, variable);
        g_hash_table_insert(front->globals, (gpointer)(uintptr_t)variable->symbol, variable);
        path = ir_path_new(IR_ROOT_GLOBAL, 0, variable->symbol);
        g_free(symbol);
        g_free(name);
    } else {
        path = ir_path_new(IR_ROOT_LOCAL, lower_temp(lower, type), NULL);
    }
    lower_initialiser(lower, path, type, list);
    return path;
}

static struct ir_path *place_of_value(struct lower *lower, CXCursor expression)
{
    struct ir_value *value = lower_value(lower, expression);
    if (value->kind == IR_VALUE_LOAD)
        return path_of(value);
    return temporary(lower, value, clang_getCursorType(expression),
                     front_cursor_loc(lower->front, expression));
}

static struct ir_path *place(struct lower *lower, CXCursor expression)
{
    CXCursor operand;
    CXCursor decl;
    expression = lower_strip(expression);
    switch (clang_getCursorKind(expression)) {
    case CXCursor_DeclRefExpr:
        decl = clang_getCursorReferenced(expression);
        if (clang_getCursorKind(decl) == CXCursor_VarDecl ||
            clang_getCursorKind(decl) == CXCursor_ParmDecl)
            return lower_variable(lower, decl);
        return nowhere();
    case CXCursor_MemberRefExpr:
        return member_place(lower, expression);
    case CXCursor_ArraySubscriptExpr:
        return subscript_place(lower, expression);
    case CXCursor_UnaryOperator:
        if (clang_getCursorUnaryOperatorKind(expression) == CXUnaryOperator_Deref &&
            front_operand(expression, &operand))
            return pointee_place(lower, operand);
        return place_of_value(lower, expression);
    case CXCursor_CompoundLiteralExpr:
        return literal_place(lower, expression);
    case CXCursor_StringLiteral:
        return nowhere();
    default:
        return place_of_value(lower, expression);
    }
}

struct ir_path *lower_place(struct lower *lower, CXCursor expression)
{
    if (!lower_enter(lower, expression))
        return nowhere();
    struct ir_path *path = place(lower, expression);
    lower_leave(lower);
    return path;
}
