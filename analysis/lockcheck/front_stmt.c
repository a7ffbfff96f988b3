/* Statements. A scope ends with the cleanups of its variables, on the way
 * through as on every jump out of it. */
#include "front_internal.h"

static void compound(struct lower *lower, CXCursor statement)
{
    struct cleanup *scope = lower->cleanups;
    struct children children = front_children(statement);
    for (unsigned i = 0; i < children.count; i++)
        lower_statement(lower, children.list[i]);
    front_children_free(&children);
    lower_cleanups(lower, scope, front_end_loc(lower->front, statement));
    lower->cleanups = scope;
}

static void declare(struct lower *lower, CXCursor decl)
{
    struct front *front = lower->front;
    CXType type = clang_getCursorType(decl);
    CXCursor initialiser = clang_Cursor_getVarDeclInitializer(decl);
    bool initialised =
        !clang_Cursor_isNull(initialiser) && clang_isExpression(clang_getCursorKind(initialiser));
    enum CX_StorageClass storage = clang_Cursor_getStorageClass(decl);
    if (storage == CX_SC_Extern)
        return;
    if (storage == CX_SC_Static) {
        const struct ir_variable *variable = front_static_local(front, lower->function, decl);
        if (initialised && front->init != NULL) {
            struct ir_path *path = ir_path_new(IR_ROOT_GLOBAL, 0, variable->symbol);
            front->init->label_owner = lower;
            lower_initialiser(front->init, path, type, initialiser);
            front->init->label_owner = NULL;
            ir_path_free(path);
        }
        return;
    }
    uint32_t local = lower_local(lower, decl);
    const struct ir_variable *variable = g_ptr_array_index(lower->function->locals, local);
    if (initialised) {
        struct ir_path *path = ir_path_new(IR_ROOT_LOCAL, local, NULL);
        if (front_type_is_record(type) || front_type_is_array(type))
            lower_access(lower, IR_WRITE, front_cursor_loc(front, decl), path, false);
        lower_initialiser(lower, path, type, initialiser);
        ir_path_free(path);
    }
    if (variable->cleanup != NULL)
        lower_cleanup_push(lower, local, variable->cleanup);
}

static void declarations(struct lower *lower, CXCursor statement)
{
    struct children children = front_children(statement);
    for (unsigned i = 0; i < children.count; i++) {
        if (clang_getCursorKind(children.list[i]) == CXCursor_VarDecl)
            declare(lower, children.list[i]);
    }
    front_children_free(&children);
}

/* else-if chains can be long: they are a loop here, not a recursion. */
static void if_statement(struct lower *lower, CXCursor statement)
{
    uint32_t end = lower_block(lower);
    for (;;) {
        struct children parts = front_children(statement);
        if (parts.count < 2) {
            front_children_free(&parts);
            break;
        }
        uint32_t yes = lower_block(lower);
        uint32_t no = parts.count > 2 ? lower_block(lower) : end;
        lower_condition(lower, parts.list[0], yes, no);
        lower->block = yes;
        lower_statement(lower, parts.list[1]);
        if (lower->block != NO_BLOCK)
            lower_goto(lower, end);
        CXCursor otherwise = parts.count > 2 ? parts.list[2] : clang_getNullCursor();
        bool more = parts.count > 2;
        front_children_free(&parts);
        if (!more)
            break;
        lower->block = no;
        if (clang_getCursorKind(otherwise) != CXCursor_IfStmt) {
            lower_statement(lower, otherwise);
            break;
        }
        statement = otherwise;
    }
    lower_start(lower, end);
}

static void return_statement(struct lower *lower, CXCursor statement)
{
    struct ir_loc loc = front_cursor_loc(lower->front, statement);
    struct ir_value *value = NULL;
    CXCursor operand;
    if (front_operand(statement, &operand)) {
        if (front_type_is_void(clang_getCursorType(operand))) {
            lower_effect(lower, operand);
        } else {
            value = lower_value(lower, operand);
            if (lower->cleanups != NULL)
                value = lower_snapshot(lower, value, clang_getCursorType(operand), loc);
        }
    }
    lower_current(lower);
    lower_cleanups(lower, NULL, loc);
    lower_return(lower, value, loc);
}

static void goto_statement(struct lower *lower, CXCursor statement)
{
    struct children children = front_children(statement);
    struct ir_loc loc = front_cursor_loc(lower->front, statement);
    CXCursor label = clang_getNullCursor();
    for (unsigned i = 0; i < children.count; i++) {
        if (clang_getCursorKind(children.list[i]) == CXCursor_LabelRef)
            label = clang_getCursorReferenced(children.list[i]);
    }
    front_children_free(&children);
    if (clang_getCursorKind(label) == CXCursor_LabelStmt)
        lower_goto_label(lower, label, loc);
    else
        lower_unreachable(lower);
}

static void last_statement(struct lower *lower, CXCursor statement)
{
    struct children children = front_children(statement);
    for (unsigned i = 0; i < children.count; i++) {
        enum CXCursorKind kind = clang_getCursorKind(children.list[i]);
        if (clang_isStatement(kind) || clang_isExpression(kind))
            lower_statement(lower, children.list[i]);
    }
    front_children_free(&children);
}

