/* A pointer that is kept in a connection is used long after the section. */
/* needs: liburcu */
#include <stddef.h>
#include <urcu.h>

#include "contracts.h"

struct policy {
    int max_age;
};

struct connection {
    const struct policy *policy;
    int max_age;
};

static struct policy *policy RCU_PROTECTED;

void connection_accept(struct connection *connection);

void connection_accept(struct connection *connection)
{
    struct policy *current;

    rcu_read_lock();
    current = rcu_dereference(policy); /* expect-note: rcu */
    if (current != NULL) {
        connection->max_age = current->max_age;
    }
#ifdef FAULTY
    connection->policy = current; /* expect: rcu */
#else
    connection->policy = NULL;
#endif
    rcu_read_unlock();
}
