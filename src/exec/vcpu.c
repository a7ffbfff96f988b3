/* Threads of vCPUs: start, stop, resume, reset, end.
 *
 * A vCPU's thread alternates between running guest code and its resting place
 * (rest), where it does work queued to it, waits while it is stopped, and from
 * where it ends. `stop` is what others want of it, `stopped` what it is; both are
 * under vcpu_mutex, with vcpu_cond telling that something has changed.
 * A stopped vCPU still does queued work, which is how it is reset.
 *
 * In round-robin one thread does this for all in turn. A second one kicks the
 * vCPU that runs when its slice is over, as long as another one could run. While
 * instructions are counted, slices are numbers of them instead, and which vCPU comes
 * next never depends on when another thread asked for something: a round that finds
 * one of them stopped runs none any more, so that they go on with the first. */
#include "exec/vcpu.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "exec/exclusive.h"
#include "exec/icount.h"
#include "locks/cond.h"
#include "rcu/rcu.h"

#define SLICE_NS    2000000
#define SLICE_INSNS 50000 /* while they are counted */

LOCK_CLASS_DEFINE(vcpu_class, RANK_LEAF);
static struct mutex vcpu_mutex = MUTEX_INIT(&vcpu_class);
static struct cond vcpu_cond = COND_INIT;

struct vcpu {
    struct cpu *cpu IMMUTABLE_AFTER_INIT;
    struct thread thread IMMUTABLE_AFTER_INIT;
    bool stop GUARDED_BY(vcpu_mutex);
    bool stopped GUARDED_BY(vcpu_mutex);
    bool end GUARDED_BY(vcpu_mutex);
    bool halted OWNED_BY(vcpu); /* nothing to run when it was last looked at */
    struct vcpu *next IMMUTABLE_AFTER_INIT;
};

static const struct vcpu_ops *ops IMMUTABLE_AFTER_INIT;
static void (*on_shutdown)(struct cpu *cpu) IMMUTABLE_AFTER_INIT;
static struct vcpu *vcpus IMMUTABLE_AFTER_INIT; /* in the order of vcpu_add */
static bool round_robin IMMUTABLE_AFTER_INIT;
/* Whose event the shared thread sleeps on; NULL: there is none. Any thread reads it. */
static _Atomic(struct cpu *) rr_first;
static struct thread rr_thread IMMUTABLE_AFTER_INIT, slice_thread IMMUTABLE_AFTER_INIT;
static struct vcpu *rr_running GUARDED_BY(vcpu_mutex); /* whose slice it is */
static bool rr_end GUARDED_BY(vcpu_mutex);

void vcpu_init(const struct vcpu_ops *table, void (*shutdown)(struct cpu *cpu))
{
    ops = table;
    on_shutdown = shutdown;
}

int vcpu_add(struct cpu *cpu, struct error *err)
{
    struct vcpu **end = &vcpus;
    struct vcpu *v = calloc(1, sizeof(*v));
    if (!v) {
        return error_set(err, ENOMEM, "no memory for a vCPU");
    }
    v->cpu = cpu;
    mutex_lock(&vcpu_mutex);
    v->stop = true;
    mutex_unlock(&vcpu_mutex);
    while (*end) {
        end = &(*end)->next;
    }
    *end = v;
    return 0;
}

/* Does what is queued; tells whether the vCPU is to stop, and says so to others. */
static bool look_up(struct vcpu *v, bool *end)
{
    /* Cleared before `stop` is read: who sets `stop` kicks after it. */
    atomic_fetch_and_explicit(&v->cpu->exit_request,
                              ~(unsigned)(CPU_EXIT_STOP | CPU_EXIT_INTERRUPT | CPU_EXIT_SIGNAL),
                              memory_order_acq_rel);
    cpu_process_work(v->cpu);
    mutex_lock(&vcpu_mutex);
    bool stop = v->stop;
    *end = v->end;
    if (v->stopped != stop) {
        v->stopped = stop;
        cond_broadcast(&vcpu_cond);
    }
    mutex_unlock(&vcpu_mutex);
    return stop;
}

/* Waits until the vCPU may run. False: its thread is to end. */
static bool rest(struct vcpu *v)
{
    bool end;
    while (look_up(v, &end) && !end) {
        cpu_halt_wait(v->cpu);
    }
    return !end;
}

