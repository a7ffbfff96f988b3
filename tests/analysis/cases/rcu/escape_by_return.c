/* A lookup that returns a protected pointer after its section has ended; the
 * repaired one wants its callers to be in a section. */
/* needs: liburcu */
#include <urcu.h>

#include "contracts.h"

struct user {
    int id;
    int quota;
};

static struct user *users[64] RCU_PROTECTED;

int user_quota(int id);

static struct user *user_find(int id)
{
    struct user *user;

#ifdef FAULTY
    rcu_read_lock();
#endif
    user = rcu_dereference(users[id % 64]); /* expect-note: rcu */
#ifdef FAULTY
    rcu_read_unlock();
#endif
    return user; /* expect: rcu */
}

int user_quota(int id)
{
    struct user *user;
    int quota = 0;

    rcu_read_lock();
    user = user_find(id);
    if (user != NULL) {
        quota = user->quota;
    }
    rcu_read_unlock();
    return quota;
}
