/* The tree of regions and the flat views as text: "info mtree". */
#include <inttypes.h>
#include <stdio.h>

#include "exec/memory_internal.h"

static const char *kind_name(enum memory_kind kind)
{
    static const char *const names[] = {
        [MEMORY_CONTAINER] = "container", [MEMORY_RAM] = "ram", [MEMORY_ROM] = "rom",
        [MEMORY_ROM_DEVICE] = "romd",     [MEMORY_IO] = "i/o",  [MEMORY_ALIAS] = "alias"};
    return names[kind];
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as regions are nested */
static void print_region(FILE *f, const struct memory_region *mr, uint64_t base, int indent)
    REQUIRES(bql)
{
    uint64_t last = mr->size ? memory_region_last(mr) : 0;

    fprintf(f, "%*s%016" PRIx64 "-%016" PRIx64 " (prio %d, %s%s): %s", indent, "", base,
            base + last, mr->priority, kind_name(mr->kind), mr->readonly ? ", read-only" : "",
            mr->name);
    if (mr->alias) {
        fprintf(f, " @%s %016" PRIx64, mr->alias->name, mr->alias_offset);
    }
    fprintf(f, "%s\n", mr->enabled ? "" : " [disabled]");
    for (const struct memory_region *c = mr->first_child; c; c = c->next_sibling) {
        print_region(f, c, base + c->addr, indent + 2);
    }
}

static void print_view(FILE *f, struct address_space *as) REQUIRES(bql)
{
    const struct flat_view *view = rcu_dereference_locked(as->view);

    fprintf(f, "flat view of %s\n", as->name);
    for (size_t i = 0; i < view->count; i++) {
        const struct view_range *r = &view->range[i];

        fprintf(f, "  %016" PRIx64 "-%016" PRIx64 " (%s%s): %s", r->first, r->last,
                kind_name(r->mr->kind), r->host && !r->writes ? ", read-only" : "", r->mr->name);
        if (r->offset) {
            fprintf(f, " @%016" PRIx64, r->offset);
        }
        fputc('\n', f);
    }
}

void memory_print(void *file)
{
    FILE *f = file;

    for (struct address_space *as = memory_spaces(); as; as = as->next) {
        fprintf(f, "address space %s\n", as->name);
        print_region(f, as->root, 0, 2);
        print_view(f, as);
    }
}
