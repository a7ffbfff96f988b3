/* From trees of regions to flat views, and when new ones are published.
 *
 * Flattening goes through a region's children from the highest priority down,
 * each with all that lies below it, and takes the region itself last; each step
 * only fills what is still free. A region is entered as "these of its bytes, at
 * this address", so offsets and addresses never leave 0..2^64-1.
 *
 * Outermost commit: every space's view is made anew, published if it differs, and
 * then the listeners are called. Readers have the old view until their read
 * section ends. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "exec/memory_internal.h"
#include "exec/tb_internal.h"

#define MAX_DEPTH 64 /* of regions in regions; more is an alias of itself */

static struct address_space *spaces GUARDED_BY(bql);
static unsigned transaction_depth GUARDED_BY(bql);
static bool transaction_changed GUARDED_BY(bql);

/* A view in the making. */
struct build {
    struct view_range *range;
    size_t count, room;
};

static void build_insert(struct build *b, size_t at, const struct view_range *r)
{
    if (b->count == b->room) {
        size_t room = b->room ? 2 * b->room : 32;
        struct view_range *more = realloc(b->range, room * sizeof(*more));

        if (!more) {
            exec_out_of_memory("memory map");
        }
        b->range = more;
        b->room = room;
    }
    for (size_t i = b->count; i > at; i--) {
        b->range[i] = b->range[i - 1];
    }
    b->range[at] = *r;
    b->count++;
}

/* The part [first, last] of a range that is described for other bounds. */
static struct view_range part_of(const struct view_range *whole, uint64_t first, uint64_t last)
{
    struct view_range r = *whole;
    uint64_t skip = first - whole->first;

    r.first = first;
    r.last = last;
    r.offset += skip;
    if (r.host) {
        r.host += skip;
        r.ram_addr += skip;
    }
    return r;
}

/* Puts the range wherever nothing else is yet. */
static void build_fill(struct build *b, const struct view_range *whole)
{
    uint64_t pos = whole->first;

    for (size_t i = 0;; i++) {
        while (i < b->count && b->range[i].last < pos) {
            i++;
        }
        if (i == b->count || b->range[i].first > whole->last) {
            struct view_range r = part_of(whole, pos, whole->last);
            build_insert(b, i, &r);
            return;
        }
        if (b->range[i].first > pos) {
            struct view_range r = part_of(whole, pos, b->range[i].first - 1);
            build_insert(b, i, &r);
            i++;
        }
        if (b->range[i].last >= whole->last) {
            return;
        }
        pos = b->range[i].last + 1;
    }
}

/* The region itself, its bytes [lo, hi] at address `at`. */
static void render_self(struct build *b, struct memory_region *mr, uint64_t lo, uint64_t hi,
                        uint64_t at, bool readonly) REQUIRES(bql)
{
    struct view_range r = {.first = at,
                           .last = at + (hi - lo),
                           .mr = mr,
                           .offset = lo,
                           .region_last = memory_region_last(mr)};

    if (mr->host) {
        r.host = mr->host + lo;
        r.ram_addr = mr->ram_addr + lo;
        r.reads = mr->kind != MEMORY_ROM_DEVICE || mr->romd;
        r.writes = mr->kind == MEMORY_RAM && !readonly;
    }
    r.drops = mr->kind == MEMORY_ROM || (readonly && !r.writes);
    build_fill(b, &r);
}

/* The bytes [lo, hi] of a region, at address `at`. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as regions are nested, MAX_DEPTH at most */
static void render(struct build *b, struct memory_region *mr, uint64_t lo, uint64_t hi, uint64_t at,
                   bool readonly, unsigned depth) REQUIRES(bql)
{
    assert(depth < MAX_DEPTH);
    if (!mr->enabled || mr->size == 0 || lo > memory_region_last(mr)) {
        return;
    }
    if (hi > memory_region_last(mr)) {
        hi = memory_region_last(mr);
    }
    readonly |= mr->readonly;
    if (mr->kind == MEMORY_ALIAS) {
        if (lo <= UINT64_MAX - mr->alias_offset) {
            uint64_t room = UINT64_MAX - mr->alias_offset;
            uint64_t end = hi <= room ? hi : room;
            render(b, mr->alias, mr->alias_offset + lo, mr->alias_offset + end, at, readonly,
                   depth + 1);
        }
        return;
    }
    for (struct memory_region *c = mr->first_child; c; c = c->next_sibling) {
        if (c->size == 0 || c->addr > hi) {
            continue;
        }
        uint64_t from = c->addr > lo ? c->addr : lo;
        render(b, c, from - c->addr, hi - c->addr, at + (from - lo), readonly, depth + 1);
    }
    if (mr->kind != MEMORY_CONTAINER) {
        render_self(b, mr, lo, hi, at, readonly);
    }
}

