/* The graph of one body while it is made: blocks, temporaries, variables with
 * a cleanup function, and jumps.
 *
 * Variables with cleanups form a tree: each points to the one that was in
 * scope before it, and a place in the body is characterised by the innermost.
 * A jump runs the cleanups from its own innermost up to the first that is
 * also in scope at its target; for a goto that is known only at the end of
 * the body, so gotos wait until then. */
#include "front_internal.h"

#include <string.h>

#define DEPTH_MAX 1000

struct label {
    uint32_t block;
    struct cleanup *cleanups;
    bool placed;
    bool address_taken;
};

struct pending_goto {
    uint32_t block;
    struct label *label;
    struct cleanup *cleanups;
    struct ir_loc loc;
};

struct lower *lower_new(struct front *front, struct ir_function *function)
{
    struct lower *lower = g_new0(struct lower, 1);
    lower->front = front;
    lower->function = function;
    lower->variables = g_hash_table_new_full(front_cursor_hash, front_cursor_equal, g_free,
                                             (GDestroyNotify)ir_path_free);
    lower->labels = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
    lower->gotos = g_ptr_array_new_with_free_func(g_free);
    lower->arena = g_ptr_array_new_with_free_func(g_free);
    lower->break_to.block = NO_BLOCK;
    lower->continue_to.block = NO_BLOCK;
    lower->dispatch = NO_BLOCK;
    function->blocks = ir_blocks_new();
    lower->block = lower_block(lower);
    return lower;
}

uint32_t lower_block(struct lower *lower)
{
    g_ptr_array_add(lower->function->blocks, ir_block_new());
    return lower->function->blocks->len - 1;
}

static struct ir_block *block_at(struct lower *lower, uint32_t number)
{
    return g_ptr_array_index(lower->function->blocks, number);
}

/* Behind a jump code goes to a block of its own that nothing leads to. */
struct ir_block *lower_current(struct lower *lower)
{
    if (lower->block == NO_BLOCK)
        lower->block = lower_block(lower);
    return block_at(lower, lower->block);
}

void lower_start(struct lower *lower, uint32_t block)
{
    if (lower->block != NO_BLOCK)
        lower_goto(lower, block);
    lower->block = block;
}

void lower_goto(struct lower *lower, uint32_t block)
{
    struct ir_block *current = lower_current(lower);
    current->exit = IR_GOTO;
    current->next[0] = block;
    lower->block = NO_BLOCK;
}

void lower_branch(struct lower *lower, struct ir_value *value, struct ir_loc loc, uint32_t yes,
                  uint32_t no)
{
    if (value->kind == IR_VALUE_INT || yes == no) {
        uint32_t to = value->kind == IR_VALUE_INT && value->number == 0 ? no : yes;
        ir_value_free(value);
        lower_goto(lower, to);
        return;
    }
    if (value->kind == IR_VALUE_NOT) {
        struct ir_value *inner = value->a;
        value->a = NULL;
        ir_value_free(value);
        lower_branch(lower, inner, loc, no, yes);
        return;
    }
    struct ir_block *current = lower_current(lower);
    current->exit = IR_BRANCH;
    current->value = value;
    current->loc = loc;
    current->next[0] = yes;
    current->next[1] = no;
    lower->block = NO_BLOCK;
}

void lower_return(struct lower *lower, struct ir_value *value, struct ir_loc loc)
{
    struct ir_block *current = lower_current(lower);
    current->exit = IR_RETURN;
    current->value = value;
    current->loc = loc;
    lower->block = NO_BLOCK;
}

void lower_unreachable(struct lower *lower)
{
    lower_current(lower)->exit = IR_UNREACHABLE;
    lower->block = NO_BLOCK;
}

void lower_event(struct lower *lower, struct ir_event *event)
{
    g_ptr_array_add(lower_current(lower)->events, event);
}

void lower_set(struct lower *lower, struct ir_loc loc, struct ir_path *path, struct ir_value *value,
               bool atomic)
{
    if (path->root == IR_ROOT_UNKNOWN) {
        ir_path_free(path);
        ir_value_free(value);
        return;
    }
    struct ir_event *event = ir_event_new(IR_SET, loc);
    event->path = path;
    event->value = value;
    event->atomic = atomic;
    lower_event(lower, event);
}

