#ifndef MORTISE_LOCKS_LOCKDEP_STATE_H
#define MORTISE_LOCKS_LOCKDEP_STATE_H
#include "locks/lockdep.h"
#include "locks/watch.h"
#ifdef MORTISE_LOCKDEP
void lockdep_acquire(struct lock_base *base, unsigned how, const char *site);
void lockdep_acquired(struct lock_base *base, unsigned how, const char *site);
void lockdep_release(struct lock_base *base, unsigned how, const char *site);
#else
static inline void lockdep_acquire(struct lock_base *base, unsigned how, const char *site)
{
    (void)base, (void)how, (void)site;
}
static inline void lockdep_acquired(struct lock_base *base, unsigned how, const char *site)
{
    (void)base, (void)how, (void)site;
}
static inline void lockdep_release(struct lock_base *base, unsigned how, const char *site)
{
    (void)base, (void)how, (void)site;
}
#endif
#endif
