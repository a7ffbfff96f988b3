/* Reports: formatted into a static buffer, by one thread at a time, and
 * written at once. What a report says, and how to read it: docs/locking.md. */
#include "locks/lockdep_state.h"

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/thread.h"

/* Set while there is one thread. */
static lockdep_hook_fn *report_hook IMMUTABLE_AFTER_INIT;
static void *report_hook_opaque IMMUTABLE_AFTER_INIT;

void lockdep_set_hook(lockdep_hook_fn *hook, void *opaque)
{
    report_hook = hook;
    report_hook_opaque = opaque;
}

#ifdef MORTISE_LOCKDEP

/* Where the program was loaded. */
/* NOLINTNEXTLINE(readability-identifier-naming,bugprone-reserved-identifier): the linker's name */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));

static atomic_flag reporting = ATOMIC_FLAG_INIT;
static char text[16384] OWNED_BY(who has set reporting);
static size_t length OWNED_BY(who has set reporting);

static void put(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void put(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(text + length, sizeof(text) - length, fmt, ap);
    va_end(ap);
    if (n > 0) {
        length += (size_t)n;
        if (length >= sizeof(text)) {
            length = sizeof(text) - 1;
        }
    }
}

/* A place in the source from the top of the tree on. */
const char *lockdep_site_name(const char *site)
{
    const char *found = NULL, *at;

    if (!site) {
        return "an unknown place";
    }
    for (at = strstr(site, "/src/"); at; at = strstr(at + 1, "/src/")) {
        found = at + 1;
    }
    for (at = strstr(site, "/tests/"); !found && at; at = strstr(at + 1, "/tests/")) {
        found = at + 1;
    }
    return found ? found : site;
}

static void put_class(const struct lock_class *lc)
{
    put("%.*s", lock_class_name_length(lc), lc->name);
}

static void put_held(const struct lockdep_held *h, const char *at)
{
    put("      ");
    put_class(h->lc);
    put(" (rank %s%s%s)%s %s\n", lock_rank_name(h->lc->rank),
        h->how & LOCK_HOW_SHARED ? ", shared" : "", h->how & LOCK_HOW_TRY ? ", by trylock" : "", at,
        lockdep_site_name(h->site));
}

static void put_thread(const struct lockdep_thread *self, const char *what,
                       const struct lockdep_held *want)
{
    if (want) {
        put("  thread %s (%d) %s\n", thread_name(), self->tid, what);
        put_held(want, " at");
    } else {
        put("  thread %s (%d) %s\n", thread_name(), self->tid, what);
    }
    if (self->rcu_depth > 0) {
        put("    in an RCU read section entered at %#tx (addr2line -e the program)\n",
            (const char *)self->rcu_site - __ehdr_start);
    }
    if (self->depth > 0) {
        put("    while it holds, oldest first\n");
        for (unsigned i = 0; i < self->depth; i++) {
            put_held(&self->held[i], ", taken at");
        }
    } else {
        put("    while it holds no lock\n");
    }
}

static void put_path(const struct lockdep_path *path)
{
    put("  the reverse order was seen before:\n");
    for (unsigned i = 0; i < path->length; i++) {
        const struct lockdep_chain *chain = path->step[i];

        put("    ");
        put_class(chain->link[chain->from].lc);
        put(" before ");
        put_class(chain->link[chain->length - 1].lc);
        put(", by thread %s (%d)\n", chain->thread, chain->tid);
        for (unsigned k = 0; k < chain->length; k++) {
            put_held(&chain->link[k], ", taken at");
        }
    }
}

/* The name that the system knows a thread by: it may be gone, or not ours. */
static void put_other_thread(int tid)
{
    char path[64], name[32] = "";
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/comm", tid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t n = read(fd, name, sizeof(name) - 1);

        close(fd);
        name[n > 0 ? n - 1 : 0] = '\0';
    }
    put("thread %s (%d)", name, tid);
}

static void put_owner(const struct lock_base *base)
{
    int tid = atomic_load_explicit(&base->owner_tid, memory_order_relaxed);

    if (tid == 0) {
        put("  the lock itself is not held exclusively now\n");
        return;
    }
    put("  the lock itself is held by ");
    put_other_thread(tid);
    put(", taken at %s\n",
        lockdep_site_name(atomic_load_explicit(&base->owner_site, memory_order_relaxed)));
}

void lockdep_report(struct lockdep_thread *self, const char *kind, const char *what,
                    const struct lockdep_held *want, const struct lockdep_path *reverse)
{
    if (self->muted) {
        return;
    }
    self->muted = true;
    while (atomic_flag_test_and_set_explicit(&reporting, memory_order_acquire)) {
        sched_yield();
    }
    length = 0;
    put("mortise: lockdep: %s\n", kind);
    put_thread(self, what, want);
    if (reverse && reverse->length > 0) {
        put_path(reverse);
    }
    if (want && want->lock) {
        put_owner(want->lock);
    }
    if (!report_hook) {
        (void)!write(STDERR_FILENO, text, length);
        abort();
    }
    report_hook(text, report_hook_opaque);
    atomic_flag_clear_explicit(&reporting, memory_order_release);
    self->muted = false;
}

void lockdep_report_after_fork(void)
{
    atomic_flag_clear_explicit(&reporting, memory_order_relaxed);
}

#endif
