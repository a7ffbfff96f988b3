/* Threads over pthreads, and the roles each thread has, as bits in its own
 * storage. */
#include "locks/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "locks/lockdep.h"
#include "locks/watch.h"

struct thread_role vcpu_role = {"vcpu", 1 << 0};
struct thread_role main_loop_role = {"main_loop", 1 << 1};
struct thread_role iothread_role = {"iothread", 1 << 2};
struct thread_role worker_role = {"worker", 1 << 3};
struct thread_role rcu_role = {"rcu", 1 << 4};

static _Thread_local unsigned roles;
static _Thread_local char own_name[16];

void thread_role_enter(struct thread_role *role) NO_THREAD_SAFETY_ANALYSIS
{
    roles |= role->bit;
}

void thread_role_leave(struct thread_role *role) NO_THREAD_SAFETY_ANALYSIS
{
    roles &= ~role->bit;
}

void thread_role_assert(struct thread_role *role)
{
    if (!(roles & role->bit)) {
        char text[96];

        (void)snprintf(text, sizeof(text), "thread %s does not have the role %s", thread_name(),
                       role->name);
        lock_die(text);
    }
}

void thread_set_name(const char *name)
{
    (void)snprintf(own_name, sizeof(own_name), "%s", name);
    prctl(PR_SET_NAME, own_name);
}

const char *thread_name(void)
{
    if (own_name[0]) {
        return own_name;
    }
    return gettid() == getpid() ? "main" : "thread";
}

/* What a new thread needs to know, freed by it. */
struct start {
    void *(*fn)(void *arg);
    void *arg;
    char name[sizeof(own_name)];
};

static void *thread_main(void *opaque)
{
    struct start start = *(struct start *)opaque;

    free(opaque);
    thread_set_name(start.name);
    return start.fn(start.arg);
}

int thread_create(struct thread *t, const char *name, void *(*fn)(void *arg), void *arg,
                  struct error *err)
{
    struct start *start = malloc(sizeof(*start));
    sigset_t all, before;
    int ret;

    if (!start) {
        return error_set(err, ENOMEM, "cannot start thread %s: out of memory", name);
    }
    *start = (struct start){.fn = fn, .arg = arg};
    (void)snprintf(start->name, sizeof(start->name), "%s", name);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ret = pthread_create(&t->handle, NULL, thread_main, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (ret) {
        free(start);
        return error_set(err, ret, "cannot start thread %s: %s", name, error_text(ret));
    }
    return 0;
}

void *thread_join_at(struct thread *t, const char *site)
{
    void *result = NULL;

    lockdep_may_block("waiting for a thread's end", site);
    if (pthread_join(t->handle, &result) != 0) {
        lock_die("thread_join: not a thread that can be joined");
    }
    return result;
}

void thread_detach(struct thread *t)
{
    pthread_detach(t->handle);
}
