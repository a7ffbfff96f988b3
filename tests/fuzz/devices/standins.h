/* What stands in for the machine's life (hw/machine.c), its CPUs (src/x86sys,
 * exec/vcpu.c) and the threads of disks: all of it recorded, nothing runs. */
#ifndef MORTISE_TESTS_FUZZ_DEVICES_STANDINS_H
#define MORTISE_TESTS_FUZZ_DEVICES_STANDINS_H

#include "devices/machine.h"
#include "exec/cpu.h"
#include "x86sys/machine.h"

struct standin_cpu {
    struct cpu cpu;
    void *apic;
    const struct sys_apic_ops *apic_ops;
    atomic_uint interrupt; /* enum sys_interrupt */
};

/* By index, NULL before it is made. */
struct standin_cpu *standin_cpu(unsigned n);

/* Asked for since the last time: enum machine_request. */
unsigned standin_requests(void);
void standin_resets_run(const struct machine *m) REQUIRES(bql);
void standin_resets_free(struct machine *m) REQUIRES(bql);

/* What time it is. */
extern int64_t standin_now;

#endif
