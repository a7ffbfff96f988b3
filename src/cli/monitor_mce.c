/* mce: a machine check by request. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/monitor_internal.h"
#include "exec/exclusive.h"
#include "x86sys/machine.h"

enum { CPU, BANK, STATUS, MCG_STATUS, ADDR, MISC, NUMBERS };

struct injection {
    struct sys_machine_check mc;
    enum sys_mc_outcome outcome;
};

static void inject_on_cpu(struct cpu *cpu, void *opaque)
{
    struct injection *in = opaque;
    in->outcome = sys_cpu_machine_check(cpu, &in->mc);
}

static void inject(struct machine *m, unsigned n, const struct sys_machine_check *mc, FILE *out)
    REQUIRES(bql) MAY_BLOCK
{
    struct injection in = {.mc = *mc};
    int rc = run_on_cpu_bql(m->cpus[n], inject_on_cpu, &in);
    if (rc) {
        fprintf(out, "CPU %u does not answer: %s\n", n, error_text(-rc));
        return;
    }
    switch (in.outcome) {
    case SYS_MC_NOT_THERE:
        fprintf(out, "CPU %u: there is no machine-check bank %u\n", n, mc->bank);
        break;
    case SYS_MC_MASKED:
        fprintf(out, "CPU %u: Uncorrected error reporting disabled for bank %u, only recorded\n", n,
                mc->bank);
        break;
    case SYS_MC_NOT_ENABLED:
        fprintf(out, "CPU %u: MCE capability is not enabled, raising triple fault\n", n);
        break;
    case SYS_MC_IN_PROGRESS:
        fprintf(out, "CPU %u: Previous MCE still in progress, raising triple fault\n", n);
        break;
    case SYS_MC_RECORDED:
    case SYS_MC_RAISED:
        break;
    }
}

/* What the other CPUs see of an error that is broadcast. */
static void inject_on_others(struct machine *m, unsigned but, FILE *out) REQUIRES(bql) MAY_BLOCK
{
    const struct sys_machine_check other = {.bank = 1,
                                            .status = SYS_MC_VAL | SYS_MC_UC,
                                            .mcg_status =
                                                SYS_MCG_STATUS_MCIP | SYS_MCG_STATUS_RIPV};
    for (unsigned n = 0; n < m->config.cpus; n++) {
        if (n != but) {
            inject(m, n, &other, out);
        }
    }
}

/* All numbers and nothing else. */
static bool parse(const char *text, bool *broadcast, uint64_t number[NUMBERS])
{
    *broadcast = strncmp(text, "-b", 2) == 0 && (text[2] == ' ' || text[2] == '\t');
    if (*broadcast) {
        text += 2;
    }
    for (unsigned i = 0; i < NUMBERS; i++) {
        char *end;
        text += strspn(text, " \t");
        if (*text < '0' || *text > '9') {
            return false;
        }
        errno = 0;
        number[i] = strtoull(text, &end, 0);
        if (errno) { /* more than 64 bits */
            return false;
        }
        if (*end && *end != ' ' && *end != '\t') {
            return false;
        }
        text = end;
    }
    return text[strspn(text, " \t")] == '\0';
}

void monitor_mce(struct machine *m, const char *argument, FILE *out)
{
    bool broadcast;
    uint64_t number[NUMBERS];
    if (!parse(argument, &broadcast, number)) {
        fputs("mce [-b] CPU BANK STATUS MCGSTATUS ADDR MISC expected, all numbers\n", out);
    } else if (number[CPU] >= m->config.cpus) {
        fprintf(out, "mce: there is no CPU %" PRIu64 "\n", number[CPU]);
    } else if (number[BANK] > UINT8_MAX) {
        fprintf(out, "mce: there is no machine-check bank %" PRIu64 "\n", number[BANK]);
    } else if (!(number[STATUS] & SYS_MC_VAL)) {
        fputs("mce: a status without its bit 63 (VAL) tells of no error\n", out);
    } else if (number[MCG_STATUS] & ~(uint64_t)SYS_MCG_STATUS_ALL) {
        fputs("mce: the bits of MCGSTATUS are 0 (RIPV), 1 (EIPV) and 2 (MCIP)\n", out);
    } else {
        const struct sys_machine_check mc = {.bank = (unsigned)number[BANK],
                                             .status = number[STATUS],
                                             .mcg_status = number[MCG_STATUS],
                                             .addr = number[ADDR],
                                             .misc = number[MISC]};
        inject(m, (unsigned)number[CPU], &mc, out);
        if (broadcast) {
            inject_on_others(m, (unsigned)number[CPU], out);
        }
    }
}
