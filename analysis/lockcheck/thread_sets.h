/* Which threads may get to which function, with every call that may be counted:
 * for the question whether two pieces of code can run at once at all. */
#ifndef LOCKCHECK_THREAD_SETS_H
#define LOCKCHECK_THREAD_SETS_H

#include "entries.h"

typedef uint64_t thread_set; /* bit i: entry i; THREADS_ANY: nobody knows */

#define THREADS_ANY (UINT64_C(1) << 63)

struct thread_sets;

struct thread_sets *thread_sets_new(struct program *program);
void thread_sets_free(struct thread_sets *sets);
thread_set thread_sets_of(const struct thread_sets *sets, const struct pfunction *function);
/* Whether all of it is one thread, of which there is never a second. */
bool thread_sets_is_one(const struct thread_sets *sets, thread_set set);
/* Where the threads of the set begin, and all that may be called on them later:
 * of struct pfunction; to be freed. */
GPtrArray *thread_sets_starts(const struct thread_sets *sets, thread_set set);

#endif
