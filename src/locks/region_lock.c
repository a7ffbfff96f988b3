/* The region lock's one instance. */
#include "locks/region_lock.h"

#include "locks/internal.h"

LOCK_CLASS_DEFINE(region_lock_class, RANK_REGION);
static struct mutex region_mutex = MUTEX_INIT(&region_lock_class);
struct region_lock_capability region_lock_cap;

void region_lock_at(const char *site) NO_THREAD_SAFETY_ANALYSIS
{
    mutex_lock_at(&region_mutex, site);
}

void region_unlock_at(const char *site) NO_THREAD_SAFETY_ANALYSIS
{
    mutex_unlock_at(&region_mutex, site);
}
