/* call_rcu's function runs on a thread of its own and takes its locks there,
 * in its own order. */
/* needs: liburcu */
#include <stdlib.h>
#include <urcu.h>

#include "contracts.h"

static pthread_mutex_t slab_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t budget_lock = PTHREAD_MUTEX_INITIALIZER;
static long slab_objects GUARDED_BY(slab_lock);
static long budget GUARDED_BY(budget_lock);

struct object {
    struct rcu_head rcu;
};

struct object *object_new(void);
void object_retire(struct object *object);

static void object_reclaim(struct rcu_head *head)
{
    struct object *object = caa_container_of(head, struct object, rcu);

#ifdef FAULTY
    pthread_mutex_lock(&budget_lock); /* expect-note: lock-order */
    pthread_mutex_lock(&slab_lock);   /* expect-any: lock-order */
#else
    pthread_mutex_lock(&slab_lock);
    pthread_mutex_lock(&budget_lock);
#endif
    slab_objects--;
    budget += (long)sizeof(*object);
    pthread_mutex_unlock(&budget_lock);
    pthread_mutex_unlock(&slab_lock);
    free(object);
}

struct object *object_new(void)
{
    pthread_mutex_lock(&slab_lock);   /* expect-note: lock-order */
    pthread_mutex_lock(&budget_lock); /* expect-any: lock-order */
    slab_objects++;
    budget -= (long)sizeof(struct object);
    pthread_mutex_unlock(&budget_lock);
    pthread_mutex_unlock(&slab_lock);
    return malloc(sizeof(struct object));
}

/* No edge from what the caller holds to what the callback takes. */
void object_retire(struct object *object)
{
    pthread_mutex_lock(&budget_lock);
    budget--;
    call_rcu(&object->rcu, object_reclaim);
    pthread_mutex_unlock(&budget_lock);
}
