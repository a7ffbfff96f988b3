/* The spinlock out of line: waiting, and whatever is watched. */
#include "locks/spinlock.h"

#include <sched.h>

#include "locks/watch.h"

/* Looks before yielding: more than a holder that runs needs. */
#define SPINS 100

void spinlock_init(struct spinlock *s, struct lock_class *lc)
{
    *s = (struct spinlock)SPINLOCK_INIT(lc);
}

static void spin(struct spinlock *s)
{
    do {
        for (unsigned i = 0; ck_spinlock_fas_locked(&s->ck); i++) {
            if (i < SPINS) {
                ck_pr_stall();
            } else {
                sched_yield();
                i = 0;
            }
        }
    } while (!ck_spinlock_fas_trylock(&s->ck));
}

void spinlock_lock_slow(struct spinlock *s, const char *site)
{
    uint64_t from = 0;

    if (!lock_watched()) {
        spin(s);
        return;
    }
    lock_watch_acquire(&s->base, LOCK_HOW_SPIN, site);
    if (!ck_spinlock_fas_trylock(&s->ck)) {
        from = lock_watch_wait();
        spin(s);
    }
    tsan_acquire(s); /* before the fields of base are touched */
    lock_watch_acquired(&s->base, LOCK_HOW_SPIN, site, from);
}

void spinlock_watch_try(struct spinlock *s, const char *site)
{
    lock_watch_acquired(&s->base, LOCK_HOW_SPIN | LOCK_HOW_TRY, site, 0);
}

void spinlock_watch_unlock(struct spinlock *s, const char *site)
{
    lock_watch_release(&s->base, LOCK_HOW_SPIN, site);
}
