#include <stdlib.h>

#include "pool.h"

static pthread_mutex_t results_lock = PTHREAD_MUTEX_INITIALIZER;
static int found GUARDED_BY(results_lock);

struct scan {
    struct work work;
    int file;
};

static void scan_file(struct work *work)
{
    struct scan *scan = (struct scan *)work;

    pthread_mutex_lock(&results_lock); /* expect-note: lock-order */
    found += scan->file % 2;
    pthread_mutex_unlock(&results_lock);
    free(scan);
}

int scanner_scan(struct pool *pool, int files)
{
    pthread_mutex_lock(&results_lock); /* expect-note: lock-order */
    found = 0;
    for (int i = 0; i < files; i++) {
        struct scan *scan = malloc(sizeof(*scan));

        if (scan == NULL) {
            break;
        }
        scan->file = i;
        pool_submit(pool, &scan->work, scan_file); /* expect-any: lock-order */
    }
    pthread_mutex_unlock(&results_lock);
    return 0;
}
