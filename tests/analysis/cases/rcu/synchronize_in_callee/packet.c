#include <stddef.h>

#include "filter.h"

int packet_check(int length)
{
    struct filter *filter;
    int verdict = 0;
    int overload;

    rcu_read_lock(); /* expect-note: rcu */
    filter = rcu_dereference(active_filter);
    if (filter != NULL) {
        verdict = filter->verdict;
    }
    overload = length > 9000;
#ifdef FAULTY
    if (overload) {
        filter_replace(NULL); /* expect: rcu */
    }
    rcu_read_unlock();
#else
    rcu_read_unlock();
    if (overload) {
        filter_replace(NULL);
    }
#endif
    return verdict;
}
