/* Lock classes: what is common to all locks that guard the same kind of
 * thing. Order, lockdep's reports and statistics are by class; every lock
 * names its own when it is initialised. */
#ifndef MORTISE_LOCKS_LOCK_CLASS_H
#define MORTISE_LOCKS_LOCK_CLASS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/annotations.h"

/* The declared order, outermost first: a thread that holds a lock of one rank
 * takes only locks of the same or a later rank. An RCU read section has the
 * place RANK_RCU: inside it only later ranks may be taken, and for that very
 * reason nobody waits for a grace period while holding one of those. Among
 * locks of one rank lockdep learns the order from what happens. */
enum lock_rank {
    RANK_OUTER,  /* held around everything else; rare */
    RANK_BQL,    /* the big lock of device models and machine state */
    RANK_RCU,    /* read sections; no lock has it */
    RANK_MMAP,   /* guest mappings and translation against them */
    RANK_PAGE,   /* TB lists of one page */
    RANK_REGION, /* hand-out of code-cache regions */
    RANK_LEAF,   /* the rest: nothing of an earlier rank is taken under them */
    RANK_COUNT
};

enum lock_class_flags {
    /* Several locks of the class may be held at once, taken in the order of
     * their addresses. Otherwise one. */
    LOCK_CLASS_NEST_ASCENDING = 1 << 0,
};

struct lock_class {
    const char *name IMMUTABLE_AFTER_INIT; /* as it was defined; shown without "_class" */
    enum lock_rank rank IMMUTABLE_AFTER_INIT;
    unsigned flags IMMUTABLE_AFTER_INIT;

    /* In the list of all classes that have been used while watched; see
     * lock_class.c. id counts from 1; 0: not in the list yet. */
    _Atomic(unsigned) id;
    struct lock_class *next OWNED_BY(lock_class_register); /* set before id is published */

    /* Statistics; see stats.h. */
    _Atomic(uint64_t) acquired;
    _Atomic(uint64_t) contended;
    _Atomic(uint64_t) wait_ns, wait_max_ns;
    _Atomic(uint64_t) hold_ns, hold_max_ns;
};

/* Defines a class with static storage in this file. */
#define LOCK_CLASS_DEFINE(var, rank_) LOCK_CLASS_DEFINE_FLAGS(var, rank_, 0)
#define LOCK_CLASS_DEFINE_FLAGS(var, rank_, flags_)                                                \
    static struct lock_class var = {.name = #var, .rank = (rank_), .flags = (flags_)}

/* Puts the class on the list if it is not there. Returns its id. */
unsigned lock_class_register(struct lock_class *lc);

/* First of the list, in no order; follow ->next. */
struct lock_class *lock_class_first(void);

const char *lock_rank_name(enum lock_rank rank);

/* The name to show: its length, without a trailing "_class". */
int lock_class_name_length(const struct lock_class *lc);

/* Where a lock is taken, for reports; NULL where lockdep is not built in. */
#ifdef MORTISE_LOCKDEP
#define LOCK_SITE_TEXT(line) #line
#define LOCK_SITE_LINE(line) LOCK_SITE_TEXT(line)
#define LOCK_SITE            (__FILE__ ":" LOCK_SITE_LINE(__LINE__))
#else
#define LOCK_SITE ((const char *)0)
#endif

/* What every lock has besides the lock itself. */
struct lock_base {
    struct lock_class *lc IMMUTABLE_AFTER_INIT;
    uint64_t since OWNED_BY(exclusive holder); /* ns when it was taken, 0: not timed */
#ifdef MORTISE_LOCKDEP
    atomic_int owner_tid; /* of the exclusive holder, 0: none; for reports, like the next */
    _Atomic(const char *) owner_site;
#endif
};

/* Whether acquisitions have to be looked at: always with lockdep, otherwise
 * when statistics are on. What an unwatched lock pays for it is this load. */
extern atomic_bool lock_stats_on __attribute__((visibility("hidden")));

static inline bool lock_watched(void)
{
#ifdef MORTISE_LOCKDEP
    return true;
#else
    return __builtin_expect(atomic_load_explicit(&lock_stats_on, memory_order_relaxed), 0);
#endif
}

#endif
