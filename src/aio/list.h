/* Circular doubly linked lists whose elements can be taken out without knowing
 * which list they are in. The owner of a list says who may touch it. */
#ifndef MORTISE_AIO_LIST_H
#define MORTISE_AIO_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/annotations.h"

struct OWNED_BY(who owns the list) aio_link {
    struct aio_link *next, *prev;
};

#define AIO_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

/* An empty list, or an element that is in none. */
static inline void aio_link_init(struct aio_link *link)
{
    link->next = link->prev = link;
}

static inline bool aio_link_alone(const struct aio_link *link)
{
    return link->next == link;
}

static inline void aio_list_append(struct aio_link *list, struct aio_link *link)
{
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

/* Harmless for an element that is in no list. */
static inline void aio_link_remove(struct aio_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    aio_link_init(link);
}

/* Takes out and returns the first element, or NULL. */
static inline struct aio_link *aio_list_pop(struct aio_link *list)
{
    struct aio_link *first = list->next;

    if (first == list) {
        return NULL;
    }
    list->next = first->next;
    list->next->prev = list;
    aio_link_init(first);
    return first;
}

/* Moves all of `from` to the end of `to`. */
static inline void aio_list_splice(struct aio_link *to, struct aio_link *from)
{
    if (!aio_link_alone(from)) {
        from->next->prev = to->prev;
        to->prev->next = from->next;
        from->prev->next = to;
        to->prev = from->prev;
        aio_link_init(from);
    }
}

#endif
