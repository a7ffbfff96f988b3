/* What the files of this room share with each other and with nobody else. */
#ifndef MORTISE_LOCKS_INTERNAL_H
#define MORTISE_LOCKS_INTERNAL_H

#include "locks/page_lock.h"

/* The child of a fork: nobody is joining the list of classes any more. */
void lock_class_after_fork(void);

/* A mutex, past lockdep and the statistics. */
void mutex_lock_unwatched(struct mutex *m) ACQUIRE(m);
void mutex_unlock_unwatched(struct mutex *m) RELEASE(m);

/* For fork.c: the page locks as a whole. Seen by lockdep as one lock. */
void page_lock_all(void) ACQUIRE(page_lock_cap);
void page_unlock_all(void) RELEASE(page_lock_cap);

#endif
