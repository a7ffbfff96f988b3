/* The table of blocks that can be copied, by RAM address and mode: see struct
 * tb_template. In it are blocks that have been translated, no copies: those are
 * invalidated when their model is, as they cover the same RAM. So chains stay short, at
 * about a TB per bucket when the cache is full.
 *
 * Its user holds the mmap_lock from the look-up until the copy is published, so that a
 * model is valid until the copy can be invalidated itself. */
#include <assert.h>
#include <errno.h>
#include <sys/mman.h>

#include "exec/tb_internal.h"

#define TEMPLATE_MEAN_SIZE 1024 /* of a block with its metadata */

static struct {
    struct tb_template **bucket IMMUTABLE_AFTER_INIT;
    size_t mask IMMUTABLE_AFTER_INIT;
    size_t used GUARDED_BY(mmap_lock_cap); /* templates in the table */
} table;

int tb_template_init(size_t cache_size, struct error *err)
{
    size_t buckets = 1024;

    while (buckets < cache_size / TEMPLATE_MEAN_SIZE) {
        buckets *= 2;
    }
    void *p = mmap(NULL, buckets * sizeof(struct tb_template *), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        return error_set(err, errno, "code cache: cannot map its table of templates: %s",
                         error_text(errno));
    }
    table.bucket = p;
    table.mask = buckets - 1;
    return 0;
}

/* Neighbours in RAM are neighbours in the table, which is to take little memory while
 * little code has run: a bucket is for 16 bytes of RAM, about a block. */
static struct tb_template **bucket_of(uint64_t ram, uint32_t flags) REQUIRES(mmap_lock_cap)
{
    uint64_t key = (ram >> 4) + flags * 0x9e3779b9UL;

    return &table.bucket[key & table.mask];
}

void tb_template_add(struct tb_template *template)
{
    struct tb_template **bucket = bucket_of(template->tb->ram, template->tb->flags);

    assert(template->tb->by_ram);
    template->next = *bucket;
    *bucket = template;
    table.used++;
}

const struct tb_template *tb_template_find(uint64_t ram, uint32_t flags)
{
    const struct tb_template *at = *bucket_of(ram, flags);

    while (at && (at->tb->ram != ram || at->tb->flags != flags)) {
        at = at->next;
    }
    return at;
}

void tb_template_remove(const struct tb *tb)
{
    if (!table.used || !tb->by_ram) {
        return;
    }
    struct tb_template **link = bucket_of(tb->ram, tb->flags);
    while (*link && (*link)->tb != tb) {
        link = &(*link)->next;
    }
    if (*link) { /* else it is a copy, or not to be copied */
        *link = (*link)->next;
        table.used--;
    }
}

void tb_template_reset(void)
{
    size_t size = (table.mask + 1) * sizeof(struct tb_template *);

    if (!table.used) {
        return;
    }
    table.used = 0;
    if (madvise(table.bucket, size, MADV_DONTNEED) < 0) {
        for (size_t i = 0; i <= table.mask; i++) {
            table.bucket[i] = NULL;
        }
    }
}
