/* Makes the graph of a body small and its numbering regular: blocks that do
 * nothing but go on are skipped, chains of blocks become one, what cannot be
 * reached is dropped, and the rest is numbered in the order of the source as
 * far as it has one. Lowering can then make blocks as it likes. */
#include "front_internal.h"

#include <string.h>

static struct ir_block *at(const struct ir_function *function, uint32_t number)
{
    return g_ptr_array_index(function->blocks, number);
}

/* Where a jump to `number` ends up. A loop of empty blocks keeps one of them;
 * the walk is bounded by the number of blocks. */
static uint32_t settle(const struct ir_function *function, uint32_t number)
{
    uint32_t at_number = number;
    for (guint i = 0; i < function->blocks->len; i++) {
        const struct ir_block *block = at(function, at_number);
        if (block->exit != IR_GOTO || block->events->len > 0)
            return at_number;
        at_number = block->next[0];
    }
    return number;
}

/* Long chains of empty blocks would make that quadratic: every block on the
 * way is pointed to the end at once. */
static uint32_t settle_all(struct ir_function *function, uint32_t number)
{
    uint32_t end = settle(function, number);
    for (uint32_t n = number; n != end;) {
        struct ir_block *block = at(function, n);
        uint32_t next = block->next[0];
        if (block->exit != IR_GOTO || block->events->len > 0 || next == end)
            break;
        block->next[0] = end;
        n = next;
    }
    return end;
}

static void mark(struct ir_function *function, GArray *uses)
{
    GArray *stack = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    uint32_t first = 0;
    g_array_index(uses, uint32_t, 0) = 1;
    g_array_append_val(stack, first);
    while (stack->len > 0) {
        uint32_t number = g_array_index(stack, uint32_t, stack->len - 1);
        g_array_set_size(stack, stack->len - 1);
        struct ir_block *block = at(function, number);
        for (unsigned i = 0; i < ir_block_successors(block); i++) {
            block->next[i] = settle_all(function, block->next[i]);
            if (g_array_index(uses, uint32_t, block->next[i])++ == 0)
                g_array_append_val(stack, block->next[i]);
        }
        if (block->exit == IR_BRANCH && block->next[0] == block->next[1]) {
            block->exit = IR_GOTO;
            ir_value_free(block->value);
            block->value = NULL;
            g_array_index(uses, uint32_t, block->next[0])--;
        }
    }
    g_array_unref(stack);
}

static void move_events(struct ir_block *to, struct ir_block *from)
{
    for (guint i = 0; i < from->events->len; i++)
        g_ptr_array_add(to->events, g_ptr_array_index(from->events, i));
    g_ptr_array_set_free_func(from->events, NULL);
    g_ptr_array_set_size(from->events, 0);
    to->exit = from->exit;
    to->value = from->value;
    to->loc = from->loc;
    to->next[0] = from->next[0];
    to->next[1] = from->next[1];
    from->value = NULL;
    from->exit = IR_UNREACHABLE;
}

static void merge(struct ir_function *function, GArray *uses)
{
    for (uint32_t number = 0; number < function->blocks->len; number++) {
        struct ir_block *block = at(function, number);
        if (g_array_index(uses, uint32_t, number) == 0)
            continue;
        while (block->exit == IR_GOTO && block->next[0] != number && block->next[0] != 0 &&
               g_array_index(uses, uint32_t, block->next[0]) == 1) {
            uint32_t next = block->next[0];
            move_events(block, at(function, next));
            g_array_index(uses, uint32_t, next) = 0;
        }
    }
}

void lower_graph_tidy(struct ir_function *function)
{
    guint count = function->blocks->len;
    GArray *uses = g_array_sized_new(FALSE, TRUE, sizeof(uint32_t), count);
    g_array_set_size(uses, count);
    mark(function, uses);
    memset(uses->data, 0, count * sizeof(uint32_t));
    mark(function, uses); /* branches whose ways met are plain jumps by now */
    merge(function, uses);

    GPtrArray *kept = ir_blocks_new();
    GArray *numbers = g_array_sized_new(FALSE, TRUE, sizeof(uint32_t), count);
    g_array_set_size(numbers, count);
    for (uint32_t i = 0; i < count; i++) {
        if (g_array_index(uses, uint32_t, i) == 0)
            continue;
        g_array_index(numbers, uint32_t, i) = kept->len;
        g_ptr_array_add(kept, at(function, i));
        function->blocks->pdata[i] = ir_block_new(); /* freed with the old array */
    }
    for (guint i = 0; i < kept->len; i++) {
        struct ir_block *block = g_ptr_array_index(kept, i);
        for (unsigned j = 0; j < 2; j++)
            block->next[j] = j < ir_block_successors(block)
                                 ? g_array_index(numbers, uint32_t, block->next[j])
                                 : 0;
    }
    g_ptr_array_unref(function->blocks);
    function->blocks = kept;
    g_array_unref(numbers);
    g_array_unref(uses);
}
