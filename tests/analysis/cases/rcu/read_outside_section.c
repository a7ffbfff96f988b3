/* A protected pointer read with neither a section nor the writer's lock. */
/* needs: liburcu */
#include <stddef.h>
#include <urcu.h>

#include "contracts.h"

struct key {
    unsigned id;
};

static struct key *signing_key RCU_PROTECTED;

unsigned key_current(void);

unsigned key_current(void)
{
    struct key *key;
    unsigned id = 0;

#ifndef FAULTY
    rcu_read_lock();
#endif
    key = rcu_dereference(signing_key); /* expect: rcu */
    if (key != NULL) {
        id = key->id;
    }
#ifndef FAULTY
    rcu_read_unlock();
#endif
    return id;
}
