/* Atomic builtins. libclang shows C11's atomic_*, the GNU __atomic_* and
 * their kin as one kind of expression without a name. Its operands stand in
 * the order pointer, memory order, value, order of failure, second value,
 * weak; their number and the type of the whole say whether it loads, stores,
 * exchanges or compares. The word in the source, where it is not a macro's,
 * decides what is left. */
#include "front_internal.h"

#include <string.h>

enum shape { SHAPE_LOAD, SHAPE_STORE, SHAPE_EXCHANGE, SHAPE_FETCH, SHAPE_COMPARE, SHAPE_COUNT };

static const char *const shape_names[SHAPE_COUNT] = {
    [SHAPE_LOAD] = "__atomic_load_n",
    [SHAPE_STORE] = "__atomic_store_n",
    [SHAPE_EXCHANGE] = "__atomic_exchange_n",
    [SHAPE_FETCH] = "__atomic_fetch_op",
    [SHAPE_COMPARE] = "__atomic_compare_exchange_n",
};

static struct ir_value *local_value(uint32_t local)
{
    struct ir_value *value = ir_value_new(IR_VALUE_LOAD);
    value->path = ir_path_new(IR_ROOT_LOCAL, local, NULL);
    return value;
}

static bool has(const char *word, const char *part)
{
    if (word == NULL)
        return false;
    char *lower = g_ascii_strdown(word, -1);
    bool found = strstr(lower, part) != NULL;
    g_free(lower);
    return found;
}

static bool is_atomic_operand(CXCursor pointer)
{
    return front_type_points(clang_getCursorType(pointer));
}

/* __atomic_load and its kin take and give values behind pointers of the type
 * of the first; the forms with _n, and C11's, take the value itself. */
static bool by_address(CXCursor operand, CXType object)
{
    CXType type = clang_getCursorType(operand);
    if (!front_type_points(type))
        return false;
    CXType pointee = clang_getUnqualifiedType(clang_getCanonicalType(front_type_pointee(type)));
    return clang_equalTypes(pointee, clang_getUnqualifiedType(clang_getCanonicalType(object))) != 0;
}

static enum shape shape_of(struct lower *lower, CXCursor expression,
                           const struct children *children)
{
    const char *word = front_word(lower->front, expression);
    bool is_void = front_type_is_void(clang_getCursorType(expression));
    CXType object = front_type_pointee(clang_getCursorType(children->list[0]));
    switch (children->count) {
    case 1:
    case 2:
        if (has(word, "test_and_set"))
            return SHAPE_FETCH;
        return is_void ? SHAPE_STORE : SHAPE_LOAD; /* init, clear */
    case 3:
        if (is_void) { /* __atomic_load(p, &to, order), __atomic_store(p, &from, order) */
            return by_address(children->list[2], object) &&
                           (has(word, "load") || has(word, "get") || has(word, "read"))
                       ? SHAPE_LOAD
                       : SHAPE_STORE;
        }
        if (has(word, "exchange") || has(word, "xchg") || has(word, "test_and_set") ||
            has(word, "swap") ||
            (front_type_is_pointer(object) && !has(word, "add") && !has(word, "sub")))
            return SHAPE_EXCHANGE;
        return SHAPE_FETCH;
    case 4:
        return SHAPE_EXCHANGE;
    default:
        return SHAPE_COMPARE;
    }
}

static struct ir_event *call_event(struct lower *lower, CXCursor expression, const char *name)
{
    struct ir_event *event = ir_event_new(IR_CALL, front_cursor_loc(lower->front, expression));
    event->callee = ir_value_new(IR_VALUE_FUNC);
    event->callee->text = ir_intern(name);
    event->atomic = true;
    if (front_in_macro(expression))
        event->macro = front_word(lower->front, expression);
    return event;
}

/* What a generic builtin stores stands behind a pointer. */
static struct ir_value *behind(struct lower *lower, struct ir_value *value, CXCursor operand,
                               CXType object)
{
    CXType type = clang_getCursorType(operand);
    if (!by_address(operand, object))
        return value;
    struct ir_path *path = lower_deref(lower, value, type, front_cursor_loc(lower->front, operand));
    struct ir_value *loaded = ir_value_new(IR_VALUE_LOAD);
    loaded->path = path;
    return loaded;
}

