#include "locks/lockdep.h"
#include "locks/internal.h"
#include "locks/lockdep_state.h"
static lockdep_hook_fn *h;
static void *o;
void lockdep_set_hook(lockdep_hook_fn *hook, void *opaque)
{
    h = hook;
    o = opaque;
    (void)h;
    (void)o;
}
void lockdep_after_fork(void)
{
    lock_class_after_fork();
}
#ifdef MORTISE_LOCKDEP
static _Thread_local const struct lock_base *held[32];
void lockdep_rcu_enter(void)
{
}
void lockdep_rcu_exit(void)
{
}
void lockdep_rcu_wait(const char *w, const char *s)
{
    (void)w;
    (void)s;
}
void lockdep_may_block(const char *w, const char *s)
{
    (void)w;
    (void)s;
}
bool lockdep_holds(const struct lock_base *b)
{
    for (int i = 0; i < 32; i++)
        if (held[i] == b)
            return true;
    return false;
}
void lockdep_acquire(struct lock_base *b, unsigned how, const char *s)
{
    (void)b;
    (void)how;
    (void)s;
}
void lockdep_acquired(struct lock_base *b, unsigned how, const char *s)
{
    (void)how;
    (void)s;
    for (int i = 0; i < 32; i++)
        if (!held[i]) {
            held[i] = b;
            break;
        }
}
void lockdep_release(struct lock_base *b, unsigned how, const char *s)
{
    (void)how;
    (void)s;
    for (int i = 0; i < 32; i++)
        if (held[i] == b) {
            held[i] = 0;
            break;
        }
}
#endif
