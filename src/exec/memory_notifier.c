/* Event notifiers: writes that wake somebody up through an eventfd instead of
 * entering the device. A region's notifiers are an array that is replaced as a
 * whole, with the BQL, and read by the dispatch under RCU. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "exec/memory_internal.h"
#include "exec/tb_internal.h"

struct memory_notifier {
    uint64_t offset, value;
    unsigned size; /* 0: any */
    bool match;    /* only `value` */
    int eventfd;
};

struct memory_notifiers {
    struct rcu_head rcu;
    size_t count IMMUTABLE_AFTER_INIT;
    struct memory_notifier each[];
};

static void notifiers_free(struct rcu_head *head)
{
    free((char *)head - offsetof(struct memory_notifiers, rcu));
}

static void replace(struct memory_region *mr, struct memory_notifiers *fresh) REQUIRES(bql)
{
    struct memory_notifiers *old = rcu_dereference_locked(mr->notifiers);

    rcu_assign_pointer(mr->notifiers, fresh);
    if (old) {
        call_rcu(&old->rcu, notifiers_free);
    }
}

int memory_region_add_notifier(struct memory_region *mr, uint64_t offset, unsigned size, bool match,
                               uint64_t value, int eventfd)
{
    const struct memory_notifiers *old = rcu_dereference_locked(mr->notifiers);
    size_t count = old ? old->count : 0;
    struct memory_notifiers *fresh = malloc(sizeof(*fresh) + (count + 1) * sizeof(fresh->each[0]));

    if (!fresh) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        fresh->each[i] = old->each[i];
    }
    fresh->each[count] = (struct memory_notifier){
        .offset = offset, .value = value, .size = size, .match = match, .eventfd = eventfd};
    fresh->count = count + 1;
    replace(mr, fresh);
    return 0;
}

void memory_region_remove_notifier(struct memory_region *mr, uint64_t offset, int eventfd)
{
    const struct memory_notifiers *old = rcu_dereference_locked(mr->notifiers);
    size_t kept = 0;

    if (!old) {
        return;
    }
    struct memory_notifiers *fresh = malloc(sizeof(*fresh) + old->count * sizeof(fresh->each[0]));
    if (!fresh) {
        exec_out_of_memory("event notifiers");
    }
    for (size_t i = 0; i < old->count; i++) {
        if (old->each[i].offset != offset || old->each[i].eventfd != eventfd) {
            fresh->each[kept++] = old->each[i];
        }
    }
    fresh->count = kept;
    replace(mr, fresh);
}

void memory_notifiers_drop(struct memory_region *mr)
{
    replace(mr, NULL);
}

static bool matches(const struct memory_notifier *n, uint64_t offset, unsigned size, uint64_t value)
{
    return n->offset == offset && (!n->size || n->size == size) &&
           (!n->match || (n->value & memory_mask(size)) == value);
}

static void notify(int fd)
    BLOCKING_OK("a counter that has not been read after 2^64 notifications, and no sooner")
{
    const uint64_t one = 1;
    ssize_t ignored = write(fd, &one, sizeof(one));

    (void)ignored;
}

bool memory_notify(const struct view_range *r, uint64_t addr, unsigned size, uint64_t value)
{
    const struct memory_notifiers *all = rcu_dereference(r->mr->notifiers);
    uint64_t offset = r->offset + (addr - r->first);
    bool found = false;

    for (size_t i = 0; all && i < all->count; i++) {
        if (matches(&all->each[i], offset, size, value & memory_mask(size))) {
            notify(all->each[i].eventfd);
            found = true;
        }
    }
    return found;
}
