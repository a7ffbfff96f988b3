/* qsort calls back before it returns. */
#include <pthread.h>
#include <stdlib.h>

#include "contracts.h"

static pthread_mutex_t collation_lock = PTHREAD_MUTEX_INITIALIZER;
static int descending GUARDED_BY(collation_lock);

void names_sort(const char **names, size_t count);

static int compare_names(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;
    int sign;

#ifdef FAULTY
    pthread_mutex_lock(&collation_lock); /* expect-note: self-deadlock */
#endif
    sign = descending ? -1 : 1;
#ifdef FAULTY
    pthread_mutex_unlock(&collation_lock);
#endif
    return sign * ((*x)[0] - (*y)[0]);
}

void names_sort(const char **names, size_t count)
{
    pthread_mutex_lock(&collation_lock);                  /* expect-note: self-deadlock */
    qsort(names, count, sizeof(names[0]), compare_names); /* expect: self-deadlock */
    pthread_mutex_unlock(&collation_lock);
}
