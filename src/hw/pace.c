/* See pace.h. The wait is a poll with short sleeps: it is rare, and who runs timers need
 * not know of it. It has an end because the main loop may be held up by anything. */
#include "hw/pace.h"

#include <stdatomic.h>
#include <time.h>

#include "aio/main_loop.h"
#include "aio/timer.h"
#include "x86sys/interrupt.h"

static bool has_to_wait(struct cpu *cpu)
{
    return !atomic_load_explicit(&cpu->exit_request, memory_order_acquire) &&
           aio_timers_are_late(main_loop_context(), PACE_LATE_NS);
}

/* How long it has waited. */
static int64_t wait_for_timers(struct cpu *cpu) MAY_BLOCK
{
    const struct timespec pause = {.tv_nsec = PACE_SLEEP_NANO};
    int64_t start = aio_clock_get_ns(AIO_CLOCK_HOST);
    int64_t waited = 0;

    while (waited < PACE_WAIT_NS && has_to_wait(cpu)) {
        (void)nanosleep(&pause, NULL);
        waited = aio_clock_get_ns(AIO_CLOCK_HOST) - start;
    }
    return waited;
}

void pace_on_request(struct cpu *cpu)
{
    unsigned before = atomic_fetch_and_explicit(&cpu->exit_request, ~(unsigned)CPU_EXIT_CLOCK,
                                                memory_order_acquire);
    if (before & CPU_EXIT_CLOCK) {
        bool in_vain = wait_for_timers(cpu) >= PACE_WAIT_NS;
        sys_cpu_watch_clock(cpu, in_vain ? PACE_WAIT_NS : PACE_LOOK_NS);
    }
}
