/* A plain store lets readers see the pointer before what it points to. */
/* needs: liburcu */
#include <stdlib.h>
#include <urcu.h>

#include "contracts.h"

struct mapping {
    unsigned long base;
    unsigned long size;
};

static struct mapping *mapping RCU_PROTECTED;

int mapping_publish(unsigned long base, unsigned long size);

int mapping_publish(unsigned long base, unsigned long size)
{
    struct mapping *fresh = malloc(sizeof(*fresh));

    if (fresh == NULL) {
        return -1;
    }
    fresh->base = base;
    fresh->size = size;
#ifdef FAULTY
    mapping = fresh; /* expect: rcu */
#else
    rcu_assign_pointer(mapping, fresh);
#endif
    return 0;
}
