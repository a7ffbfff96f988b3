/* Whether the item comes with its lock is said by an out parameter, not by the
 * result: an item that is not there is locked as well. */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOCKS = 16 };

struct item {
    unsigned references;
};

static pthread_mutex_t item_locks[LOCKS];

uint32_t key_hash(const char *key);
struct item *table_find(const char *key);
struct item *item_get_locked(const char *key, uint32_t *hash, bool *overflow);
unsigned item_count(const char *key);

static struct item *find_locked(const char *key, uint32_t *hash)
{
    *hash = key_hash(key);
    pthread_mutex_lock(&item_locks[*hash % LOCKS]); /* expect-note: balance */
    return table_find(key);
}

struct item *item_get_locked(const char *key, uint32_t *hash, bool *overflow)
{
    struct item *item = find_locked(key, hash); /* expect-note: balance */

    if (item && item->references > 1000) {
        item = NULL;
        pthread_mutex_unlock(&item_locks[*hash % LOCKS]);
        *overflow = true;
    } else {
        *overflow = false;
    }
    return item;
}

unsigned item_count(const char *key)
{
    uint32_t hash;
    bool overflow = false;
    const struct item *item = item_get_locked(key, &hash, &overflow); /* expect-note: balance */
    unsigned count = 0;

    if (overflow) {
        return 0;
    }
    if (item) {
        count = item->references;
    }
#ifdef FAULTY
    if (count == 0) {
        return 1; /* expect: balance */
    }
#endif
    pthread_mutex_unlock(&item_locks[hash % LOCKS]);
    return count;
}
