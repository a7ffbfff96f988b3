#include <stdlib.h>

#include "filter.h"

struct filter *active_filter RCU_PROTECTED;

static void filter_retire(struct filter *old)
{
    if (old != NULL) {
        synchronize_rcu(); /* expect-note: rcu */
        free(old);
    }
}

void filter_replace(struct filter *next)
{
    filter_retire(rcu_xchg_pointer(&active_filter, next)); /* expect-note: rcu */
}