static struct ir_value *perform(struct lower *lower, CXCursor expression, enum shape shape,
                                const struct children *children)
{
    struct ir_value *operand[6] = {NULL, NULL, NULL, NULL, NULL, NULL};
    unsigned count = MIN(children->count, 6);
    struct ir_loc loc = front_cursor_loc(lower->front, expression);
    CXType type = clang_getCursorType(expression), pointer = clang_getCursorType(children->list[0]);
    CXType object = front_type_pointee(pointer);
    for (unsigned i = 0; i < count; i++)
        operand[i] = lower_value(lower, children->list[i]);

    struct ir_event *call = call_event(lower, expression, shape_names[shape]);
    struct ir_path *path = lower_deref(lower, ir_value_copy(operand[0]), pointer, loc);
    g_ptr_array_add(call->args, ir_value_copy(operand[0]));
    if (shape == SHAPE_COMPARE && count >= 5) {
        g_ptr_array_add(call->args, ir_value_copy(operand[2]));
        g_ptr_array_add(call->args, ir_value_copy(operand[4]));
        g_ptr_array_add(call->args, ir_value_copy(operand[1]));
        g_ptr_array_add(call->args, ir_value_copy(operand[3]));
    } else {
        if (shape != SHAPE_LOAD && operand[2] != NULL)
            g_ptr_array_add(call->args,
                            behind(lower, ir_value_copy(operand[2]), children->list[2], object));
        if (operand[1] != NULL)
            g_ptr_array_add(call->args, ir_value_copy(operand[1]));
    }
    bool result = !front_type_is_void(type);
    uint32_t temp = result ? lower_temp(lower, type) : 0;
    if (shape != SHAPE_LOAD && shape != SHAPE_STORE && result)
        call->result = (int32_t)temp;
    lower_event(lower, call);

    struct ir_value *stored = NULL;
    switch (shape) {
    case SHAPE_LOAD:
        lower_access(lower, IR_READ, loc, path, true);
        if (result || operand[2] != NULL) {
            struct ir_value *loaded =
                path->root == IR_ROOT_UNKNOWN ? lower_unknown() : lower_load_of(ir_path_copy(path));
            struct ir_path *to = result
                                     ? ir_path_new(IR_ROOT_LOCAL, temp, NULL)
                                     : lower_deref(lower, ir_value_copy(operand[2]), pointer, loc);
            lower_set(lower, loc, to, loaded, false);
        }
        break;
    case SHAPE_STORE:
    case SHAPE_EXCHANGE:
        if (operand[3] != NULL && path->root != IR_ROOT_UNKNOWN) /* __atomic_exchange */
            lower_set(lower, loc, lower_deref(lower, ir_value_copy(operand[3]), pointer, loc),
                      lower_load_of(ir_path_copy(path)), false);
        stored = operand[2] == NULL
                     ? ir_value_copy(operand[1])
                     : behind(lower, ir_value_copy(operand[2]), children->list[2], object);
        break;
    case SHAPE_COMPARE:
        if (front_type_is_pointer(object)) /* may be stored */
            stored = behind(lower, ir_value_copy(operand[4]), children->list[4], object);
        if (operand[2] != NULL) {
            struct ir_path *expected = lower_deref(lower, ir_value_copy(operand[2]), pointer, loc);
            lower_access(lower, IR_WRITE, loc, expected, false);
            ir_path_free(expected);
        }
        break;
    default:
        break;
    }
    if (stored != NULL && path->root != IR_ROOT_UNKNOWN)
        lower_set(lower, loc, ir_path_copy(path), stored, true);
    else
        ir_value_free(stored);
    if (shape == SHAPE_FETCH || shape == SHAPE_COMPARE)
        lower_access(lower, IR_WRITE, loc, path, true);
    ir_path_free(path);
    for (unsigned i = 0; i < count; i++)
        ir_value_free(operand[i]);
    return result ? local_value(temp) : NULL;
}

bool lower_atomic_expression(struct lower *lower, CXCursor expression,
                             const struct children *children, struct ir_value **result)
{
    if (children->count < 2 || children->count > 6 || !is_atomic_operand(children->list[0]) ||
        front_type_is_pointer(clang_getCursorType(children->list[1])))
        return false;
    *result = perform(lower, expression, shape_of(lower, expression, children), children);
    return true;
}

/* The older builtins, which are functions: sequentially consistent but for
 * the two that make a lock. */
struct ir_value *lower_sync(struct lower *lower, CXCursor call, const char *name)
{
    size_t length = strlen(name);
    while (length > 0 && g_ascii_isdigit(name[length - 1]))
        length--;
    if (length > 0 && name[length - 1] == '_')
        length--;
    char *plain = g_strndup(name, length);
    struct ir_loc loc = front_cursor_loc(lower->front, call);
    struct ir_event *event = call_event(lower, call, plain);
    int count = clang_Cursor_getNumArguments(call);
    for (int i = 0; i < count; i++)
        g_ptr_array_add(event->args,
                        lower_value(lower, clang_Cursor_getArgument(call, (unsigned)i)));
    CXType type = clang_getCursorType(call);
    uint32_t temp = 0;
    bool result = !front_type_is_void(type);
    if (result) {
        temp = lower_temp(lower, type);
        event->result = (int32_t)temp;
    }
    struct ir_path *path = NULL;
    if (event->args->len > 0)
        path = lower_deref(lower, ir_value_copy(g_ptr_array_index(event->args, 0)),
                           clang_getCursorType(clang_Cursor_getArgument(call, 0)), loc);
    lower_event(lower, event);
    if (path != NULL && path->root != IR_ROOT_UNKNOWN) {
        if (strcmp(plain, "__sync_lock_release") == 0)
            lower_set(lower, loc, ir_path_copy(path), lower_int(0), true);
        else if ((strcmp(plain, "__sync_lock_test_and_set") == 0 ||
                  strcmp(plain, "__sync_swap") == 0) &&
                 event->args->len > 1)
            lower_set(lower, loc, ir_path_copy(path),
                      ir_value_copy(g_ptr_array_index(event->args, 1)), true);
        else
            lower_access(lower, IR_WRITE, loc, path, true);
    }
    ir_path_free(path);
    g_free(plain);
    return result ? local_value(temp) : ir_value_new(IR_VALUE_UNKNOWN);
}
