/* Parallel flash with Intel's command set, as firmware is kept in: it reads and runs
 * like ROM, and is erased and programmed by commands that are written to it. */
#ifndef MORTISE_HW_PFLASH_H
#define MORTISE_HW_PFLASH_H

#include "hw/disk.h"
#include "hw/machine.h"

#define PFLASH_BLOCK 4096u /* what one erase command clears */

struct pflash;

/* Flash with the contents of `disk`, at the top of [0, end) of `parent`. What the guest
 * programs goes to the disk, unless that is read-only. The size is a multiple of a block
 * and at most `max`. Takes the disk over when it succeeds. `name` is a literal. */
NODISCARD int pflash_new(const char *name, struct memory_region *parent, uint64_t end, uint64_t max,
                         struct disk *disk, struct pflash **out, struct error *err) REQUIRES(bql);
void pflash_free(struct pflash *p) REQUIRES(bql);
void pflash_reset(void *opaque) REQUIRES(bql);

/* Its memory, for aliases of it. */
struct memory_region *pflash_memory(struct pflash *p);
uint64_t pflash_size(const struct pflash *p);

#endif
