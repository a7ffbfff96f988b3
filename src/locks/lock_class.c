/* The list of classes in use. Classes join and never leave; a reader follows
 * the links without a lock. Joining is by a flag of its own, because it
 * happens inside lock operations, and waits for no more than the few
 * instructions of another thread's joining. */
#include "locks/lock_class.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>
#include <stdio.h>
#include <stdlib.h>

#include "locks/internal.h"
#include "locks/watch.h"

static _Atomic(struct lock_class *) first;
static atomic_flag joining = ATOMIC_FLAG_INIT;
static unsigned last_id OWNED_BY(who has set joining);

unsigned lock_class_register(struct lock_class *lc)
{
    /* acquire pairs with the release below: who knows the id may follow next. */
    unsigned id = atomic_load_explicit(&lc->id, memory_order_acquire);

    if (id) {
        return id;
    }
    while (atomic_flag_test_and_set_explicit(&joining, memory_order_acquire)) {
        sched_yield();
    }
    id = atomic_load_explicit(&lc->id, memory_order_relaxed);
    if (!id) {
        id = ++last_id;
        lc->next = atomic_load_explicit(&first, memory_order_relaxed);
        atomic_store_explicit(&lc->id, id, memory_order_release);
        /* Pairs with the acquire in lock_class_first. */
        atomic_store_explicit(&first, lc, memory_order_release);
    }
    atomic_flag_clear_explicit(&joining, memory_order_release);
    return id;
}

struct lock_class *lock_class_first(void)
{
    return atomic_load_explicit(&first, memory_order_acquire);
}

void lock_class_after_fork(void)
{
    atomic_flag_clear_explicit(&joining, memory_order_relaxed);
}

const char *lock_rank_name(enum lock_rank rank)
{
    static const char *const names[RANK_COUNT] = {
        [RANK_OUTER] = "outer", [RANK_BQL] = "BQL",   [RANK_RCU] = "RCU",
        [RANK_MMAP] = "mmap",   [RANK_PAGE] = "page", [RANK_REGION] = "region",
        [RANK_LEAF] = "leaf",
    };

    return rank < RANK_COUNT ? names[rank] : "?";
}

int lock_class_name_length(const struct lock_class *lc)
{
    size_t length = strlen(lc->name);

    if (length > 6 && strcmp(lc->name + length - 6, "_class") == 0) {
        length -= 6;
    }
    return (int)length;
}

void lock_die(const char *what)
{
    char text[256];
    int length = snprintf(text, sizeof(text), "mortise: bug: %s\n", what);

    if (length >= (int)sizeof(text)) {
        length = sizeof(text) - 1;
    }
    (void)!write(STDERR_FILENO, text, (size_t)length);
    abort();
}
