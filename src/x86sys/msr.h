/* Model-specific registers. Each function returns false where the access is a #GP,
 * which the caller raises; then nothing has happened. */
#ifndef MORTISE_X86SYS_MSR_H
#define MORTISE_X86SYS_MSR_H

#include <stdbool.h>
#include <stdint.h>

#include "x86sys/state.h"

enum sys_msr_index {
    SYS_MSR_TSC = 0x10,
    SYS_MSR_APIC_BASE = 0x1b,
    SYS_MSR_TSC_ADJUST = 0x3b,
    SYS_MSR_SPEC_CTRL = 0x48,
    SYS_MSR_PRED_CMD = 0x49,
    SYS_MSR_BIOS_SIGN_ID = 0x8b,
    SYS_MSR_MTRR_CAP = 0xfe,
    SYS_MSR_ARCH_CAPABILITIES = 0x10a,
    SYS_MSR_SYSENTER_CS = 0x174,
    SYS_MSR_SYSENTER_ESP = 0x175,
    SYS_MSR_SYSENTER_EIP = 0x176,
    SYS_MSR_MCG_CAP = 0x179,
    SYS_MSR_MCG_STATUS = 0x17a,
    SYS_MSR_MCG_CTL = 0x17b,
    SYS_MSR_MISC_ENABLE = 0x1a0,
    SYS_MSR_DEBUGCTL = 0x1d9,
    SYS_MSR_MTRR_PHYS = 0x200,
    SYS_MSR_PAT = 0x277,
    SYS_MSR_MTRR_DEF_TYPE = 0x2ff,
    SYS_MSR_MC0_CTL = 0x400,
    SYS_MSR_TSC_DEADLINE = 0x6e0,
    SYS_MSR_X2APIC = 0x800,
};
#define SYS_MSR_PLATFORM_INFO  0xceu
#define SYS_MSR_EFER           0xc0000080u
#define SYS_MSR_STAR           0xc0000081u
#define SYS_MSR_LSTAR          0xc0000082u
#define SYS_MSR_CSTAR          0xc0000083u
#define SYS_MSR_SFMASK         0xc0000084u
#define SYS_MSR_FS_BASE        0xc0000100u
#define SYS_MSR_GS_BASE        0xc0000101u
#define SYS_MSR_KERNEL_GS_BASE 0xc0000102u
#define SYS_MSR_TSC_AUX        0xc0000103u
#define SYS_MSR_SMBASE         0xc0010111u

bool sys_msr_read(struct sys_cpu *cpu, uint32_t index, uint64_t *value);
bool sys_msr_write(struct sys_cpu *cpu, uint32_t index, uint64_t value);

/* Values after power-on (an INIT keeps them). */
void sys_msr_reset(struct sys_cpu *cpu);

/* Whether these are theirs is part of the answer: -1 no, 0 #GP, 1 done. */
int sys_msr_mtrr(struct sys_cpu *cpu, uint32_t index, uint64_t *value, bool write);
int sys_msr_mca(struct sys_cpu *cpu, uint32_t index, uint64_t *value, bool write);
/* Whether a bank's CTL reports errors. Some software leaves one bit out when it means all
 * (bank 4 bit 10 of AMD's, bit 0 of Intel's). */
static inline bool sys_mc_ctl_is_on(uint64_t ctl)
{
    return (ctl | 1 | 1 << 10) == UINT64_MAX;
}
int sys_msr_kept(struct sys_cpu *cpu, uint32_t index, uint64_t *value, bool write);
void sys_msr_kept_reset(struct sys_cpu *cpu);

#endif
