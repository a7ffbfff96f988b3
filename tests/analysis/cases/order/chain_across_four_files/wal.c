#include "engine.h"

void wal_write(struct engine *engine)
{
    pthread_mutex_lock(&engine->wal_lock); /* expect-note: lock-order */
    engine->records++;
    pthread_mutex_unlock(&engine->wal_lock);
}

void wal_checkpoint(struct engine *engine)
{
    long tables;

#ifdef FAULTY
    pthread_mutex_lock(&engine->wal_lock);     /* expect-note: lock-order */
    pthread_mutex_lock(&engine->catalog_lock); /* expect-any: lock-order */
    tables = engine->tables;
    pthread_mutex_unlock(&engine->catalog_lock);
#else
    pthread_mutex_lock(&engine->catalog_lock);
    tables = engine->tables;
    pthread_mutex_unlock(&engine->catalog_lock);
    pthread_mutex_lock(&engine->wal_lock);
#endif
    engine->records = tables;
    pthread_mutex_unlock(&engine->wal_lock);
}
