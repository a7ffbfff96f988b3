/* What lockdep's files share. lockdep.c keeps each thread's list of held locks
 * and checks it; lockdep_graph.c remembers which class was held when which
 * other was taken, and how that came about; lockdep_report.c writes it down. */
#ifndef MORTISE_LOCKS_LOCKDEP_STATE_H
#define MORTISE_LOCKS_LOCKDEP_STATE_H

#include "locks/lockdep.h"
#include "locks/watch.h"

#ifdef MORTISE_LOCKDEP

/* Locks that one thread may hold at once. */
#define LOCKDEP_DEPTH 32

struct OWNED_BY(the thread that holds it) lockdep_held {
    const struct lock_base *lock;
    struct lock_class *lc;
    const char *site;
    unsigned how;
};

struct OWNED_BY(its thread) lockdep_thread {
    struct lockdep_held held[LOCKDEP_DEPTH]; /* oldest first */
    unsigned depth;
    unsigned rcu_depth;
    const void *rcu_site; /* code address at which the outermost read section began */
    int tid;              /* 0: not set up */
    bool exit_checked;    /* the check at exit has been arranged */
    bool muted;           /* is reporting: locks that the hook takes are not looked at */
};

/* How one class came to be taken after another: all that the thread held, and
 * last what it took. Its edge is published when it is complete. */
struct IMMUTABLE_AFTER_INIT lockdep_chain {
    struct lockdep_held link[LOCKDEP_DEPTH + 1];
    unsigned length;
    unsigned from; /* the edge leads from link[from].lc to that of the last link */
    int tid;
    char thread[16];
};

/* Before, and after, an acquisition; and before a release. */
void lockdep_acquire(struct lock_base *base, unsigned how, const char *site);
void lockdep_acquired(struct lock_base *base, unsigned how, const char *site);
void lockdep_release(struct lock_base *base, unsigned how, const char *site);

/* The longest way from class to class that reports show. */
#define LOCKDEP_PATH 8

struct lockdep_path {
    const struct lockdep_chain *step[LOCKDEP_PATH];
    unsigned length; /* 0: there is none */
};

/* The thread is about to take `want` while it holds held[from]. Remembers that
 * unless the reverse is known already; then *reverse says how it came about. */
void lockdep_graph_learn(const struct lockdep_thread *self, unsigned from,
                         const struct lockdep_held *want, struct lockdep_path *reverse);
void lockdep_graph_after_fork(void);

/* The pair is new to this process: for who has asked for a record. */
void lockdep_order_write(const struct lockdep_held *held, const struct lockdep_held *want)
    BLOCKING_OK("a record of a test run");

/* Reports. want: what the thread is about to do; NULL where it says so in
 * `what`. Returns only if a hook is set. */
void lockdep_report(struct lockdep_thread *self, const char *kind, const char *what,
                    const struct lockdep_held *want, const struct lockdep_path *reverse)
    BLOCKING_OK("a line about a bug, mostly the last one of the process");
void lockdep_report_after_fork(void);

/* A place in the source, from the top of the tree on. */
const char *lockdep_site_name(const char *site);

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