/* Whether b goes on where a ends, in the region too. */
static bool continues(const struct view_range *a, const struct view_range *b)
{
    return a->mr == b->mr && a->last + 1 == b->first &&
           a->offset + (b->first - a->first) == b->offset && a->reads == b->reads &&
           a->writes == b->writes && a->drops == b->drops;
}

static void build_merge(struct build *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->count; i++) {
        if (n && continues(&b->range[n - 1], &b->range[i])) {
            b->range[n - 1].last = b->range[i].last;
        } else {
            b->range[n++] = b->range[i];
        }
    }
    b->count = n;
}

static struct flat_view *view_new(struct memory_region *root) REQUIRES(bql)
{
    struct build b = {0};

    render(&b, root, 0, UINT64_MAX, 0, false, 0);
    build_merge(&b);
    struct flat_view *view = malloc(sizeof(*view) + b.count * sizeof(b.range[0]));
    if (!view) {
        exec_out_of_memory("memory map");
    }
    view->count = b.count;
    for (size_t i = 0; i < b.count; i++) {
        view->range[i] = b.range[i];
    }
    free(b.range);
    return view;
}

static bool range_same(const struct view_range *a, const struct view_range *b)
{
    return a->first == b->first && a->last == b->last && a->mr == b->mr && a->offset == b->offset &&
           a->region_last == b->region_last && a->host == b->host && a->reads == b->reads &&
           a->writes == b->writes && a->drops == b->drops;
}

static bool view_same(const struct flat_view *a, const struct flat_view *b)
{
    bool same = a->count == b->count;

    for (size_t i = 0; same && i < a->count; i++) {
        same = range_same(&a->range[i], &b->range[i]);
    }
    return same;
}

static void view_free(struct rcu_head *head)
{
    free((char *)head - offsetof(struct flat_view, rcu));
}

/* Makes the space's view anew. */
static void space_update(struct address_space *as) REQUIRES(bql)
{
    struct flat_view *old = rcu_dereference_locked(as->view);
    struct flat_view *view = view_new(as->root);

    if (old && view_same(old, view)) {
        free(view);
        return;
    }
    rcu_assign_pointer(as->view, view);
    as->is_new = true;
    if (old) {
        call_rcu(&old->rcu, view_free);
    }
}

static void publish(void) REQUIRES(bql)
{
    for (struct address_space *as = spaces; as; as = as->next) {
        space_update(as);
    }
    for (struct address_space *as = spaces; as; as = as->next) {
        if (as->is_new && as->changed) {
            as->changed(as->opaque);
        }
        as->is_new = false;
    }
}

void memory_changed(void)
{
    if (transaction_depth) {
        transaction_changed = true;
    } else {
        publish();
    }
}

bool memory_in_transaction(void)
{
    return transaction_depth > 0;
}

void memory_transaction_begin(void)
{
    transaction_depth++;
}

void memory_transaction_commit(void)
{
    assert(transaction_depth);
    if (--transaction_depth == 0 && transaction_changed) {
        transaction_changed = false;
        publish();
    }
}

const struct view_range *view_find(const struct flat_view *view, uint64_t addr, uint64_t *gap_last)
{
    size_t low = 0, high = view->count; /* the first range that ends at addr or later */

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (view->range[mid].last < addr) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    if (low < view->count && view->range[low].first <= addr) {
        return &view->range[low];
    }
    *gap_last = low < view->count ? view->range[low].first - 1 : UINT64_MAX;
    return NULL;
}

int address_space_new(struct address_space **out, const char *name, struct memory_region *root,
                      struct error *err)
{
    struct address_space *as = calloc(1, sizeof(*as));

    if (!as) {
        return error_set(err, ENOMEM, "address space %s: %s", name, error_text(ENOMEM));
    }
    as->name = name;
    as->root = root;
    space_update(as);
    as->is_new = false;
    as->next = spaces;
    spaces = as;
    *out = as;
    return 0;
}

void address_space_free(struct address_space *as)
{
    struct address_space **link = &spaces;

    while (*link != as) {
        link = &(*link)->next;
    }
    *link = as->next;
    synchronize_rcu();
    free(rcu_dereference_locked(as->view));
    free(as);
}

void address_space_set_listener(struct address_space *as, void (*changed)(void *opaque),
                                void *opaque)
{
    as->changed = changed;
    as->opaque = opaque;
}

struct address_space *memory_spaces(void)
{
    return spaces;
}
