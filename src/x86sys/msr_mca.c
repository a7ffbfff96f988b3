/* Machine-check banks: they hold what software puts there within the rules, and what
 * was injected (machine_check.c). */
#include "x86sys/model.h"
#include "x86sys/msr.h"

#define MCG_CTL_P (1u << 8)
#define MCG_SER_P (1u << 24) /* software recovers from some uncorrected errors */

/* AMD defines the count and MCG_CTL_P only. */
static uint64_t capabilities(const struct sys_cpu *cpu)
{
    bool intel = cpu->model->vendor == SYS_VENDOR_INTEL;
    return SYS_MC_BANKS | MCG_CTL_P | (intel ? MCG_SER_P : 0);
}

static int bank(struct sys_cpu *cpu, uint32_t n, uint64_t *value, bool write)
{
    if (!write) {
        *value = cpu->mc_bank[n];
        return 1;
    }
    bool ctl = n % 4 == 0, status = n % 4 == 1;
    if (ctl && *value && !sys_mc_ctl_is_on(*value)) {
        return 0;
    }
    /* Statuses are cleared only, unless HWCR says otherwise. */
    if (status && *value && !(cpu->hwcr & 1 << 18)) {
        return 0;
    }
    cpu->mc_bank[n] = *value;
    return 1;
}

int sys_msr_mca(struct sys_cpu *cpu, uint32_t index, uint64_t *value, bool write)
{
    bool mine = (index >= SYS_MSR_MCG_CAP && index <= SYS_MSR_MCG_CTL) ||
                (index >= SYS_MSR_MC0_CTL && index < SYS_MSR_MC0_CTL + 4 * SYS_MC_BANKS);
    if (!mine) {
        return -1;
    }
    if (!sys_model_has(cpu->model, SYS_FEAT_MCA)) {
        return 0;
    }
    switch (index) {
    case SYS_MSR_MCG_CAP:
        *value = write ? *value : capabilities(cpu);
        return !write;
    case SYS_MSR_MCG_STATUS:
        if (!write) {
            *value = cpu->mcg_status;
            return 1;
        }
        if (*value & ~7ULL) {
            return 0;
        }
        cpu->mcg_status = *value;
        return 1;
    case SYS_MSR_MCG_CTL:
        if (!write) {
            *value = cpu->mcg_ctl;
            return 1;
        }
        if (*value && *value != UINT64_MAX) {
            return 0;
        }
        cpu->mcg_ctl = *value;
        return 1;
    default:
        return bank(cpu, index - SYS_MSR_MC0_CTL, value, write);
    }
}
