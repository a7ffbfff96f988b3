/* The lock is held if there is an entry. That there is none comes about in two
 * ways, and after many branches it is still known of both. */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct entry;

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned found;

struct entry *table_find(unsigned key);
struct entry *spare_find(unsigned key);
void spare_drop(struct entry *entry);
unsigned report(unsigned key, const unsigned *options);

unsigned report(unsigned key, const unsigned *options)
{
    const struct entry *entry = table_find(key);
    bool quiet = false, brief = false, hidden = false, numeric = false, sorted = false;
    unsigned width = 0, height = 0;

    if (entry) {
        pthread_mutex_lock(&table_lock); /* expect-note: balance */
    } else {
        struct entry *spare = spare_find(key);

        if (spare) {
            spare_drop(spare);
            entry = NULL;
        }
    }
    if (options[0]) {
        quiet = true;
    }
    if (options[1]) {
        brief = true;
    }
    if (options[2]) {
        hidden = true;
    }
    if (options[3]) {
        numeric = true;
    }
    if (options[4]) {
        sorted = true;
    }
    if (options[5]) {
        width = 80;
    }
    if (options[6]) {
        height = 25;
    }
    if (entry) {
        found += quiet && brief && hidden && numeric && sorted;
#ifdef FAULTY
        if (found > 100) {
            return 0; /* expect: balance */
        }
#endif
        pthread_mutex_unlock(&table_lock);
    }
    return width * height;
}
