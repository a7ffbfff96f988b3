/* A session table that sweeps expired sessions, and once too often takes its
 * own lock. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

struct session {
    struct session *next;
    long expires;
};

struct session_table {
    pthread_mutex_t lock;
    struct session *head GUARDED_BY(lock);
    size_t expired GUARDED_BY(lock);
};

size_t session_table_sweep(struct session_table *table, long now);

size_t session_table_sweep(struct session_table *table, long now)
{
    size_t expired = 0;

    pthread_mutex_lock(&table->lock); /* expect-note: self-deadlock */
    for (struct session *s = table->head; s != NULL; s = s->next) {
        if (s->expires <= now) {
            expired++;
        }
    }
#ifdef FAULTY
    pthread_mutex_lock(&table->lock); /* expect: self-deadlock */
#endif
    table->expired += expired;
    pthread_mutex_unlock(&table->lock);
    return expired;
}
