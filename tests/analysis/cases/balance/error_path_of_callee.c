/* "On success the lock is held": the caller of a helper that fails must not
 * unlock, and here does. */
#include <errno.h>
#include <pthread.h>

#include "contracts.h"

struct session {
    pthread_mutex_t lock;
    int dead GUARDED_BY(lock);
    int requests GUARDED_BY(lock);
};

/* 0 with the lock held, or -ESHUTDOWN without. */
static int session_enter(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    if (session->dead) {
        pthread_mutex_unlock(&session->lock); /* expect-note: double-release */
        return -ESHUTDOWN;
    }
    return 0;
}

int session_request(struct session *session);

int session_request(struct session *session)
{
    int result = session_enter(session); /* expect-note: double-release */

    if (result == 0) {
        session->requests++;
    }
#ifndef FAULTY
    else {
        return result;
    }
#endif
    pthread_mutex_unlock(&session->lock); /* expect: double-release */
    return result;
}