/* One stretch of guest code. */
static void run(struct vcpu *v)
{
    switch (ops->exec(v->cpu)) {
    case VCPU_SHUTDOWN:
        mutex_lock(&vcpu_mutex);
        v->stop = true; /* until it has been reset and resumed */
        mutex_unlock(&vcpu_mutex);
        on_shutdown(v->cpu);
        break;
    case VCPU_HALTED:
        v->halted = true;
        break;
    case VCPU_REQUEST:
        break;
    }
}

static void *mttcg_thread(void *arg)
{
    struct vcpu *v = arg;
    thread_role_enter(&vcpu_role);
    cpu_attach_thread(v->cpu);
    ops->attach(v->cpu);
    while (rest(v)) {
        v->halted = false;
        run(v);
        if (v->halted && !ops->has_work(v->cpu)) {
            cpu_halt_wait(v->cpu);
        }
    }
    rcu_set_kick(NULL, NULL);
    thread_role_leave(&vcpu_role);
    return NULL;
}

static void set_running(struct vcpu *v)
{
    mutex_lock(&vcpu_mutex);
    rr_running = v;
    mutex_unlock(&vcpu_mutex);
}

/* A slice of counted instructions, in stretches from timer to timer. False: it is to
 * stop or end. */
static bool run_counted(struct vcpu *v)
{
    int32_t left = vcpus->next ? SLICE_INSNS : INT32_MAX / 2;
    bool stop, end;
    do {
        v->halted = false;
        icount_begin(v->cpu, left);
        run(v);
        left -= icount_end(v->cpu);
        stop = look_up(v, &end);
    } while (left > 0 && !stop && !end && (!v->halted || ops->has_work(v->cpu)));
    return !stop && !end;
}

/* What a round of turns has found. */
struct round {
    unsigned busy; /* vCPUs that ran, or could run on */
    bool end;      /* all are to end */
    bool stopped;  /* one of them is */
};

/* One turn of every vCPU. */
static struct round rr_turn(void)
{
    struct round r = {.end = true};
    for (struct vcpu *v = vcpus; v; v = v->next) {
        bool end;
        bool stop = look_up(v, &end);
        r.end = r.end && end;
        r.stopped = r.stopped || stop || end;
        if (stop || end || (r.stopped && icount_enabled()) ||
            (v->halted && !ops->has_work(v->cpu))) {
            continue;
        }
        cpu_attach_thread(v->cpu);
        ops->attach(v->cpu);
        if (icount_enabled()) {
            r.stopped = !run_counted(v);
        } else {
            v->halted = false;
            set_running(v);
            run(v);
            set_running(NULL);
        }
        r.busy += !v->halted;
    }
    return r;
}

/* Sleeps until any vCPU is kicked: each kick sets the first one's event, too
 * (vcpu_kick_thread), after the bits that are looked at here. With a timer to wait for,
 * guest time goes on to that instead. */
static void rr_sleep(bool timers) MAY_BLOCK
{
    struct vcpu *first = vcpus;
    assert(first);
    event_reset(&first->cpu->wake);
    for (struct vcpu *v = first; v; v = v->next) {
        if (atomic_load_explicit(&v->cpu->exit_request, memory_order_acquire)) {
            return;
        }
    }
    if (!timers || !icount_idle(&first->cpu->wake)) {
        event_wait(&first->cpu->wake);
    }
}

static void *rr_main(void *arg)
{
    struct round r = {.end = false};
    (void)arg;
    assert(vcpus); /* vcpu_add comes first */
    thread_role_enter(&vcpu_role);
    while (!r.end) {
        r = rr_turn();
        if (r.busy == 0 && !r.end) {
            rr_sleep(icount_enabled() && !r.stopped);
        }
    }
    rcu_set_kick(NULL, NULL);
    thread_role_leave(&vcpu_role);
    return NULL;
}

bool vcpu_is_round_robin(void)
{
    return round_robin;
}

void vcpu_kick_thread(const struct cpu *cpu)
{
    /* acquire: pairs with the release in vcpu_start_threads. */
    struct cpu *first = atomic_load_explicit(&rr_first, memory_order_acquire);
    if (first && first != cpu) {
        event_set(&first->wake);
    }
}

