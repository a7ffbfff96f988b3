/* All timers on the virtual clock are in the main loop's context; what their callbacks want
 * is the BQL, whichever thread runs them. */
#include "hw/icount_clock.h"

#include "aio/clock.h"
#include "aio/main_loop.h"
#include "aio/timer.h"

static int64_t first_ns(void)
{
    return aio_timers_first_virtual_ns(main_loop_context());
}

static void run(void)
{
    aio_timers_run_virtual(main_loop_context());
}

static const struct icount_timers timers = {.first_ns = first_ns, .run = run};
static const struct aio_virtual_keeper keeper = {.now = icount_now_ns,
                                                 .timer_set = icount_timer_set};

void icount_clock_start(const struct icount_config *config)
{
    icount_start(config, &timers);
    aio_clock_set_virtual_keeper(&keeper);
}
