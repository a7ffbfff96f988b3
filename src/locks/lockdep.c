/* The checks. Each thread has a list of what it holds; every acquisition is
 * held against that list before it may wait, every release and every sleep
 * too. What needs the past of other threads is in lockdep_graph.c.
 *
 * A thread that is interrupted by a signal handler which takes locks is not in
 * the middle of a lock operation (locks/lockdep.h), so the list is whole. */
#include "locks/lockdep_state.h"

#include "locks/internal.h"

#ifdef MORTISE_LOCKDEP

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static _Thread_local struct lockdep_thread state __attribute__((tls_model("initial-exec")));
static pthread_key_t exit_key IMMUTABLE_AFTER_INIT;

/* Runs at a thread's exit, and again if a later destructor takes a lock. */
static void check_exit(void *opaque)
{
    struct lockdep_thread *self = opaque;

    self->exit_checked = false;
    if (self->depth > 0) {
        lockdep_report(self, "exit of a thread that holds a lock", "exits", NULL, NULL);
        self->depth = 0;
    }
}

__attribute__((constructor)) static void start(void)
{
    if (pthread_key_create(&exit_key, check_exit) != 0 ||
        pthread_atfork(NULL, NULL, lockdep_after_fork) != 0) {
        lock_die("lockdep: cannot watch threads' ends and forks");
    }
}

static struct lockdep_thread *self_get(void)
{
    if (state.tid == 0) {
        state.tid = gettid();
    }
    if (!state.exit_checked) {
        /* One of the first keys of the process, for which no memory is needed. */
        state.exit_checked = pthread_setspecific(exit_key, &state) == 0;
    }
    return &state;
}

static bool is_spin(const struct lockdep_held *h)
{
    return h->how & LOCK_HOW_SPIN;
}

/* True if there is nothing more to say about the pair. */
static bool check_same(struct lockdep_thread *self, const struct lockdep_held *held,
                       const struct lockdep_held *want)
{
    if (held->lock == want->lock) {
        lockdep_report(self, "recursion", "wants, although it holds it,", want, NULL);
        return true;
    }
    if (held->lc != want->lc) {
        return false;
    }
    if (!(want->lc->flags & LOCK_CLASS_NEST_ASCENDING)) {
        lockdep_report(self, "two locks of one class, which does not say how they nest", "wants",
                       want, NULL);
    } else if ((uintptr_t)held->lock > (uintptr_t)want->lock) {
        lockdep_report(self, "lock order inversion within one class, which nests by address",
                       "wants, at the lower address,", want, NULL);
    }
    return true;
}

static void check_order(struct lockdep_thread *self, unsigned from, const struct lockdep_held *want)
{
    const struct lockdep_held *held = &self->held[from];
    struct lockdep_path reverse;

    lockdep_graph_learn(self, from, want, &reverse);
    if (held->lc->rank > want->lc->rank) {
        char kind[96];

        (void)snprintf(kind, sizeof(kind),
                       "lock order inversion: rank %s is declared to come before %s",
                       lock_rank_name(want->lc->rank), lock_rank_name(held->lc->rank));
        lockdep_report(self, kind, "wants", want, &reverse);
    } else if (reverse.length > 0) {
        lockdep_report(self, "lock order inversion", "wants", want, &reverse);
    }
}

void lockdep_acquire(struct lock_base *base, unsigned how, const char *site)
{
    struct lockdep_thread *self = self_get();
    const struct lockdep_held want = {base, base->lc, site, how};

    if (self->muted) {
        return;
    }
    if (!base->lc) {
        lock_die("a lock is used that was not initialised");
    }
    if (self->rcu_depth > 0 && base->lc->rank < RANK_RCU) {
        lockdep_report(self, "blocking in an RCU read section", "wants", &want, NULL);
    }
    for (unsigned i = self->depth; i-- > 0;) {
        if (is_spin(&self->held[i]) && !is_spin(&want)) {
            lockdep_report(self, "a lock that may sleep is taken under a spinlock", "wants", &want,
                           NULL);
            break;
        }
    }
    for (unsigned i = self->depth; i-- > 0;) {
        if (!check_same(self, &self->held[i], &want)) {
            check_order(self, i, &want);
        }
    }
}

void lockdep_acquired(struct lock_base *base, unsigned how, const char *site)
{
    struct lockdep_thread *self = self_get();

    if (self->muted) {
        return;
    }
    if (self->depth == LOCKDEP_DEPTH) {
        lock_die("lockdep: a thread holds too many locks; raise LOCKDEP_DEPTH");
    }
    self->held[self->depth++] = (struct lockdep_held){base, base->lc, site, how};
    if (!(how & LOCK_HOW_SHARED)) {
        atomic_store_explicit(&base->owner_tid, self->tid, memory_order_relaxed);
        atomic_store_explicit(&base->owner_site, site, memory_order_relaxed);
    }
}

void lockdep_release(struct lock_base *base, unsigned how, const char *site)
{
    struct lockdep_thread *self = self_get();
    unsigned i = self->depth;

    if (self->muted) {
        return;
    }
    while (i > 0 && self->held[i - 1].lock != base) {
        i--;
    }
    if (i == 0) {
        const struct lockdep_held what = {base, base->lc, site, how};

        lockdep_report(self, "release by a thread that does not hold the lock", "releases", &what,
                       NULL);
        return;
    }
    if (!(how & LOCK_HOW_SHARED)) {
        atomic_store_explicit(&base->owner_tid, 0, memory_order_relaxed);
    }
    self->depth--;
    for (i--; i < self->depth; i++) {
        self->held[i] = self->held[i + 1];
    }
}

bool lockdep_holds(const struct lock_base *base)
{
    for (unsigned i = 0; i < state.depth; i++) {
        if (state.held[i].lock == base) {
            return true;
        }
    }
    return false;
}

unsigned lockdep_held_count(void)
{
    return state.depth;
}

void lockdep_rcu_enter(void)
{
    if (state.rcu_depth++ == 0) {
        state.rcu_site = __builtin_return_address(0);
    }
}

void lockdep_rcu_exit(void)
{
    state.rcu_depth--;
}

static void describe(char *what, size_t size, const char *doing, const char *site)
{
    (void)snprintf(what, size, "is about to wait (%s) at %s", doing, lockdep_site_name(site));
}

void lockdep_may_block(const char *doing, const char *site)
{
    struct lockdep_thread *self = self_get();
    const char *kind = NULL;
    char what[512];

    if (self->rcu_depth > 0) {
        kind = "blocking in an RCU read section";
    }
    for (unsigned i = 0; i < self->depth; i++) {
        if (is_spin(&self->held[i])) {
            kind = "blocking under a spinlock";
        }
    }
    if (kind) {
        describe(what, sizeof(what), doing, site);
        lockdep_report(self, kind, what, NULL, NULL);
    }
}

void lockdep_rcu_wait(const char *doing, const char *site)
{
    struct lockdep_thread *self = self_get();
    char what[512];

    lockdep_may_block(doing, site);
    for (unsigned i = 0; i < self->depth; i++) {
        if (self->held[i].lc->rank > RANK_RCU) {
            describe(what, sizeof(what), doing, site);
            lockdep_report(self, "waiting for a grace period with a lock that readers may want",
                           what, NULL, NULL);
            return;
        }
    }
}

#endif

void lockdep_after_fork(void)
{
    lock_class_after_fork();
#ifdef MORTISE_LOCKDEP
    lockdep_graph_after_fork();
    lockdep_report_after_fork();
    state.tid = 0;
#endif
}