void vcpu_wake(void)
{
    struct cpu *first = atomic_load_explicit(&rr_first, memory_order_acquire);
    if (first) {
        event_set(&first->wake);
    }
}

/* Ends slices. A vCPU alone is not disturbed. */
static void *slice_main(void *arg)
{
    struct timespec now;
    (void)arg;
    mutex_lock(&vcpu_mutex);
    while (!rr_end) {
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        uint64_t end = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + SLICE_NS;
        while (!rr_end && cond_timedwait(&vcpu_cond, &vcpu_mutex, end)) {
        }
        if (rr_running && vcpus->next) {
            cpu_kick(rr_running->cpu, CPU_EXIT_SIGNAL);
        }
    }
    mutex_unlock(&vcpu_mutex);
    return NULL;
}

int vcpu_start_threads(bool rr, struct error *err)
{
    unsigned n = 0;
    round_robin = rr;
    if (rr) {
        assert(vcpus); /* vcpu_add comes first */
        mutex_lock(&vcpu_mutex);
        rr_end = false;
        mutex_unlock(&vcpu_mutex);
        atomic_store_explicit(&rr_first, vcpus->cpu, memory_order_release);
        int rc = thread_create(&rr_thread, "vcpu-rr", rr_main, NULL, err);
        return rc ? rc : thread_create(&slice_thread, "vcpu-slice", slice_main, NULL, err);
    }
    for (struct vcpu *v = vcpus; v; v = v->next) {
        char name[16];
        (void)snprintf(name, sizeof(name), "vcpu%u", n++);
        int rc = thread_create(&v->thread, name, mttcg_thread, v, err);
        if (rc) {
            return rc;
        }
    }
    return 0;
}

static void want_stop(bool stop, bool end)
{
    mutex_lock(&vcpu_mutex);
    for (struct vcpu *v = vcpus; v; v = v->next) {
        v->stop = stop;
        v->end = end;
        cpu_kick(v->cpu, CPU_EXIT_STOP);
    }
    mutex_unlock(&vcpu_mutex);
}

void vcpu_ask_stop(void)
{
    mutex_lock(&vcpu_mutex);
    for (struct vcpu *v = vcpus; v; v = v->next) {
        v->stop = true;
        cpu_kick(v->cpu, CPU_EXIT_STOP);
    }
    mutex_unlock(&vcpu_mutex);
}

void vcpu_resume_all(void)
{
    want_stop(false, false);
}

static bool all_stopped(void) REQUIRES(vcpu_mutex)
{
    for (const struct vcpu *v = vcpus; v; v = v->next) {
        if (!v->stopped) {
            return false;
        }
    }
    return true;
}

void vcpu_stop_all(void)
{
    want_stop(true, false);
    bql_unlock();
    mutex_lock(&vcpu_mutex);
    while (!all_stopped()) {
        cond_wait(&vcpu_cond, &vcpu_mutex);
    }
    mutex_unlock(&vcpu_mutex);
    bql_lock();
}

static void reset_one(struct cpu *cpu, void *opaque)
{
    (void)opaque;
    ops->reset(cpu);
}

void vcpu_reset_all(void)
{
    for (struct vcpu *v = vcpus; v; v = v->next) {
        int rc = run_on_cpu_bql(v->cpu, reset_one, NULL);
        if (rc) {
            fprintf(stderr, "mortise: a vCPU cannot be reset: %s\n", error_text(-rc));
            abort();
        }
    }
}

static void join_threads(void) MAY_BLOCK
{
    if (round_robin) {
        thread_join(&rr_thread);
        atomic_store_explicit(&rr_first, NULL, memory_order_relaxed);
        mutex_lock(&vcpu_mutex);
        rr_end = true;
        cond_broadcast(&vcpu_cond);
        mutex_unlock(&vcpu_mutex);
        thread_join(&slice_thread);
        return;
    }
    for (struct vcpu *v = vcpus; v; v = v->next) {
        thread_join(&v->thread);
    }
}

void vcpu_join_all(void)
{
    want_stop(true, true);
    bql_unlock();
    join_threads();
    bql_lock();
    while (vcpus) {
        struct vcpu *next = vcpus->next;
        free(vcpus);
        vcpus = next;
    }
}
