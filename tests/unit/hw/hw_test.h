/* A machine for tests of device models: empty memory and port spaces, interrupt
 * lines that are recorded, vCPUs that only note what they are asked for, and a
 * virtual clock that the test moves. The test is the main loop. */
#ifndef TESTS_UNIT_HW_TEST_H
#define TESTS_UNIT_HW_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "aio/clock.h"
#include "aio/main_loop.h"
#include "exec/cpu.h"
#include "hw/machine.h"
#include "locks/thread.h"
#include "rcu/rcu.h"
#include "x86sys/interrupt.h"

#define UNUSED __attribute__((unused))

#define TEST_CPUS 3
static struct machine machine;
static struct cpu test_cpu[TEST_CPUS];
static atomic_uint test_interrupts[TEST_CPUS]; /* enum sys_interrupt, as cpu->interrupt */
static int test_sipi[TEST_CPUS];
static unsigned test_requests; /* enum machine_request */
/* Any thread drives lines and asks for interrupts. */
static atomic_bool test_line[32];
static unsigned test_rises[32];
static unsigned test_ticks[32];  /* edges that irq_tick has given */
static unsigned test_forgot[32]; /* how often it has been told to forget them */
static _Atomic(int64_t) test_now;

/* What stands in for src/x86sys and hw/machine.c. */
void sys_cpu_interrupt(struct cpu *cpu, uint32_t set, uint32_t clear)
{
    atomic_fetch_and(&test_interrupts[cpu->index], ~clear);
    atomic_fetch_or(&test_interrupts[cpu->index], set);
}

void sys_cpu_sipi(struct cpu *cpu, uint8_t vector)
{
    test_sipi[cpu->index] = vector;
}

static int64_t test_watch_ns; /* what sys_cpu_watch_clock was told last */

void sys_cpu_watch_clock(struct cpu *cpu, int64_t ns)
{
    (void)cpu;
    test_watch_ns = ns;
}

int64_t sys_cpu_tsc_to_ns(struct cpu *cpu, uint64_t tsc)
{
    (void)cpu;
    return (int64_t)tsc;
}

void machine_request(struct machine *m, enum machine_request what, int exit_code)
{
    (void)m;
    (void)exit_code;
    test_requests |= what;
}

int machine_on_reset(struct machine *m, void (*fn)(void *opaque), void *opaque)
{
    (void)m;
    (void)fn;
    (void)opaque;
    return 0;
}

static int64_t test_clock(void)
{
    return test_now;
}

UNUSED static void test_set_line(void *opaque, unsigned n, bool level)
{
    (void)opaque;
    test_rises[n] += level && !test_line[n];
    test_line[n] = level;
}

UNUSED static void test_tick_line(void *opaque, unsigned n, unsigned count)
{
    if (count) {
        test_set_line(opaque, n, false);
        test_set_line(opaque, n, true);
        test_ticks[n] += count;
    } else {
        test_forgot[n]++;
    }
}

UNUSED static struct irq test_irq(unsigned n)
{
    return (struct irq){.set = test_set_line, .tick = test_tick_line, .n = n};
}

/* Moves the clock in steps, and lets timers run after each. */
UNUSED static void test_advance(int64_t ns, int64_t step)
{
    bql_assert_locked();
    thread_role_assert(&main_loop_role);
    while (ns > 0) {
        int64_t now = ns < step ? ns : step;

        test_now += now;
        ns -= now;
        aio_clock_virtual_warped();
        main_loop_wait(true);
    }
}

/* As a CPU, which has not got the BQL that the tests hold otherwise. */
UNUSED static void test_cpu_store(struct address_space *as, uint64_t addr, unsigned size,
                                  uint64_t value) NO_THREAD_SAFETY_ANALYSIS
{
    bql_unlock();
    (void)address_space_store(as, addr, size, value);
    bql_lock();
}

UNUSED static uint64_t test_cpu_load(struct address_space *as, uint64_t addr,
                                     unsigned size) NO_THREAD_SAFETY_ANALYSIS
{
    uint64_t value = 0;

    bql_unlock();
    (void)address_space_load(as, addr, size, &value);
    bql_lock();
    return value;
}

UNUSED static void test_out(uint16_t port, unsigned size, uint64_t value)
{
    test_cpu_store(machine.io_as, port, size, value);
}

UNUSED static uint64_t test_in(uint16_t port, unsigned size)
{
    return test_cpu_load(machine.io_as, port, size);
}

UNUSED static void test_store(uint64_t addr, unsigned size, uint64_t value)
{
    test_cpu_store(machine.memory_as, addr, size, value);
}

UNUSED static uint64_t test_load(uint64_t addr, unsigned size)
{
    return test_cpu_load(machine.memory_as, addr, size);
}

/* Per test: recorded things are forgotten. */
UNUSED static void test_forget(void)
{
    memset(test_interrupts, 0, sizeof(test_interrupts));
    memset(test_sipi, 0xff, sizeof(test_sipi));
    memset(test_line, 0, sizeof(test_line));
    memset(test_rises, 0, sizeof(test_rises));
    memset(test_ticks, 0, sizeof(test_ticks));
    memset(test_forgot, 0, sizeof(test_forgot));
    test_requests = 0;
    current_cpu = NULL;
}

/* Group set-up: the BQL is held from here to the end of the program. */
UNUSED static int test_machine_up(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    struct error err = {""};
    (void)state;

    thread_role_enter(&main_loop_role);
    bql_lock();
    if (main_loop_init(AIO_MONITOR_POLL, &err) < 0) {
        print_error("%s\n", err.text);
        return -1;
    }
    test_now = 1;
    aio_clock_set_virtual_source(test_clock);
    aio_clock_set_virtual_running(true);
    for (unsigned i = 0; i < TEST_CPUS; i++) {
        test_cpu[i].index = i;
    }
    memory_region_init(&machine.memory, "memory", UINT64_MAX);
    memory_region_init(&machine.io, "io", 0x10000);
    if (address_space_new(&machine.memory_as, "memory", &machine.memory, &err) < 0 ||
        address_space_new(&machine.io_as, "io", &machine.io, &err) < 0) {
        print_error("%s\n", err.text);
        return -1;
    }
    return 0;
}

UNUSED static int test_machine_down(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    (void)state;
    address_space_free(machine.memory_as);
    address_space_free(machine.io_as);
    memory_region_destroy(&machine.memory);
    memory_region_destroy(&machine.io);
    main_loop_cleanup();
    bql_unlock();
    thread_role_leave(&main_loop_role);
    return 0;
}

#endif
