#include "devices/standins.h"

#include <errno.h>
#include <stdlib.h>

#include "aio/iothread.h"
#include "aio/main_loop.h"
#include "exec/vcpu.h"

struct machine_reset {
    void (*fn)(void *opaque);
    void *opaque;
    struct machine_reset *next;
};

static struct standin_cpu *cpus[FUZZ_CPUS];
static atomic_uint requests;
int64_t standin_now;

/* --- CPUs --- */

struct standin_cpu *standin_cpu(unsigned n)
{
    return cpus[n % FUZZ_CPUS];
}

static struct standin_cpu *of(struct cpu *cpu)
{
    return (struct standin_cpu *)(void *)cpu;
}

int sys_cpu_new(const struct sys_cpu_config *cfg, struct cpu **out, struct error *err)
{
    struct standin_cpu *cpu = cfg->apic_id < FUZZ_CPUS ? calloc(1, sizeof(*cpu)) : NULL;

    if (!cpu) {
        return error_set(err, ENOMEM, "no stand-in for CPU %u", cfg->apic_id);
    }
    cpu->cpu.index = cfg->apic_id;
    cpu->apic = cfg->apic;
    cpu->apic_ops = cfg->apic_ops;
    cpus[cfg->apic_id] = cpu;
    *out = &cpu->cpu;
    return 0;
}

void sys_cpu_free(struct cpu *cpu)
{
    cpus[cpu->index] = NULL;
    free(of(cpu));
}

void sys_cpu_interrupt(struct cpu *cpu, uint32_t set, uint32_t clear)
{
    atomic_fetch_and(&of(cpu)->interrupt, ~clear);
    atomic_fetch_or(&of(cpu)->interrupt, set);
}

void sys_cpu_sipi(struct cpu *cpu, uint8_t vector)
{
    (void)vector;
    sys_cpu_interrupt(cpu, SYS_INT_SIPI, 0);
}

/* Of a TSC that counts nanoseconds. */
int64_t sys_cpu_tsc_to_ns(struct cpu *cpu, uint64_t tsc)
{
    (void)cpu;
    return tsc > INT64_MAX ? INT64_MAX : (int64_t)tsc;
}

void sys_cpu_watch_clock(struct cpu *cpu, int64_t ns)
{
    (void)cpu;
    (void)ns;
}

/* Nothing executes: in the tables of pc_cpus.c only. */

void sys_cpu_attach(struct cpu *cpu)
{
    (void)cpu;
}

enum sys_exit sys_cpu_exec(struct cpu *cpu)
{
    (void)cpu;
    return SYS_EXIT_HALTED;
}

bool sys_cpu_has_work(struct cpu *cpu)
{
    (void)cpu;
    return false;
}

void sys_cpu_reset(struct cpu *cpu)
{
    of(cpu)->apic_ops->reset(of(cpu)->apic, false);
}

void sys_cpu_set_boot_state(struct cpu *cpu, const struct sys_boot_state *s)
{
    (void)cpu;
    (void)s;
}

void vcpu_init(const struct vcpu_ops *table, void (*shutdown)(struct cpu *cpu))
{
    (void)table;
    (void)shutdown;
}

int vcpu_add(struct cpu *cpu, struct error *err)
{
    (void)cpu;
    (void)err;
    return 0;
}

void vcpu_wake(void)
{
}

/* --- the machine's life --- */

int machine_on_reset(struct machine *m, void (*fn)(void *opaque), void *opaque)
{
    struct machine_reset **end = &m->resets, *r = malloc(sizeof(*r));

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

void standin_resets_run(const struct machine *m)
{
    for (const struct machine_reset *r = m->resets; r; r = r->next) {
        r->fn(r->opaque);
    }
}

void standin_resets_free(struct machine *m)
{
    while (m->resets) {
        struct machine_reset *next = m->resets->next;

        free(m->resets);
        m->resets = next;
    }
}

void machine_request(struct machine *m, enum machine_request what, int exit_code)
{
    (void)m;
    (void)exit_code;
    atomic_fetch_or(&requests, what);
}

unsigned standin_requests(void)
{
    return atomic_exchange(&requests, 0);
}

/* --- grace periods: nobody else reads, and this thread is in no section --- */

void __wrap_synchronize_rcu_at(const char *site);

void __wrap_synchronize_rcu_at(const char *site)
{
    (void)site;
}

/* --- threads of disks: the main loop does their work --- */

int iothread_new(const char *name, enum aio_monitor monitor, struct iothread **out,
                 struct error *err)
{
    static char one;

    (void)name;
    (void)monitor;
    (void)err;
    *out = (struct iothread *)(void *)&one;
    return 0;
}

void iothread_free(struct iothread *io)
{
    (void)io;
}

struct aio_context *iothread_get_aio_context(struct iothread *io)
{
    (void)io;
    return main_loop_context();
}
