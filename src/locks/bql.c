/* The big lock's one instance. */
#include "locks/bql.h"

#include "locks/lockdep.h"
#include "locks/watch.h"

LOCK_CLASS_DEFINE(bql_class, RANK_BQL);
struct mutex bql = MUTEX_INIT(&bql_class);

bool bql_locked(void)
{
#ifdef MORTISE_LOCKDEP
    return lockdep_holds(&bql.base);
#else
    return atomic_load_explicit(&bql.state, memory_order_relaxed) != 0;
#endif
}

void bql_assert_locked(void)
{
    if (!bql_locked()) {
        lock_die("the BQL is not held where it has to be");
    }
}
