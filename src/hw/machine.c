/* The life of a machine: running until something is asked for, reset, end.
 *
 * Requests are bits, set by any thread, signal handlers included; a bottom half
 * of the main loop wakes it up to look. */
#include "hw/machine.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "aio/bh.h"
#include "aio/clock.h"
#include "aio/main_loop.h"
#include "exec/icount.h"
#include "exec/vcpu.h"
#include "hw/machine_run.h"

struct machine_reset {
    void (*fn)(void *opaque);
    void *opaque;
    struct machine_reset *next;
};

/* acq_rel: who takes a request sees what was done before it was made. */
static atomic_uint requests;
static atomic_int exit_code;
static struct aio_bh *wake_bh IMMUTABLE_AFTER_INIT;
static bool running GUARDED_BY(bql);

int machine_on_reset(struct machine *m, void (*fn)(void *opaque), void *opaque)
{
    struct machine_reset **end = &m->resets;
    struct machine_reset *r = malloc(sizeof(*r));
    if (!r) {
        return -ENOMEM;
    }
    *r = (struct machine_reset){.fn = fn, .opaque = opaque};
    while (*end) {
        end = &(*end)->next;
    }
    *end = r;
    return 0;
}

void machine_request(struct machine *m, enum machine_request what, int code)
{
    (void)m;
    if (what == MACHINE_SHUTDOWN) {
        int none = 0;
        /* The first one that says more than "off" counts. */
        (void)atomic_compare_exchange_strong_explicit(&exit_code, &none, code, memory_order_relaxed,
                                                      memory_order_relaxed);
    }
    if (icount_enabled() && current_cpu && what != MACHINE_POWERDOWN) {
        vcpu_ask_stop(); /* here, not where the main loop's thread comes to it */
    }
    atomic_fetch_or_explicit(&requests, what, memory_order_acq_rel);
    aio_bh_schedule(wake_bh);
}

static void wake_up(void *opaque)
{
    (void)opaque; /* the loop looks at `requests` after each round */
}

void machine_init(void)
{
    wake_bh = aio_bh_new(main_loop_context(), wake_up, NULL);
}

bool machine_running(void)
{
    return running;
}

void machine_resume(void)
{
    if (!running) {
        running = true;
        aio_clock_set_virtual_running(true);
        vcpu_resume_all();
    }
}

void machine_stop(void)
{
    if (running) {
        running = false;
        vcpu_stop_all();
        aio_clock_set_virtual_running(false);
    }
}

static void reset(struct machine *m, void (*boot)(struct machine *m))
    REQUIRES(bql, main_loop_role) MAY_BLOCK
{
    bool was_running = running;
    machine_stop();
    vcpu_stop_all(); /* one that has shut down alone, too */
    /* While they stopped, guests that ask more than once have done so again: this is the
     * reset that they mean. */
    atomic_fetch_and_explicit(&requests, ~(unsigned)MACHINE_RESET, memory_order_acq_rel);
    for (struct machine_reset *r = m->resets; r; r = r->next) {
        r->fn(r->opaque);
    }
    vcpu_reset_all();
    boot(m);
    if (was_running) {
        machine_resume();
    }
}

/* What was asked for, once each. True: the machine ends. */
static bool serve(struct machine *m, const struct machine_hooks *hooks)
    REQUIRES(bql, main_loop_role) MAY_BLOCK
{
    unsigned asked = atomic_exchange_explicit(&requests, 0, memory_order_acq_rel);
    if ((asked & MACHINE_RESET) && m->config.no_reboot) {
        asked |= MACHINE_SHUTDOWN;
    }
    if (asked & MACHINE_SHUTDOWN) {
        if (!m->config.no_shutdown || (asked & MACHINE_QUIT)) {
            return true;
        }
        machine_stop();
        return false;
    }
    if (asked & MACHINE_QUIT) {
        return true;
    }
    if (asked & MACHINE_RESET) {
        reset(m, hooks->boot);
    }
    if (asked & MACHINE_POWERDOWN) {
        hooks->power_button(m);
    }
    if (asked & MACHINE_STOP) {
        machine_stop();
    }
    return false;
}

int machine_run(struct machine *m, const struct machine_hooks *hooks, bool paused)
{
    hooks->boot(m);
    if (!paused) {
        machine_resume();
    }
    while (!serve(m, hooks)) {
        main_loop_wait(false);
    }
    machine_stop();
    vcpu_stop_all();
    vcpu_join_all();
    return atomic_load_explicit(&exit_code, memory_order_relaxed);
}

void machine_cleanup(struct machine *m)
{
    while (m->resets) {
        struct machine_reset *next = m->resets->next;
        free(m->resets);
        m->resets = next;
    }
    aio_bh_delete(wake_bh);
}
