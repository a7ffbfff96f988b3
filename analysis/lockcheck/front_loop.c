/* Loops and switch. libclang shows the parts of a for statement without
 * saying which are there: they are told apart by the semicolons between them,
 * or, in a macro, by what they look like. */
#include "front_internal.h"

#include <string.h>

static struct jump jump_to(const struct lower *lower, uint32_t block)
{
    return (struct jump){block, lower->cleanups};
}

static void loop_body(struct lower *lower, CXCursor body, uint32_t after, uint32_t again)
{
    struct jump break_to = lower->break_to, continue_to = lower->continue_to;
    lower->break_to = jump_to(lower, after);
    lower->continue_to = jump_to(lower, again);
    lower_statement(lower, body);
    lower->break_to = break_to;
    lower->continue_to = continue_to;
}

void lower_while(struct lower *lower, CXCursor statement)
{
    struct children parts = front_children(statement);
    if (parts.count >= 2) {
        uint32_t test = lower_block(lower), body = lower_block(lower), end = lower_block(lower);
        lower_start(lower, test);
        lower_condition(lower, parts.list[parts.count - 2], body, end);
        lower->block = body;
        loop_body(lower, parts.list[parts.count - 1], end, test);
        if (lower->block != NO_BLOCK)
            lower_goto(lower, test);
        lower->block = end;
    }
    front_children_free(&parts);
}

void lower_do(struct lower *lower, CXCursor statement)
{
    struct children parts = front_children(statement);
    if (parts.count >= 2) {
        uint32_t body = lower_block(lower), test = lower_block(lower), end = lower_block(lower);
        lower_start(lower, body);
        loop_body(lower, parts.list[0], end, test);
        lower_start(lower, test);
        lower_condition(lower, parts.list[1], body, end);
        lower->block = end;
    }
    front_children_free(&parts);
}

enum { PART_INIT, PART_TEST, PART_STEP, PART_COUNT };

static unsigned start_offset(CXCursor cursor, CXFile *file)
{
    unsigned offset = 0;
    clang_getFileLocation(clang_getRangeStart(clang_getCursorExtent(cursor)), file, NULL, NULL,
                          &offset);
    return offset;
}

/* The number of semicolons in the parentheses behind `from` and before each
 * of the parts; false if that is no loop as the file has it. */
static bool count_semicolons(struct lower *lower, CXCursor statement, const CXCursor *parts,
                             unsigned count, unsigned *where)
{
    CXFile file = NULL, part_file = NULL;
    unsigned from = start_offset(statement, &file);
    unsigned to = start_offset(parts[count - 1], &part_file);
    if (front_in_macro(statement) || file == NULL || part_file != file || to < from)
        return false;
    CXSourceLocation begin = clang_getLocationForOffset(lower->front->tu, file, from);
    CXSourceLocation end = clang_getLocationForOffset(lower->front->tu, file, to);
    CXToken *tokens = NULL;
    unsigned token_count = 0, semicolons = 0, depth = 0, part = 0;
    clang_tokenize(lower->front->tu, clang_getRange(begin, end), &tokens, &token_count);
    for (unsigned i = 0; i <= token_count && part < count; i++) {
        unsigned offset = to;
        const char *text = "";
        CXString spelling = {NULL, 0};
        if (i < token_count) {
            clang_getFileLocation(clang_getTokenLocation(lower->front->tu, tokens[i]), NULL, NULL,
                                  NULL, &offset);
            spelling = clang_getTokenSpelling(lower->front->tu, tokens[i]);
            text = clang_getCString(spelling);
        }
        while (part < count && start_offset(parts[part], &part_file) <= offset)
            where[part++] = semicolons;
        if (text != NULL && strchr("([{", text[0]) != NULL && text[0] != '\0')
            depth++;
        else if (text != NULL && strchr(")]}", text[0]) != NULL && text[0] != '\0' && depth > 0)
            depth--;
        else if (text != NULL && text[0] == ';' && depth == 1)
            semicolons++;
        if (i < token_count)
            clang_disposeString(spelling);
    }
    clang_disposeTokens(lower->front->tu, tokens, token_count);
    for (unsigned i = 0; i < part; i++) {
        if (where[i] >= PART_COUNT || (i > 0 && where[i] <= where[i - 1]))
            return false;
    }
    return part == count;
}