/* Which operands are outputs libclang does not say; they come first, and an
 * output is a place. Reading and writing all places errs on the safe side. */
static void assembly(struct lower *lower, CXCursor statement)
{
    struct children children = front_children(statement);
    struct ir_loc loc = front_cursor_loc(lower->front, statement);
    for (unsigned i = 0; i < children.count; i++) {
        CXCursor operand = children.list[i];
        if (clang_getCursorKind(operand) == CXCursor_AddrLabelExpr) { /* asm goto */
            struct children labels = front_children(operand);
            uint32_t next = lower_block(lower), jump = lower_block(lower);
            lower_branch(lower, ir_value_new(IR_VALUE_UNKNOWN), loc, jump, next);
            lower->block = jump;
            goto_statement(lower, operand);
            lower->block = next;
            front_children_free(&labels);
            continue;
        }
        if (!clang_isExpression(clang_getCursorKind(operand)))
            continue;
        switch (clang_getCursorKind(operand)) {
        case CXCursor_DeclRefExpr:
        case CXCursor_MemberRefExpr:
        case CXCursor_ArraySubscriptExpr:
        case CXCursor_UnaryOperator:
        case CXCursor_ParenExpr: {
            if (clang_getCursorKind(operand) == CXCursor_UnaryOperator &&
                clang_getCursorUnaryOperatorKind(operand) != CXUnaryOperator_Deref) {
                lower_effect(lower, operand);
                break;
            }
            struct ir_path *path = lower_place(lower, operand);
            bool atomic = front_type_is_atomic(clang_getCursorType(operand));
            lower_access(lower, IR_READ, loc, path, atomic);
            lower_access(lower, IR_WRITE, loc, path, atomic);
            ir_path_free(path);
            break;
        }
        default:
            lower_effect(lower, operand);
        }
    }
    front_children_free(&children);
}

static void statement_of_kind(struct lower *lower, CXCursor statement, enum CXCursorKind kind)
{
    struct ir_loc loc;
    switch (kind) {
    case CXCursor_CompoundStmt:
        compound(lower, statement);
        break;
    case CXCursor_DeclStmt:
        declarations(lower, statement);
        break;
    case CXCursor_IfStmt:
        if_statement(lower, statement);
        break;
    case CXCursor_WhileStmt:
        lower_while(lower, statement);
        break;
    case CXCursor_DoStmt:
        lower_do(lower, statement);
        break;
    case CXCursor_ForStmt:
        lower_for(lower, statement);
        break;
    case CXCursor_SwitchStmt:
        lower_switch(lower, statement);
        break;
    case CXCursor_CaseStmt:
    case CXCursor_DefaultStmt:
        lower_case(lower, statement);
        break;
    case CXCursor_BreakStmt:
        loc = front_cursor_loc(lower->front, statement);
        lower_jump(lower, lower->break_to, loc);
        break;
    case CXCursor_ContinueStmt:
        loc = front_cursor_loc(lower->front, statement);
        lower_jump(lower, lower->continue_to, loc);
        break;
    case CXCursor_ReturnStmt:
        return_statement(lower, statement);
        break;
    case CXCursor_GotoStmt:
        goto_statement(lower, statement);
        break;
    case CXCursor_IndirectGotoStmt: {
        CXCursor operand;
        if (front_operand(statement, &operand))
            ir_value_free(lower_value(lower, operand));
        lower_goto_computed(lower);
        break;
    }
    case CXCursor_LabelStmt:
        lower_label(lower, statement);
        last_statement(lower, statement);
        break;
    case CXCursor_GCCAsmStmt:
        assembly(lower, statement);
        break;
    case CXCursor_NullStmt:
        break;
    default: /* with attributes, OpenMP: what is in it */
        last_statement(lower, statement);
        break;
    }
}

void lower_statement(struct lower *lower, CXCursor statement)
{
    enum CXCursorKind kind = clang_getCursorKind(statement);
    if (clang_isExpression(kind)) {
        lower_effect(lower, statement);
        return;
    }
    if (!clang_isStatement(kind) || !lower_enter(lower, statement))
        return;
    statement_of_kind(lower, statement, kind);
    lower_leave(lower);
}

void lower_body(struct front *front, CXCursor definition)
{
    struct front_function *function = front_function(front, definition);
    if (function->ir->blocks != NULL)
        return;
    struct lower *lower = lower_new(front, function->ir);
    int count = clang_Cursor_getNumArguments(definition);
    for (int i = 0; i < count; i++)
        g_hash_table_insert(lower->variables,
                            front_cursor_key(clang_Cursor_getArgument(definition, (unsigned)i)),
                            ir_path_new(IR_ROOT_PARAM, (uint32_t)i, NULL));
    struct children children = front_children(definition);
    for (unsigned i = 0; i < children.count; i++) {
        if (clang_getCursorKind(children.list[i]) == CXCursor_CompoundStmt)
            lower_statement(lower, children.list[i]);
    }
    front_children_free(&children);
    lower_finish(lower);
}
