/* The wrong object's lock is held: clang's analysis does not tell the two
 * apart. */
#include <pthread.h>

#include "contracts.h"

struct basket {
    pthread_mutex_t lock;
    int eggs GUARDED_BY(lock);
};

int basket_take(struct basket *from, struct basket *to);

int basket_take(struct basket *from, struct basket *to)
{
    int eggs;

    pthread_mutex_lock(&from->lock);
    eggs = from->eggs;
    from->eggs = 0;
#ifdef FAULTY
    to->eggs += eggs; /* expect: missing-guard */
    pthread_mutex_unlock(&from->lock);
#else
    pthread_mutex_unlock(&from->lock);
    pthread_mutex_lock(&to->lock);
    to->eggs += eggs;
    pthread_mutex_unlock(&to->lock);
#endif
    return eggs;
}
