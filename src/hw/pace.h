/* Keeps a guest that watches its TSC from running ahead of its timers.
 *
 * The TSC is the host's and never stands, while timers need the main loop's thread. If
 * that is not scheduled for long, a guest that waits for so many ticks within so much
 * time of the TSC (Linux does when it tries the I/O APIC's timer interrupt) finds that
 * there is no timer. So a vCPU that reads the TSC looks now and then (CPU_EXIT_CLOCK)
 * whether timers are overdue, and if so sleeps until they have run. The ticks that they
 * owe then (irq_tick) come before the guest's next instructions. */
#ifndef MORTISE_HW_PACE_H
#define MORTISE_HW_PACE_H

#include <stdint.h>

#include "exec/cpu.h"

#define PACE_LOOK_NS    INT64_C(500000)    /* between looks */
#define PACE_LATE_NS    INT64_C(5000000)   /* what is not overdue yet */
#define PACE_WAIT_NS    INT64_C(100000000) /* longest sleep, and then the time to the next */
#define PACE_SLEEP_NANO 100000

/* Handles CPU_EXIT_CLOCK, if that is among the requests of the vCPU. Its thread, out of
 * guest code, without locks. Any other request ends the wait. */
void pace_on_request(struct cpu *cpu) MAY_BLOCK;

#endif
