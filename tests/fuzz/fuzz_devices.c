/* The registers of every device, and what lies behind them: rings, tables, timers,
 * lines. First byte of the input: the kind of machine. Second: whose registers the
 * plain accesses go to, counted through the flat views, or everybody's. Then what
 * devices/ops.c makes of them. */
#include <sys/prctl.h>

#include "devices/ops.h"

static bool started;

/* A machine for each input is some megabytes: freed ones are used again soon. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "quarantine_size_mb=8";
}

static const struct memory_region *focus(unsigned n) REQUIRES(bql)
{
    struct fuzz_range ranges[FUZZ_RANGES_MAX];
    unsigned count = fuzz_ranges(ranges);

    return n % (count + 1) ? ranges[n % (count + 1) - 1].mr : NULL;
}

static void run(struct fuzz_input *in) REQUIRES(bql, main_loop_role) MAY_BLOCK
{
    if (!started) {
        (void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* few of their pages are touched */
        fuzz_machine_start();
        started = true;
    }
    fuzz_machine_up(fuzz_byte(in));
    fuzz_ops_run(in, focus(fuzz_byte(in)));
    fuzz_machine_down();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {.at = data, .left = size};

    thread_role_enter(&main_loop_role);
    bql_lock();
    run(&in);
    bql_unlock();
    thread_role_leave(&main_loop_role);
    return 0;
}
