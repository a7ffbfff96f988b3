/* Machine checks that somebody asks for (SDM volume 3, chapter 16): what a bank keeps of
 * them, and whether #MC follows.
 *
 * A bank that holds an error already: uncorrected errors are written over corrected
 * ones, never over uncorrected ones; a later corrected one is written over an earlier
 * one. OVER says in each case that one is lost. */
#include "x86sys/interrupt.h"
#include "x86sys/machine.h"
#include "x86sys/model.h"
#include "x86sys/msr.h"

#define STATUS_OVER (1ULL << 62)
#define STATUS_EN   (1ULL << 60)

enum { BANK_CTL, BANK_STATUS, BANK_ADDR, BANK_MISC };

static void record(uint64_t *bank, const struct sys_machine_check *mc, bool enabled)
{
    uint64_t held = bank[BANK_STATUS];
    bool full = (held & SYS_MC_VAL) != 0;
    if (full && held & SYS_MC_UC) {
        bank[BANK_STATUS] |= STATUS_OVER;
        return;
    }
    bank[BANK_STATUS] = mc->status | (full ? STATUS_OVER : 0);
    if (!enabled) {
        bank[BANK_STATUS] &= ~STATUS_EN;
    }
    bank[BANK_ADDR] = mc->addr;
    bank[BANK_MISC] = mc->misc;
}

/* #MC, or the end of the vCPU, between two instructions. */
static enum sys_mc_outcome announce(struct sys_cpu *cpu, const struct sys_machine_check *mc)
{
    enum sys_mc_outcome outcome = SYS_MC_RAISED;
    if (!(cpu->cr4 & SYS_CR4_MCE)) {
        outcome = SYS_MC_NOT_ENABLED;
    } else if (cpu->mcg_status & SYS_MCG_STATUS_MCIP) {
        outcome = SYS_MC_IN_PROGRESS;
        cpu->mc_fatal = true;
    } else {
        cpu->mcg_status = (mc->mcg_status & SYS_MCG_STATUS_ALL) | SYS_MCG_STATUS_MCIP;
    }
    sys_cpu_interrupt(&cpu->cpu, SYS_INT_MCE, 0);
    return outcome;
}

enum sys_mc_outcome sys_cpu_machine_check(struct cpu *c, const struct sys_machine_check *mc)
{
    struct sys_cpu *cpu = sys_cpu_of(c);
    if (!sys_model_has(cpu->model, SYS_FEAT_MCA) || mc->bank >= SYS_MC_BANKS) {
        return SYS_MC_NOT_THERE;
    }
    uint64_t *bank = &cpu->mc_bank[4UL * mc->bank];
    bool enabled = cpu->mcg_ctl == UINT64_MAX && sys_mc_ctl_is_on(bank[BANK_CTL]);
    record(bank, mc, enabled);
    if (!(mc->status & SYS_MC_UC)) {
        return SYS_MC_RECORDED;
    }
    return enabled ? announce(cpu, mc) : SYS_MC_MASKED;
}
