/* The last one to let go unlocks and frees; the object is not touched after
 * that. */
#include <pthread.h>
#include <stdlib.h>

#include "contracts.h"

struct texture {
    pthread_mutex_t lock;
    int references GUARDED_BY(lock);
};

void texture_put(struct texture *texture);

void texture_put(struct texture *texture)
{
    pthread_mutex_lock(&texture->lock);
    if (--texture->references == 0) {
        pthread_mutex_unlock(&texture->lock);
        pthread_mutex_destroy(&texture->lock);
        free(texture);
        return;
    }
#ifdef FAULTY
    pthread_mutex_unlock(&texture->lock);
    if (texture->references == 1) { /* expect: missing-guard */
        abort();
    }
#else
    pthread_mutex_unlock(&texture->lock);
#endif
}