/* Reads of plain locals tell nobody anything. */
void lower_access(struct lower *lower, enum ir_event_kind kind, struct ir_loc loc,
                  const struct ir_path *path, bool atomic)
{
    if (path->root == IR_ROOT_UNKNOWN)
        return;
    if (kind == IR_READ && path->root != IR_ROOT_GLOBAL && !atomic) {
        bool told = false;
        for (guint i = 0; i < path->steps->len && !told; i++)
            told = g_array_index(path->steps, struct ir_step, i).kind != IR_STEP_INDEX;
        if (!told)
            return;
    }
    struct ir_event *event = ir_event_new(kind, loc);
    event->path = ir_path_copy(path);
    event->atomic = atomic;
    lower_event(lower, event);
}

uint32_t lower_local(struct lower *lower, CXCursor decl)
{
    struct ir_variable *variable = ir_variable_new();
    front_variable_fill(lower->front, decl, variable);
    g_ptr_array_add(lower->function->locals, variable);
    uint32_t index = lower->function->locals->len - 1;
    g_hash_table_insert(lower->variables, front_cursor_key(decl),
                        ir_path_new(IR_ROOT_LOCAL, index, NULL));
    return index;
}

uint32_t lower_temp(struct lower *lower, CXType type)
{
    struct ir_variable *variable = ir_variable_new();
    uint32_t index = lower->function->locals->len;
    char name[16];
    g_snprintf(name, sizeof(name), "%%%u", index);
    variable->name = ir_intern(name);
    front_type(lower->front, type, &variable->type);
    g_ptr_array_add(lower->function->locals, variable);
    return index;
}

void lower_cleanup_push(struct lower *lower, uint32_t local, const char *function)
{
    struct cleanup *cleanup = g_new0(struct cleanup, 1);
    cleanup->outer = lower->cleanups;
    cleanup->depth = lower->cleanups == NULL ? 1 : lower->cleanups->depth + 1;
    cleanup->local = local;
    cleanup->function = function;
    g_ptr_array_add(lower->arena, cleanup);
    lower->cleanups = cleanup;
}

static void run_cleanups(struct lower *lower, const struct cleanup *from,
                         const struct cleanup *until, struct ir_loc loc)
{
    if (lower->block == NO_BLOCK)
        return;
    for (const struct cleanup *c = from; c != NULL && c != until; c = c->outer) {
        struct ir_event *event = ir_event_new(IR_CALL, loc);
        event->callee = ir_value_new(IR_VALUE_FUNC);
        event->callee->text = c->function;
        event->cleanup = true;
        g_ptr_array_add(event->args, lower_address(ir_path_new(IR_ROOT_LOCAL, c->local, NULL)));
        lower_event(lower, event);
    }
}

void lower_cleanups(struct lower *lower, const struct cleanup *until, struct ir_loc loc)
{
    run_cleanups(lower, lower->cleanups, until, loc);
}

void lower_jump(struct lower *lower, struct jump to, struct ir_loc loc)
{
    if (to.block == NO_BLOCK) { /* break outside of a loop: the parser has complained */
        lower_unreachable(lower);
        return;
    }
    lower_current(lower);
    lower_cleanups(lower, to.cleanups, loc);
    lower_goto(lower, to.block);
}

/* libclang makes a cursor for a label in two ways that do not compare equal,
 * but for the statement in it. */
static struct label *label_of(struct lower *lower, CXCursor cursor)
{
    struct label *label = g_hash_table_lookup(lower->labels, cursor.data[1]);
    if (label == NULL) {
        label = g_new0(struct label, 1);
        label->block = lower_block(lower);
        g_hash_table_insert(lower->labels, (gpointer)(uintptr_t)cursor.data[1], label);
    }
    return label;
}

void lower_label(struct lower *lower, CXCursor cursor)
{
    struct label *label = label_of(lower, cursor);
    label->placed = true;
    label->cleanups = lower->cleanups;
    lower_start(lower, label->block);
}

