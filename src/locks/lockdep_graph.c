/* The graph of classes: an edge from A to B says that B was once taken by a
 * thread that held A. The invariant is that it has no cycle, which is what
 * makes deadlock between the classes impossible: an edge that would close one
 * is reported and not added.
 *
 * Whether an edge is known, the question each nested acquisition asks, is one
 * load. New edges are rare and go through a flag. An edge's chain is written
 * before its number is published (release, pairs with the acquire in `known`)
 * and never again. All memory is static. */
#include "locks/lockdep_state.h"

#ifdef MORTISE_LOCKDEP

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "locks/thread.h"

#define MAX_CLASSES 256
#define MAX_EDGES   2048

/* matrix[a][b]: number of the edge from the class with id a to that with id b,
 * an index into chains; 0: none. Rows are written under `changing`. */
static _Atomic(uint16_t) matrix[MAX_CLASSES][MAX_CLASSES];
static struct lockdep_chain chains[MAX_EDGES] IMMUTABLE_AFTER_INIT;
static unsigned edge_count OWNED_BY(who has set changing);
static atomic_flag changing = ATOMIC_FLAG_INIT;

static uint16_t known(unsigned from, unsigned to)
{
    return atomic_load_explicit(&matrix[from][to], memory_order_acquire);
}

/* Breadth first, so that the report shows the shortest way. Under changing. */
static void find_path(unsigned from, unsigned to, struct lockdep_path *path)
{
    static uint8_t parent[MAX_CLASSES] OWNED_BY(
        who has set changing); /* class it was reached from; ids start at 1 */
    static uint8_t queue[MAX_CLASSES] OWNED_BY(who has set changing);
    unsigned head = 0, tail = 0, length = 0;

    path->length = 0;
    memset(parent, 0, sizeof(parent));
    parent[from] = (uint8_t)from;
    queue[tail++] = (uint8_t)from;
    while (head < tail && !parent[to]) {
        unsigned at = queue[head++];

        for (unsigned next = 1; next < MAX_CLASSES; next++) {
            if (!parent[next] && known(at, next)) {
                parent[next] = (uint8_t)at;
                queue[tail++] = (uint8_t)next;
            }
        }
    }
    if (!parent[to]) {
        return;
    }
    for (unsigned at = to; at != from; at = parent[at]) {
        length++;
    }
    path->length = length < LOCKDEP_PATH ? length : LOCKDEP_PATH;
    for (unsigned at = to; at != from; at = parent[at]) {
        length--;
        if (length < LOCKDEP_PATH) {
            path->step[length] = &chains[known(parent[at], at)];
        }
    }
}

static void add_edge(const struct lockdep_thread *self, unsigned from,
                     const struct lockdep_held *want)
{
    unsigned number = ++edge_count;
    struct lockdep_chain *chain = &chains[number];

    memcpy(chain->link, self->held, self->depth * sizeof(self->held[0]));
    chain->link[self->depth] = *want;
    chain->length = self->depth + 1;
    chain->from = from;
    chain->tid = self->tid;
    (void)snprintf(chain->thread, sizeof(chain->thread), "%s", thread_name());
    atomic_store_explicit(
        &matrix[lock_class_register(self->held[from].lc)][lock_class_register(want->lc)],
        (uint16_t)number, memory_order_release);
}

void lockdep_graph_learn(const struct lockdep_thread *self, unsigned from,
                         const struct lockdep_held *want, struct lockdep_path *reverse)
{
    unsigned a = lock_class_register(self->held[from].lc), b = lock_class_register(want->lc);
    bool added = false;

    reverse->length = 0;
    if (a >= MAX_CLASSES || b >= MAX_CLASSES) {
        lock_die("lockdep: too many lock classes; raise MAX_CLASSES");
    }
    if (known(a, b)) {
        return;
    }
    while (atomic_flag_test_and_set_explicit(&changing, memory_order_acquire)) {
        sched_yield();
    }
    if (!known(a, b)) {
        find_path(b, a, reverse);
        if (edge_count + 1 >= MAX_EDGES) {
            lock_die("lockdep: too many pairs of lock classes; raise MAX_EDGES");
        }
        if (reverse->length == 0) {
            add_edge(self, from, want);
            added = true;
        }
    }
    atomic_flag_clear_explicit(&changing, memory_order_release);
    if (added) {
        lockdep_order_write(&self->held[from], want);
    }
}

/* Another thread may have been at it: an edge it had not published is lost,
 * and will be learnt again. */
void lockdep_graph_after_fork(void)
{
    atomic_flag_clear_explicit(&changing, memory_order_relaxed);
}

#endif
