/* Doubly linked lists that readers walk in RCU read sections while one
 * updater at a time (the caller sees to that) adds and removes. Readers go
 * forward only. A removed element keeps its next pointer, so that a reader
 * standing on it finds the way; it may be freed, or linked anew, after a
 * grace period. */
#ifndef MORTISE_RCU_LIST_H
#define MORTISE_RCU_LIST_H

#include <stddef.h>

#include "rcu/pointer.h"

struct rcu_list {
    struct rcu_list *next RCU_PROTECTED;
    struct rcu_list *prev OWNED_BY(who updates the list);
};

#define RCU_LIST_INIT(head) {.next = &(head), .prev = &(head)}

static inline void rcu_list_init(struct rcu_list *head)
{
    RCU_INIT_POINTER(head->next, head);
    head->prev = head;
}

static inline void rcu_list_add_between(struct rcu_list *node, struct rcu_list *prev,
                                        struct rcu_list *next)
{
    RCU_INIT_POINTER(node->next, next);
    node->prev = prev;
    next->prev = node;
    rcu_assign_pointer(prev->next, node);
}

static inline void rcu_list_add_head(struct rcu_list *head, struct rcu_list *node)
{
    rcu_list_add_between(node, head, rcu_dereference_locked(head->next));
}

static inline void rcu_list_add_tail(struct rcu_list *head, struct rcu_list *node)
{
    rcu_list_add_between(node, head->prev, head);
}

static inline void rcu_list_del(struct rcu_list *node)
{
    struct rcu_list *next = rcu_dereference_locked(node->next);

    next->prev = node->prev;
    rcu_assign_pointer(node->prev->next, next);
    node->prev = NULL;
}

/* Readers see either old or node, never both and never neither. */
static inline void rcu_list_replace(struct rcu_list *old, struct rcu_list *node)
{
    struct rcu_list *next = rcu_dereference_locked(old->next);

    RCU_INIT_POINTER(node->next, next);
    node->prev = old->prev;
    next->prev = node;
    rcu_assign_pointer(node->prev->next, node);
    old->prev = NULL;
}

/* By updaters; a reader's answer would be stale before it is used. */
static inline bool rcu_list_empty(const struct rcu_list *head)
{
    return rcu_dereference_locked(head->next) == head;
}

#define RCU_LIST_ENTRY(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

/* NOLINTBEGIN(bugprone-macro-parentheses): a type and a name to declare take none */

/* Walks the list at head in a read section:
 *     RCU_LIST_FOREACH(struct cpu, cpu, &cpu_list, link) { ... } */
#define RCU_LIST_FOREACH(type, var, head, member)                                                  \
    for (type *var = RCU_LIST_ENTRY(rcu_dereference((head)->next), type, member);                  \
         &var->member != (head);                                                                   \
         var = RCU_LIST_ENTRY(rcu_dereference(var->member.next), type, member))

/* The same by an updater; the element may be removed in the body, and freed
 * after a grace period. */
#define RCU_LIST_FOREACH_LOCKED(type, var, head, member)                                           \
    for (type *var = RCU_LIST_ENTRY(rcu_dereference_locked((head)->next), type, member);           \
         &var->member != (head);                                                                   \
         var = RCU_LIST_ENTRY(rcu_dereference_locked(var->member.next), type, member))

/* NOLINTEND(bugprone-macro-parentheses) */

#endif
