/* A machine's life: what is asked for, and what becomes of it. vCPUs are stand-ins, of
 * which the test says what their guests do while they are being stopped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aio/bh.h"
#include "aio/main_loop.h"
#include "exec/vcpu.h"
#include "hw/machine_run.h"

static struct machine machine;
static unsigned asks_while_stopping; /* requests for a reset that are still to come */
static unsigned boots;

void vcpu_stop_all(void)
{
    while (asks_while_stopping) {
        asks_while_stopping--;
        machine_request(&machine, MACHINE_RESET, 0);
    }
}

void vcpu_wake(void)
{
}

void vcpu_ask_stop(void)
{
}

void vcpu_resume_all(void)
{
}

void vcpu_reset_all(void)
{
}

void vcpu_join_all(void)
{
}

/* Ends the machine when the main loop has gone round some times. */
static void wait_and_end(void *opaque)
{
    unsigned *rounds = opaque;

    if (--*rounds) {
        aio_bh_schedule_oneshot(main_loop_context(), wait_and_end, rounds);
    } else {
        machine_request(&machine, MACHINE_SHUTDOWN, 0);
    }
}

static void boot(struct machine *m)
{
    static unsigned rounds = 4;

    if (++boots == 1) {
        asks_while_stopping = 9;
        machine_request(m, MACHINE_RESET, 0);
        aio_bh_schedule_oneshot(main_loop_context(), wait_and_end, &rounds);
    }
}

static void
test_reset_that_is_asked_for_again_while_cpus_stop_is_one(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    static const struct machine_hooks hooks = {.boot = boot};
    (void)state;

    assert_int_equal(machine_run(&machine, &hooks, false), 0);
    assert_int_equal(asks_while_stopping, 0);
    assert_int_equal(boots, 2);
}

static int setup(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    struct error err = {""};
    (void)state;

    thread_role_enter(&main_loop_role);
    bql_lock();
    if (main_loop_init(AIO_MONITOR_POLL, &err) < 0) {
        print_error("%s\n", err.text);
        return -1;
    }
    machine_init();
    return 0;
}

static int teardown(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    (void)state;
    machine_cleanup(&machine);
    main_loop_cleanup();
    bql_unlock();
    thread_role_leave(&main_loop_role);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset_that_is_asked_for_again_while_cpus_stop_is_one),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
