/* Machine-check banks: nothing ever fails here, so they hold what software puts
 * there within the rules. */
#include "x86sys/msr.h"

/* Banks; MCG_CTL is there. */
#define MCG_CAP (SYS_MC_BANKS | 1u << 8)

static int bank(struct sys_cpu *cpu, uint32_t n, uint64_t *value, bool write)
{
    if (!write) {
        *value = cpu->mc_bank[n];
        return 1;
    }
    bool ctl = n % 4 == 0, status = n % 4 == 1;
    /* Some software leaves one bit out when it means all (bank 4 bit 10 of AMD's,
     * bit 0 of Intel's). */
    if (ctl && *value && (*value | 1 | 1 << 10) != UINT64_MAX) {
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
    switch (index) {
    case SYS_MSR_MCG_CAP:
        *value = write ? *value : MCG_CAP;
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
        if (index >= SYS_MSR_MC0_CTL && index < SYS_MSR_MC0_CTL + 4 * SYS_MC_BANKS) {
            return bank(cpu, index - SYS_MSR_MC0_CTL, value, write);
        }
        return -1;
    }
}
