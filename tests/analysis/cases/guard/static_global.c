/* A guarded global, written by an initialiser function that runs late. */
#include <pthread.h>

#include "contracts.h"

static pthread_mutex_t locale_lock = PTHREAD_MUTEX_INITIALIZER;
static const char *locale_name GUARDED_BY(locale_lock) = "C";

const char *locale_get(void);
void locale_set(const char *name);

const char *locale_get(void)
{
    const char *name;

    pthread_mutex_lock(&locale_lock);
    name = locale_name;
    pthread_mutex_unlock(&locale_lock);
    return name;
}

void locale_set(const char *name)
{
#ifdef FAULTY
    locale_name = name; /* expect: missing-guard */
#else
    pthread_mutex_lock(&locale_lock);
    locale_name = name;
    pthread_mutex_unlock(&locale_lock);
#endif
}
