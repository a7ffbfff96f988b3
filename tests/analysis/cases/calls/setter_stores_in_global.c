/* A hook is set by a function and called under the lock that the hook
 * takes. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

static pthread_mutex_t audit_lock = PTHREAD_MUTEX_INITIALIZER;
static void (*audit_hook)(int event) GUARDED_BY(audit_lock);
static long events GUARDED_BY(audit_lock);

void audit_set_hook(void (*hook)(int event));
void audit_event(int event);
long audit_events(void);
void plugin_load(void);

void audit_set_hook(void (*hook)(int event))
{
    pthread_mutex_lock(&audit_lock);
    audit_hook = hook;
    pthread_mutex_unlock(&audit_lock);
}

void audit_event(int event)
{
    void (*hook)(int event);

    pthread_mutex_lock(&audit_lock); /* expect-note: self-deadlock */
    events++;
    hook = audit_hook;
#ifdef FAULTY
    if (hook != NULL) {
        hook(event); /* expect: self-deadlock */
    }
    pthread_mutex_unlock(&audit_lock);
#else
    pthread_mutex_unlock(&audit_lock);
    if (hook != NULL) {
        hook(event);
    }
#endif
}

long audit_events(void)
{
    long count;

    pthread_mutex_lock(&audit_lock); /* expect-note: self-deadlock */
    count = events;
    pthread_mutex_unlock(&audit_lock);
    return count;
}

static void on_event(int event)
{
    if (audit_events() > 1000) { /* expect-note: self-deadlock */
        (void)event;
    }
}

void plugin_load(void)
{
    audit_set_hook(on_event);
}
