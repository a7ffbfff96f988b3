#include "pool.h"

void tenant_open(struct tenant *tenant)
{
#ifdef FAULTY
    pthread_mutex_lock(&tenant->lock); /* expect-note: wait */
    pool_take(tenant->pool);           /* expect: wait */
#else
    pool_take(tenant->pool);
    pthread_mutex_lock(&tenant->lock);
#endif
    tenant->open++;
    pthread_mutex_unlock(&tenant->lock);
}

void tenant_close(struct tenant *tenant)
{
    pthread_mutex_lock(&tenant->lock);
    tenant->open--;
    pthread_mutex_unlock(&tenant->lock);
    pool_return(tenant->pool);
}