void lower_label_address(struct lower *lower, CXCursor cursor)
{
    if (lower->label_owner != NULL) /* a static table of labels */
        lower = lower->label_owner;
    label_of(lower, cursor)->address_taken = true;
}

void lower_goto_label(struct lower *lower, CXCursor cursor, struct ir_loc loc)
{
    struct pending_goto *pending = g_new0(struct pending_goto, 1);
    lower_current(lower);
    pending->block = lower->block;
    pending->label = label_of(lower, cursor);
    pending->cleanups = lower->cleanups;
    pending->loc = loc;
    g_ptr_array_add(lower->gotos, pending);
    lower->block = NO_BLOCK;
}

void lower_goto_computed(struct lower *lower)
{
    if (lower->dispatch == NO_BLOCK)
        lower->dispatch = lower_block(lower);
    lower_goto(lower, lower->dispatch);
}

static const struct cleanup *common(const struct cleanup *a, const struct cleanup *b)
{
    while (a != b) {
        uint32_t depth_a = a == NULL ? 0 : a->depth, depth_b = b == NULL ? 0 : b->depth;
        if (a != NULL && depth_a >= depth_b)
            a = a->outer;
        if (b != NULL && depth_b >= depth_a)
            b = b->outer;
    }
    return a;
}

static void close_gotos(struct lower *lower)
{
    for (guint i = 0; i < lower->gotos->len; i++) {
        struct pending_goto *pending = g_ptr_array_index(lower->gotos, i);
        lower->block = pending->block;
        if (!pending->label->placed) {
            lower_unreachable(lower);
            continue;
        }
        run_cleanups(lower, pending->cleanups, common(pending->cleanups, pending->label->cleanups),
                     pending->loc);
        lower_goto(lower, pending->label->block);
    }
}

static gint by_block(gconstpointer a, gconstpointer b)
{
    const struct label *const *x = a, *const *y = b;
    return (*x)->block<(*y)->block ? -1 : (*x)->block>(*y)->block;
}

/* A computed goto goes to any label whose address is taken. */
static void close_dispatch(struct lower *lower)
{
    if (lower->dispatch == NO_BLOCK)
        return;
    GPtrArray *targets = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, lower->labels);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct label *label = value;
        if (label->address_taken && label->placed)
            g_ptr_array_add(targets, label);
    }
    g_ptr_array_sort(targets, by_block);
    lower->block = lower->dispatch;
    for (guint i = 0; i < targets->len; i++) {
        const struct label *label = g_ptr_array_index(targets, i);
        if (i + 1 == targets->len) {
            lower_goto(lower, label->block);
        } else {
            uint32_t next = lower_block(lower);
            lower_branch(lower, ir_value_new(IR_VALUE_UNKNOWN), (struct ir_loc){NULL, 0, 0},
                         label->block, next);
            lower->block = next;
        }
    }
    if (targets->len == 0)
        lower_unreachable(lower);
    g_ptr_array_unref(targets);
}

void lower_finish(struct lower *lower)
{
    if (lower->block != NO_BLOCK) {
        lower_cleanups(lower, NULL, lower->function->end);
        lower_return(lower, NULL, lower->function->end);
    }
    close_gotos(lower);
    close_dispatch(lower);
    /* Labels of broken code that never came: nothing leads there any more. */
    lower_graph_tidy(lower->function);
    g_hash_table_unref(lower->variables);
    g_hash_table_unref(lower->labels);
    g_ptr_array_unref(lower->gotos);
    g_ptr_array_unref(lower->arena);
    g_free(lower);
}

bool lower_enter(struct lower *lower, CXCursor cursor)
{
    if (lower->depth < DEPTH_MAX) {
        lower->depth++;
        return true;
    }
    if (!lower->too_deep) {
        struct ir_loc loc = front_cursor_loc(lower->front, cursor);
        lower->too_deep = true;
        g_ptr_array_add(lower->front->unit->errors,
                        g_strdup_printf("%s:%u:%u: nested deeper than %u levels: the inner part is "
                                        "not analysed",
                                        loc.file == NULL ? "?" : loc.file, loc.line, loc.column,
                                        (unsigned)DEPTH_MAX));
    }
    return false;
}

void lower_leave(struct lower *lower)
{
    lower->depth--;
}
