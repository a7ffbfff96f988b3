/* Which TBs cover which page of guest code.
 *
 * A radix tree over the 36-bit page number of a 48-bit address; a leaf holds
 * the list heads of 4096 neighbouring pages (16 MiB). Nodes are made on
 * demand and kept, so walking a range costs what has ever held code in it,
 * not its length. A TB lies on at most two pages: it is in the list of its
 * first byte's page through page_next[0], of its last byte's, if that is
 * another, through page_next[1]; which of the two a list goes by follows from
 * the page's number. In system mode the pages are those of RAM.
 *
 * Lists change under the mmap_lock and the lock of each page concerned, so
 * who holds either may read them. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "exec/guest_ops.h"
#include "exec/tb_internal.h"
#include "locks/page_lock.h"

#define LEVEL_BITS 12
#define LEVEL_SIZE (1UL << LEVEL_BITS)
#define LEVEL_MASK (LEVEL_SIZE - 1)
#define PAGE_MASK  ((1UL << 3 * LEVEL_BITS) - 1)

struct page_leaf {
    struct tb *first[LEVEL_SIZE] GUARDED_BY(mmap_lock_cap);
    size_t used GUARDED_BY(mmap_lock_cap); /* heads that are not NULL */
};

struct page_branch {
    struct page_leaf *leaf[LEVEL_SIZE] GUARDED_BY(mmap_lock_cap);
};

static struct page_branch *root[LEVEL_SIZE] GUARDED_BY(mmap_lock_cap);

static uint64_t page_of(uint64_t addr)
{
    return addr >> GUEST_PAGE_BITS & PAGE_MASK;
}

static size_t root_index(uint64_t page)
{
    return page >> 2 * LEVEL_BITS;
}

static size_t branch_index(uint64_t page)
{
    return page >> LEVEL_BITS & LEVEL_MASK;
}

/* A zeroed node that takes space only as it is used. */
static void *node_new(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        exec_out_of_memory("page descriptors");
    }
    return p;
}

static struct page_leaf *leaf_find(uint64_t page) REQUIRES(mmap_lock_cap)
{
    struct page_branch *branch = root[root_index(page)];

    return branch ? branch->leaf[branch_index(page)] : NULL;
}

static struct page_leaf *leaf_make(uint64_t page) REQUIRES(mmap_lock_cap)
{
    struct page_branch **branch = &root[root_index(page)];

    if (!*branch) {
        *branch = node_new(sizeof(**branch));
    }
    struct page_leaf **leaf = &(*branch)->leaf[branch_index(page)];
    if (!*leaf) {
        *leaf = node_new(sizeof(**leaf));
    }
    return *leaf;
}

/* The link by which a TB on the list of `page` goes on. */
static struct tb **next_on(struct tb *tb, uint64_t page) REQUIRES(mmap_lock_cap)
{
    return &tb->page_next[page_of(tb_first(tb)) != page];
}

static void list_add(struct tb *tb, uint64_t page) REQUIRES(mmap_lock_cap, page_lock_cap)
{
    struct page_leaf *leaf = leaf_make(page);
    struct tb **head = &leaf->first[page & LEVEL_MASK];

    leaf->used += !*head;
    *next_on(tb, page) = *head;
    *head = tb;
}

/* Nothing on the page is translated any more. */
static void page_empty(uint64_t page) REQUIRES(mmap_lock_cap)
{
    if (guest_ops && guest_ops->page_empty) {
        guest_ops->page_empty(page << GUEST_PAGE_BITS);
    }
}

static void list_remove(struct tb *tb, uint64_t page) REQUIRES(mmap_lock_cap, page_lock_cap)
{
    struct page_leaf *leaf = leaf_find(page);
    assert(leaf); /* list_add has made it */
    struct tb **head = &leaf->first[page & LEVEL_MASK];
    struct tb **link = head;

    while (*link && *link != tb) {
        link = next_on(*link, page);
    }
    if (*link) {
        *link = *next_on(tb, page);
        if (!*head) {
            leaf->used--;
            page_empty(page);
        }
    }
}

void tb_page_add(struct tb *tb)
{
    uint64_t first = page_of(tb_first(tb)), last = page_of(tb_last(tb));

    page_lock_pair(first, last);
    list_add(tb, first);
    if (last != first) {
        list_add(tb, last);
    }
    page_unlock_pair(first, last);
}

void tb_page_remove(struct tb *tb)
{
    uint64_t first = page_of(tb_first(tb)), last = page_of(tb_last(tb));

    page_lock_pair(first, last);
    list_remove(tb, first);
    if (last != first) {
        list_remove(tb, last);
    }
    page_unlock_pair(first, last);
}

bool tb_page_has_code(uint64_t page_addr)
{
    uint64_t page = page_of(page_addr);
    struct page_leaf *leaf = leaf_find(page);

    return leaf && leaf->first[page & LEVEL_MASK];
}

/* Whether the part of the TB that lies on the page has a byte in first..last. Its
 * two parts need not be neighbours in RAM. */
static bool covers(const struct tb *tb, uint64_t page, uint64_t first, uint64_t last)
{
    uint64_t from = tb_first(tb), to = tb_last(tb);

    if (tb->by_ram && page_of(from) == page_of(to) && from > to) {
        return true; /* both its pages are mapped to one */
    }
    if (tb->by_ram && page_of(from) != page_of(to)) {
        bool on_first = page_of(from) == page;
        from = on_first ? from : page << GUEST_PAGE_BITS;
        to = on_first ? from | (GUEST_PAGE_SIZE - 1) : to;
    }
    return from <= last && to >= first;
}

/* Like tb_page_for_each_in, for one page. */
static size_t for_each_on_page(struct tb *tb, uint64_t page, uint64_t first, uint64_t last,
                               void (*fn)(struct tb *tb)) REQUIRES(mmap_lock_cap)
{
    size_t count = 0;

    while (tb) {
        struct tb *next = *next_on(tb, page);

        if (covers(tb, page, first, last)) {
            fn(tb);
            count++;
        }
        tb = next;
    }
    return count;
}

size_t tb_page_for_each_in(uint64_t first, uint64_t last, void (*fn)(struct tb *tb))
{
    uint64_t page = page_of(first), end = page_of(last);
    size_t count = 0;

    while (page <= end) {
        struct page_branch *branch = root[root_index(page)];
        struct page_leaf *leaf = branch ? branch->leaf[branch_index(page)] : NULL;

        if (!leaf || !leaf->used) {
            /* Skips to the next leaf, or to the next branch. */
            page |= branch ? LEVEL_MASK : (LEVEL_MASK << LEVEL_BITS | LEVEL_MASK);
        } else {
            count += for_each_on_page(leaf->first[page & LEVEL_MASK], page, first, last, fn);
        }
        page++;
    }
    return count;
}

/* Nobody is inside, and the caller holds the mmap_lock: no page lock needed. */
void tb_page_reset(void)
{
    for (size_t i = 0; i < LEVEL_SIZE; i++) {
        for (size_t j = 0; root[i] && j < LEVEL_SIZE; j++) {
            struct page_leaf *leaf = root[i]->leaf[j];

            if (leaf && leaf->used) {
                for (size_t k = 0; guest_ops && guest_ops->page_empty && k < LEVEL_SIZE; k++) {
                    if (leaf->first[k]) {
                        page_empty((i * LEVEL_SIZE + j) * LEVEL_SIZE + k);
                    }
                }
                memset(leaf, 0, sizeof(*leaf));
            }
        }
    }
}
