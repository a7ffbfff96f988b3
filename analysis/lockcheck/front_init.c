/* Initialisers, as assignments to the paths that they initialise. libclang
 * shows the list as it was written, so the rules of C are applied here:
 * designators, their nesting and ranges, and braces that were left out.
 *
 * What fills tables at file scope is kept only where it can matter to
 * locking: constants within arrays are not. */
#include "front_internal.h"

struct items {
    CXCursor *list;
    unsigned count;
    unsigned at;
};

static void initialise(struct lower *lower, const struct ir_path *path, CXType type,
                       CXCursor initialiser);
static void fill(struct lower *lower, const struct ir_path *path, CXType type, struct items *items,
                 bool braced);

static bool is_aggregate(CXType type)
{
    return front_type_is_record(type) || front_type_is_array(type);
}

static CXType element_type(CXType array)
{
    return clang_getArrayElementType(clang_getCanonicalType(array));
}

static bool in_array(const struct ir_path *path)
{
    for (guint i = 0; i < path->steps->len; i++) {
        if (g_array_index(path->steps, struct ir_step, i).kind == IR_STEP_INDEX)
            return true;
    }
    return false;
}

static void set(struct lower *lower, const struct ir_path *path, CXType type, struct ir_loc loc,
                struct ir_value *value)
{
    bool constant = value->kind == IR_VALUE_INT || value->kind == IR_VALUE_STRING;
    bool at_file_scope = lower == lower->front->init;
    if (at_file_scope && (value->kind == IR_VALUE_UNKNOWN || (constant && in_array(path)))) {
        ir_value_free(value);
        return;
    }
    lower_set(lower, loc, ir_path_copy(path), value, front_type_is_atomic(type));
}

/* A designator of either form stands as a nameless expression of no type. */
static bool is_designated(CXCursor item)
{
    return clang_getCursorKind(item) == CXCursor_UnexposedExpr &&
           clang_getCursorType(item).kind == CXType_Void;
}

static struct ir_path *index_path(const struct ir_path *path, int64_t index, const char *name)
{
    char number[24];
    g_snprintf(number, sizeof(number), "%" G_GINT64_FORMAT, index);
    struct ir_step step = {IR_STEP_INDEX, NULL, name == NULL ? ir_intern(number) : name, NULL};
    if (name == NULL)
        step.index = lower_int(index);
    struct ir_path *element = ir_path_copy(path);
    ir_path_add(element, step);
    return element;
}

static const char *range_name(struct lower *lower, CXCursor low, CXCursor high)
{
    const char *from = front_text(lower->front, low), *to = front_text(lower->front, high);
    char *text = g_strdup_printf("%s ... %s", from == NULL ? "?" : from, to == NULL ? "?" : to);
    const char *name = ir_intern(text);
    g_free(text);
    return name;
}

static guint field_number(struct lower *lower, CXType type, CXCursor member)
{
    const struct front_record *record = front_record_of_type(lower->front, type);
    for (guint i = 0; i < record->fields->len; i++) {
        if (clang_equalCursors(g_array_index(record->fields, struct front_field, i).cursor, member))
            return i;
    }
    return 0;
}

/* `.a.b = x`, `[1 ... 3].c = x`: initialises that, and returns the number of
 * the member or element behind the first designator. */
static int64_t designated(struct lower *lower, const struct ir_path *path, CXType type,
                          CXCursor item)
{
    struct children parts = front_children(item);
    struct ir_path *target = ir_path_copy(path);
    int64_t next = 0;
    for (unsigned i = 0; i + 1 < parts.count; i++) {
        int64_t number = 0;
        if (clang_getCursorKind(parts.list[i]) == CXCursor_MemberRef) {
            CXCursor member = clang_getCursorReferenced(parts.list[i]);
            if (!front_type_is_record(type) || clang_getCursorKind(member) != CXCursor_FieldDecl)
                break;
            number = field_number(lower, type, member);
            lower_field_step(lower->front, target, member);
            type = clang_getCursorType(member);
        } else if (front_type_is_array(type)) {
            const char *name = NULL;
            lower_constant(parts.list[i], &number);
            type = element_type(type);
            if (i + 2 < parts.count && !front_type_is_array(type) &&
                clang_getCursorKind(parts.list[i + 1]) != CXCursor_MemberRef) {
                name = range_name(lower, parts.list[i], parts.list[i + 1]);
                lower_constant(parts.list[++i], &number);
            }
            struct ir_path *element = index_path(target, number, name);
            ir_path_free(target);
            target = element;
        }
        if (next == 0)
            next = number + 1;
    }
    if (parts.count > 0)
        initialise(lower, target, type, parts.list[parts.count - 1]);
    ir_path_free(target);
    front_children_free(&parts);
    return next == 0 ? 1 : next;
}

