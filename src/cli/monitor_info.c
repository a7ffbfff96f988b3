/* info and cpu: the state of the machine and of the CPU that is looked at. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/cli.h"
#include "cli/monitor_internal.h"
#include "exec/icount.h"
#include "hw/machine_run.h"
#include "x86sys/machine.h"

bool monitor_on_cpu(struct monitor_view *view, run_on_cpu_fn *fn, void *opaque, FILE *out)
{
    int rc = run_on_cpu_bql(view->machine->cpus[view->cpu], fn, opaque);
    if (rc) {
        fprintf(out, "CPU %u does not answer: %s\n", view->cpu, error_text(-rc));
    }
    return rc == 0;
}

static void dump_on_cpu(struct cpu *cpu, void *opaque)
{
    sys_cpu_dump(cpu, opaque);
}

static void count_on_cpu(struct cpu *cpu, void *opaque)
{
    sys_cpu_print_counts(cpu, opaque);
}

static void print_icount(FILE *out)
{
    if (icount_enabled()) {
        fprintf(out, "instructions: %" PRId64 ", guest time: %" PRId64 " ns\n", icount_executed(),
                icount_now_ns());
    } else {
        fputs("instructions are not counted\n", out);
    }
}

void monitor_info(struct monitor_view *view, const char *argument, FILE *out)
{
    static const char *const topics[] = {"status", "registers", "cpus", "mtree", "jit",
                                         "icount", "version",   "name", NULL};
    if (strcmp(argument, "status") == 0) {
        fprintf(out, "VM status: %s\n", machine_running() ? "running" : "paused");
    } else if (strcmp(argument, "version") == 0) {
        fputs(MORTISE_VERSION "\n", out);
    } else if (strcmp(argument, "name") == 0) {
        if (view->machine->config.name[0]) {
            fprintf(out, "%s\n", view->machine->config.name);
        }
    } else if (strcmp(argument, "cpus") == 0) {
        for (unsigned n = 0; n < view->machine->config.cpus; n++) {
            fprintf(out, "%c CPU #%u: thread_id=%d\n", n == view->cpu ? '*' : ' ', n,
                    atomic_load_explicit(&view->machine->cpus[n]->host_tid, memory_order_relaxed));
        }
    } else if (strcmp(argument, "registers") == 0) {
        (void)monitor_on_cpu(view, dump_on_cpu, out, out);
    } else if (strcmp(argument, "jit") == 0) {
        (void)monitor_on_cpu(view, count_on_cpu, out, out);
    } else if (strcmp(argument, "icount") == 0) {
        print_icount(out);
    } else if (strcmp(argument, "mtree") == 0) {
        memory_print(out);
    } else {
        const char *meant = suggest_name(argument, topics);
        fprintf(out, "info '%s' is unknown%s%s\n", argument,
                meant ? "; did you mean info "
                      : " (status, registers, cpus, mtree, jit, icount, name, version)",
                meant ? meant : "");
    }
}

void monitor_choose_cpu(struct monitor_view *view, const char *argument, FILE *out)
{
    char *end;
    unsigned long n = strtoul(argument, &end, 0);
    if (end == argument || *end || n >= view->machine->config.cpus) {
        fprintf(out, "cpu: a number below %u expected\n", view->machine->config.cpus);
        return;
    }
    view->cpu = (unsigned)n;
}
