/* A function reads a pointer as its updaters do, with the lock of its caller,
 * and does not say so. */
/* options: --enable=unstated-contract */
#include <pthread.h>
#include <stdlib.h>

#include "contracts.h"

#define my_assign_pointer(p, v)      __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)
#define my_dereference_locked(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)

struct config {
    int level;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct config *current RCU_PROTECTED;

#ifdef FAULTY
static int level_of_current(void);
#else
static int level_of_current(void) REQUIRES(lock);
#endif

static int level_of_current(void)
{
    const struct config *config = my_dereference_locked(current); /* expect: unstated-contract */

    return config ? config->level : 0;
}

void config_raise(struct config *fresh);
void config_raise(struct config *fresh)
{
    pthread_mutex_lock(&lock);
    fresh->level = level_of_current() + 1;
    my_assign_pointer(current, fresh);
    pthread_mutex_unlock(&lock);
}
