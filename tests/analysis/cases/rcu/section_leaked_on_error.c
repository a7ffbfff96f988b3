/* An early return that leaves the reader in its section for ever. */
/* needs: liburcu */
#include <errno.h>
#include <stddef.h>
#include <urcu.h>

#include "contracts.h"

struct certificate {
    long expires;
};

static struct certificate *certificate RCU_PROTECTED;

int certificate_check(long now);

int certificate_check(long now)
{
    struct certificate *current;
    int result = 0;

    rcu_read_lock(); /* expect-note: balance */
    current = rcu_dereference(certificate);
    if (current == NULL) {
#ifndef FAULTY
        rcu_read_unlock();
#endif
        return -ENOENT; /* expect: balance */
    }
    if (current->expires < now) {
        result = -EKEYEXPIRED;
    }
    rcu_read_unlock();
    return result;
}