/* The next subobject: what has braces or is a whole value of its type takes
 * one item, another aggregate as many as it has room for. */
static void fill_one(struct lower *lower, const struct ir_path *path, CXType type,
                     struct items *items)
{
    CXCursor item = items->list[items->at];
    bool list = clang_getCursorKind(item) == CXCursor_InitListExpr;
    bool whole = front_type_is_record(clang_getCursorType(item)) ||
                 clang_getCursorKind(lower_strip(item)) == CXCursor_StringLiteral;
    if (!list && !whole && is_aggregate(type) && lower_enter(lower, item)) {
        unsigned before = items->at;
        fill(lower, path, type, items, false);
        lower_leave(lower);
        if (items->at == before)
            items->at++;
        return;
    }
    items->at++;
    initialise(lower, path, type, item);
}

static void fill_record(struct lower *lower, const struct ir_path *path, CXType type,
                        struct items *items, bool braced)
{
    struct front_record *record = front_record_of_type(lower->front, type);
    guint next = 0;
    while (items->at < items->count) {
        CXCursor item = items->list[items->at];
        if (is_designated(item)) {
            if (!braced)
                return;
            items->at++;
            next = (guint)designated(lower, path, type, item);
            continue;
        }
        if (next >= (record->is_union ? MIN(record->fields->len, 1) : record->fields->len))
            return;
        struct front_field field = g_array_index(record->fields, struct front_field, next++);
        struct ir_path *member = ir_path_copy(path);
        if (field.name[0] != '\0')
            lower_field_step(lower->front, member, field.cursor);
        fill_one(lower, member, field.type, items);
        ir_path_free(member);
    }
}

static void fill_array(struct lower *lower, const struct ir_path *path, CXType type,
                       struct items *items, bool braced)
{
    CXType element = element_type(type);
    long long size = clang_getArraySize(clang_getCanonicalType(type));
    int64_t next = 0;
    while (items->at < items->count) {
        CXCursor item = items->list[items->at];
        if (is_designated(item)) {
            if (!braced)
                return;
            items->at++;
            next = designated(lower, path, type, item);
            continue;
        }
        if (!braced && size >= 0 && next >= size)
            return;
        struct ir_path *member = index_path(path, next++, NULL);
        fill_one(lower, member, element, items);
        ir_path_free(member);
    }
}

static void fill(struct lower *lower, const struct ir_path *path, CXType type, struct items *items,
                 bool braced)
{
    if (front_type_is_array(type))
        fill_array(lower, path, type, items, braced);
    else
        fill_record(lower, path, type, items, braced);
}

static void initialise_list(struct lower *lower, const struct ir_path *path, CXType type,
                            CXCursor list)
{
    /* Tables of numbers can be megabytes. */
    if (front_type_is_array(type) && front_type_is_arithmetic(element_type(type)))
        return;
    struct children children = front_children(list);
    struct items items = {children.list, 0, 0};
    for (unsigned i = 0; i < children.count; i++) {
        if (clang_isExpression(clang_getCursorKind(children.list[i])))
            items.list[items.count++] = children.list[i];
    }
    if (is_aggregate(type))
        fill(lower, path, type, &items, true);
    else if (items.count > 0)
        initialise(lower, path, type, items.list[0]);
    front_children_free(&children);
}

static bool is_constant(enum CXCursorKind kind)
{
    return kind == CXCursor_IntegerLiteral || kind == CXCursor_StringLiteral ||
           kind == CXCursor_CharacterLiteral || kind == CXCursor_FloatingLiteral;
}

static void initialise(struct lower *lower, const struct ir_path *path, CXType type,
                       CXCursor initialiser)
{
    CXCursor stripped = lower_strip(initialiser);
    if (lower == lower->front->init && is_constant(clang_getCursorKind(stripped)) && in_array(path))
        return;
    if (!lower_enter(lower, initialiser))
        return;
    CXCursor list;
    enum CXCursorKind kind = clang_getCursorKind(stripped);
    if (kind == CXCursor_InitListExpr) {
        initialise_list(lower, path, type, stripped);
    } else if (kind == CXCursor_CompoundLiteralExpr && is_aggregate(type) &&
               front_operand(stripped, &list)) {
        initialise_list(lower, path, type, list);
    } else if (!front_type_is_array(type)) {
        struct ir_value *value = lower_value(lower, initialiser);
        set(lower, path, type, front_cursor_loc(lower->front, initialiser), value);
    }
    lower_leave(lower);
}

void lower_initialiser(struct lower *lower, const struct ir_path *path, CXType type,
                       CXCursor initialiser)
{
    initialise(lower, path, type, initialiser);
}