static bool looks_like_test(CXCursor part)
{
    CXCursor stripped = lower_strip(part);
    switch (clang_getCursorKind(stripped)) {
    case CXCursor_CompoundAssignOperator:
    case CXCursor_DeclStmt:
        return false;
    case CXCursor_BinaryOperator: {
        enum CXBinaryOperatorKind op = clang_getCursorBinaryOperatorKind(stripped);
        return op != CXBinaryOperator_Assign && op != CXBinaryOperator_Comma;
    }
    case CXCursor_UnaryOperator: {
        enum CXUnaryOperatorKind op = clang_getCursorUnaryOperatorKind(stripped);
        return op != CXUnaryOperator_PostInc && op != CXUnaryOperator_PostDec &&
               op != CXUnaryOperator_PreInc && op != CXUnaryOperator_PreDec;
    }
    default:
        return !front_type_is_void(clang_getCursorType(stripped));
    }
}

static void guess(const CXCursor *parts, unsigned count, unsigned *where)
{
    unsigned next = PART_INIT;
    for (unsigned i = 0; i < count; i++) {
        if (count == PART_COUNT || clang_getCursorKind(parts[i]) == CXCursor_DeclStmt)
            where[i] = next;
        else if (looks_like_test(parts[i]) && next <= PART_TEST)
            where[i] = PART_TEST;
        else if (next == PART_INIT && count > 1)
            where[i] = PART_INIT;
        else
            where[i] = PART_STEP;
        next = where[i] + 1;
    }
}

void lower_for(struct lower *lower, CXCursor statement)
{
    struct children all = front_children(statement);
    CXCursor parts[PART_COUNT] = {clang_getNullCursor(), clang_getNullCursor(),
                                  clang_getNullCursor()};
    if (all.count == 0 || all.count > PART_COUNT + 1) {
        front_children_free(&all);
        return;
    }
    unsigned where[PART_COUNT + 1] = {0, 0, 0, 0};
    unsigned count = all.count - 1;
    if (count == 0 || count == PART_COUNT ||
        !count_semicolons(lower, statement, all.list, count, where))
        guess(all.list, count, where);
    for (unsigned i = 0; i < count; i++) {
        if (where[i] < PART_COUNT)
            parts[where[i]] = all.list[i];
    }

    struct cleanup *scope = lower->cleanups;
    uint32_t test = lower_block(lower), body = lower_block(lower), step = lower_block(lower);
    uint32_t end = lower_block(lower);
    if (!clang_Cursor_isNull(parts[PART_INIT]))
        lower_statement(lower, parts[PART_INIT]);
    lower_start(lower, test);
    if (clang_Cursor_isNull(parts[PART_TEST]))
        lower_goto(lower, body);
    else
        lower_condition(lower, parts[PART_TEST], body, end);
    lower->block = body;
    loop_body(lower, all.list[count], end, step);
    lower_start(lower, step);
    if (!clang_Cursor_isNull(parts[PART_STEP]))
        lower_statement(lower, parts[PART_STEP]);
    if (lower->block != NO_BLOCK)
        lower_goto(lower, test);
    lower->block = end;
    if (lower->cleanups != scope)
        lower_cleanups(lower, scope, front_end_loc(lower->front, statement));
    lower->cleanups = scope;
    front_children_free(&all);
}

static void case_clear(void *data)
{
    struct switch_case *one = data;
    ir_value_free(one->low);
    ir_value_free(one->high);
}

