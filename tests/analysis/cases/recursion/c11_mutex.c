/* C11 threads: mtx_plain is not recursive. */
#include <threads.h>

#include "contracts.h"

struct inventory {
    mtx_t lock;
    int parts GUARDED_BY(lock);
};

int inventory_take(struct inventory *inventory, int parts);
int inventory_move(struct inventory *from, int parts);

int inventory_take(struct inventory *inventory, int parts)
{
    int taken = 0;

    if (mtx_lock(&inventory->lock) != thrd_success) { /* expect-note: self-deadlock */
        return -1;
    }
    if (inventory->parts >= parts) {
        inventory->parts -= parts;
        taken = parts;
    }
    mtx_unlock(&inventory->lock);
    return taken;
}

int inventory_move(struct inventory *from, int parts)
{
    int moved;

#ifdef FAULTY
    mtx_lock(&from->lock);               /* expect-note: self-deadlock */
    moved = inventory_take(from, parts); /* expect: self-deadlock */
    mtx_unlock(&from->lock);
#else
    moved = inventory_take(from, parts);
#endif
    return moved;
}
