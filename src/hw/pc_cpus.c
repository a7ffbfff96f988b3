/* The PC's vCPUs, each with its local APIC. */
#include <errno.h>
#include <stdlib.h>

#include "exec/vcpu.h"
#include "hw/lapic.h"
#include "hw/pace.h"
#include "hw/pc_internal.h"
#include "x86sys/machine.h"

/* A triple fault resets a PC. */
static void on_shutdown(struct cpu *cpu)
{
    (void)cpu;
    machine_request(NULL, MACHINE_RESET, 0);
}

static enum vcpu_exit run_vcpu(struct cpu *cpu)
{
    switch (sys_cpu_exec(cpu)) {
    case SYS_EXIT_HALTED:
        return VCPU_HALTED;
    case SYS_EXIT_SHUTDOWN:
        return VCPU_SHUTDOWN;
    case SYS_EXIT_REQUEST:
    default:
        pace_on_request(cpu);
        return VCPU_REQUEST;
    }
}

static const struct vcpu_ops vcpu_ops = {
    .attach = sys_cpu_attach,
    .exec = run_vcpu,
    .has_work = sys_cpu_has_work,
    .reset = sys_cpu_reset,
};

static int make_cpu(struct pc *pc, unsigned n, struct error *err) REQUIRES(bql)
{
    struct machine *m = pc->machine;
    struct lapic *lapic;
    int rc = lapic_new(pc->lapics, n, n == 0, &lapic, err);
    if (rc) {
        return rc;
    }
    struct sys_cpu_config config = {.model = m->config.cpu_model,
                                    .apic_id = n,
                                    .bsp = n == 0,
                                    .cores = m->config.cores,
                                    .threads = m->config.threads,
                                    .sockets = m->config.sockets,
                                    .memory = m->memory_as,
                                    .smram = m->smram_as,
                                    .io = m->io_as,
                                    .apic = lapic,
                                    .apic_ops = &lapic_ops};
    rc = sys_cpu_new(&config, &m->cpus[n], err);
    if (rc) {
        return rc;
    }
    lapic_attach(lapic, m->cpus[n]);
    sys_cpu_watch_clock(m->cpus[n], PACE_LOOK_NS);
    return vcpu_add(m->cpus[n], err);
}

int pc_make_cpus(struct pc *pc, struct error *err)
{
    struct machine *m = pc->machine;
    vcpu_init(&vcpu_ops, on_shutdown);
    m->cpus = calloc(m->config.cpus, sizeof(struct cpu *));
    if (!m->cpus) {
        return error_set(err, ENOMEM, "vCPUs: out of memory");
    }
    for (unsigned n = 0; n < m->config.cpus; n++) {
        int rc = make_cpu(pc, n, err);
        if (rc) {
            return rc;
        }
    }
    return 0;
}

void pc_free_cpus(struct pc *pc)
{
    struct machine *m = pc->machine;
    for (unsigned n = 0; n < m->config.cpus && m->cpus; n++) {
        if (m->cpus[n]) {
            sys_cpu_free(m->cpus[n]);
        }
    }
    free(m->cpus);
    m->cpus = NULL;
}