/* One comparison after the other, from where the switch stands. */
static void dispatch(struct lower *lower, const struct switch_state *state,
                     const struct ir_value *value, uint32_t end)
{
    for (guint i = 0; i < state->cases->len; i++) {
        struct switch_case *one = &g_array_index(state->cases, struct switch_case, i);
        uint32_t next = lower_block(lower);
        enum ir_compare op = one->high == NULL ? IR_EQ : IR_GE;
        if (one->high != NULL) {
            uint32_t upper = lower_block(lower);
            lower_branch(lower,
                         lower_compare(IR_LE, ir_value_copy(value), ir_value_copy(one->high)),
                         one->loc, upper, next);
            lower->block = upper;
        }
        lower_branch(lower, lower_compare(op, ir_value_copy(value), ir_value_copy(one->low)),
                     one->loc, one->block, next);
        lower->block = next;
    }
    lower_goto(lower, state->otherwise == NO_BLOCK ? end : state->otherwise);
}

void lower_switch(struct lower *lower, CXCursor statement)
{
    struct children parts = front_children(statement);
    if (parts.count >= 2) {
        CXCursor subject = parts.list[parts.count - 2];
        struct ir_value *value = lower_value(lower, subject);
        if (value->kind != IR_VALUE_LOAD && value->kind != IR_VALUE_INT) {
            /* Unknown, but the same in all comparisons. */
            uint32_t temp = lower_temp(lower, clang_getCursorType(subject));
            lower_set(lower, front_cursor_loc(lower->front, subject),
                      ir_path_new(IR_ROOT_LOCAL, temp, NULL), value, false);
            value = ir_value_new(IR_VALUE_LOAD);
            value->path = ir_path_new(IR_ROOT_LOCAL, temp, NULL);
        }
        lower_current(lower);
        uint32_t head = lower->block, end = lower_block(lower);
        struct switch_state *outer = lower->in_switch, state = {NULL, NO_BLOCK};
        state.cases = g_array_new(FALSE, FALSE, sizeof(struct switch_case));
        g_array_set_clear_func(state.cases, case_clear);
        struct jump break_to = lower->break_to;
        lower->break_to = jump_to(lower, end);
        lower->in_switch = &state;
        lower->block = NO_BLOCK;
        lower_statement(lower, parts.list[parts.count - 1]);
        if (lower->block != NO_BLOCK)
            lower_goto(lower, end);
        lower->in_switch = outer;
        lower->break_to = break_to;
        lower->block = head;
        dispatch(lower, &state, value, end);
        lower->block = end;
        g_array_unref(state.cases);
        ir_value_free(value);
    }
    front_children_free(&parts);
}

static struct ir_value *case_value(struct lower *lower, CXCursor expression)
{
    int64_t number;
    if (lower_constant(expression, &number))
        return lower_int(number);
    return lower_value(lower, expression);
}

/* Labels that follow each other nest in the syntax tree: a loop again. */
void lower_case(struct lower *lower, CXCursor statement)
{
    for (;;) {
        struct children parts = front_children(statement);
        bool is_case = clang_getCursorKind(statement) == CXCursor_CaseStmt;
        unsigned labels = is_case ? parts.count - 1 : 0;
        uint32_t block = lower_block(lower);
        if (parts.count == 0) {
            front_children_free(&parts);
            return;
        }
        struct switch_state *state = lower->in_switch;
        if (state != NULL && is_case && labels >= 1) {
            struct switch_case one = {case_value(lower, parts.list[0]),
                                      labels > 1 ? case_value(lower, parts.list[1]) : NULL, block,
                                      front_cursor_loc(lower->front, statement)};
            g_array_append_val(state->cases, one);
        } else if (state != NULL && !is_case) {
            state->otherwise = block;
        }
        lower_start(lower, block);
        CXCursor inner = parts.list[parts.count - 1];
        front_children_free(&parts);
        enum CXCursorKind kind = clang_getCursorKind(inner);
        if (kind != CXCursor_CaseStmt && kind != CXCursor_DefaultStmt) {
            lower_statement(lower, inner);
            return;
        }
        statement = inner;
    }
}
