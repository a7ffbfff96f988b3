/* Invariant: no child has a smaller key than its parent. A root has neither
 * next nor prev. */
#include "aio/timer_heap.h"

#include <stddef.h>

/* Two roots, neither NULL; a wins a tie. */
static struct timer_heap_node *merge(struct timer_heap_node *a, struct timer_heap_node *b)
{
    if (b->key < a->key) {
        struct timer_heap_node *swap = a;

        a = b;
        b = swap;
    }
    b->prev = a;
    b->next = a->child;
    if (a->child) {
        a->child->prev = b;
    }
    a->child = b;
    return a;
}

/* The children of a removed node: merged in pairs from the first to the last,
 * the pairs then from the last to the first. That gives the O(log n). */
static struct timer_heap_node *merge_children(struct timer_heap_node *child)
{
    struct timer_heap_node *pairs = NULL, *root = NULL;

    while (child) {
        struct timer_heap_node *a = child, *b = child->next;

        child = b ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b) {
            b->next = b->prev = NULL;
            a = merge(a, b);
        }
        a->next = pairs;
        pairs = a;
    }
    while (pairs) {
        struct timer_heap_node *pair = pairs;

        pairs = pair->next;
        pair->next = NULL;
        root = root ? merge(root, pair) : pair;
    }
    return root;
}

struct timer_heap_node *timer_heap_insert(struct timer_heap_node *root,
                                          struct timer_heap_node *node)
{
    node->child = node->next = node->prev = NULL;
    return root ? merge(root, node) : node;
}

struct timer_heap_node *timer_heap_remove(struct timer_heap_node *root,
                                          struct timer_heap_node *node)
{
    struct timer_heap_node *rest = merge_children(node->child);

    node->child = NULL;
    if (node == root) {
        return rest;
    }
    if (node->prev->child == node) {
        node->prev->child = node->next;
    } else {
        node->prev->next = node->next;
    }
    if (node->next) {
        node->next->prev = node->prev;
    }
    node->next = node->prev = NULL;
    return rest ? merge(root, rest) : root;
}
