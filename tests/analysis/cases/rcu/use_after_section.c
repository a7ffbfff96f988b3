/* The pointer outlives the section that it was read in. */
/* needs: liburcu */
#include <urcu.h>

#include "contracts.h"

struct upstream {
    int port;
    int weight;
};

static struct upstream *preferred RCU_PROTECTED;

int upstream_port(void);

int upstream_port(void)
{
    struct upstream *upstream;
    int port = 0;

    rcu_read_lock();
    upstream = rcu_dereference(preferred); /* expect-note: rcu */
#ifdef FAULTY
    rcu_read_unlock();
    if (upstream != NULL) {
        port = upstream->port; /* expect: rcu */
    }
#else
    if (upstream != NULL) {
        port = upstream->port;
    }
    rcu_read_unlock();
#endif
    return port;
}
