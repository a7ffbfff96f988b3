/* RDMSR and WRMSR: the registers that do something. Those that only remember what
 * was written are in msr_kept.c, memory types in msr_mtrr.c, machine check in
 * msr_mca.c. (SDM volume 4; APM volume 2, appendix A.) */
#include "x86sys/msr.h"

#include "x86sys/emulate.h"
#include "x86sys/interrupt.h"
#include "x86sys/log.h"
#include "x86sys/model.h"
#include "x86sys/operand.h"
#include "x86sys/system_insns.h"
#include "x86sys/time.h"
#include "x86sys/vector.h"

#define EFER_FFXSR     (1ULL << 14)
#define EFER_AUTO_IBRS (1ULL << 21)

#define ARCH_CAP_ITS_NO (1ULL << 62)

#define APIC_BASE_X2APIC (1ULL << 10)

/* IBRS, STIBP, SSBD, BHI_DIS_S */
#define SPEC_CTRL_BITS 0x407u
/* LBR, BTF, and what else Intel has in its low half: they may be written and stay clear,
 * as there are neither branch records nor steps of whole blocks */
#define DEBUGCTL_BITS 0xffc3u

static bool write_efer(struct sys_cpu *cpu, uint64_t value)
{
    const struct sys_cpu_model *m = cpu->model;
    uint64_t allowed = SYS_EFER_LMA;
    allowed |= sys_model_has(m, SYS_FEAT_SYSCALL) ? SYS_EFER_SCE : 0;
    allowed |= sys_model_has(m, SYS_FEAT_LM) ? SYS_EFER_LME : 0;
    allowed |= sys_model_has(m, SYS_FEAT_NX) ? SYS_EFER_NXE : 0;
    allowed |= sys_model_has(m, SYS_FEAT_FFXSR) ? EFER_FFXSR : 0;
    allowed |= sys_model_has(m, SYS_FEAT_AUTO_IBRS) ? EFER_AUTO_IBRS : 0;
    if (value & ~allowed) {
        return false;
    }
    if ((cpu->cr0 & SYS_CR0_PG) && ((value ^ cpu->efer) & SYS_EFER_LME)) {
        return false;
    }
    uint64_t changed = value ^ cpu->efer;
    cpu->efer = (value & ~(uint64_t)SYS_EFER_LMA) | (cpu->efer & SYS_EFER_LMA);
    if (changed & SYS_EFER_NXE) {
        sys_tlb_flush(cpu);
    }
    sys_mode_update(cpu);
    return true;
}

static bool write_pat(struct sys_cpu *cpu, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        unsigned type = value >> 8 * i & 0xff;
        if (type > 7 || type == 2 || type == 3) {
            return false;
        }
    }
    cpu->pat = value;
    return true;
}

static bool put_address(struct sys_cpu *cpu, uint64_t *field, uint64_t value)
{
    if (!sys_canonical(cpu, value)) {
        return false;
    }
    *field = value;
    return true;
}

/* The deadline timer's MSR is there if CPUID says so; x2APIC's answer by the APIC's mode. */
static bool has_apic_msr(const struct sys_cpu *cpu, uint32_t index)
{
    return cpu->apic_ops &&
           (index != SYS_MSR_TSC_DEADLINE || sys_model_has(cpu->model, SYS_FEAT_TSC_DEADLINE));
}

static bool read_apic(struct sys_cpu *cpu, uint32_t index, uint64_t *value)
{
    if (!has_apic_msr(cpu, index)) {
        return false;
    }
    sys_vec_save(cpu);
    if (index == SYS_MSR_APIC_BASE) {
        *value = cpu->apic_ops->get_base(cpu->apic);
        return true;
    }
    return cpu->apic_ops->read_msr(cpu->apic, index, value);
}

static bool write_apic(struct sys_cpu *cpu, uint32_t index, uint64_t value)
{
    if (!has_apic_msr(cpu, index)) {
        return false;
    }
    sys_vec_save(cpu);
    if (index == SYS_MSR_APIC_BASE) {
        bool allowed = !(value & APIC_BASE_X2APIC) || sys_model_has(cpu->model, SYS_FEAT_X2APIC);
        return allowed && !(value & ~(cpu->phys_mask | 0xfff)) &&
               cpu->apic_ops->set_base(cpu->apic, value);
    }
    return cpu->apic_ops->write_msr(cpu->apic, index, value);
}

static bool is_apic(uint32_t index)
{
    return index == SYS_MSR_APIC_BASE || index == SYS_MSR_TSC_DEADLINE ||
           (index >= SYS_MSR_X2APIC && index < SYS_MSR_X2APIC + 0x100);
}

static bool is_intel(const struct sys_cpu *cpu)
{
    return cpu->model->vendor == SYS_VENDOR_INTEL;
}

static uint64_t arch_capabilities(const struct sys_cpu *cpu)
{
    uint32_t low = cpu->model->features[SYS_F_ARCH_CAP];
    return low ? low | ARCH_CAP_ITS_NO : 0;
}

static bool has_spec_ctrl(const struct sys_cpu *cpu)
{
    return sys_model_has(cpu->model, SYS_FEAT_SPEC_CTRL);
}

static bool has_tsc_aux(const struct sys_cpu *cpu)
{
    return sys_model_has(cpu->model, SYS_FEAT_RDTSCP) || sys_model_has(cpu->model, SYS_FEAT_RDPID);
}

/* The registers of 64-bit mode: 0xc0000080 and up. False in *mine: another's. */
static bool read_long(const struct sys_cpu *cpu, uint32_t index, uint64_t *value, bool *mine)
{
    switch (index) {
    case SYS_MSR_EFER:
        *value = cpu->efer;
        return true;
    case SYS_MSR_STAR:
        *value = cpu->star;
        return true;
    case SYS_MSR_LSTAR:
        *value = cpu->lstar;
        return true;
    case SYS_MSR_CSTAR:
        *value = cpu->cstar;
        return true;
    case SYS_MSR_SFMASK:
        *value = cpu->sfmask;
        return true;
    case SYS_MSR_FS_BASE:
        *value = cpu->seg[SYS_FS].base;
        return true;
    case SYS_MSR_GS_BASE:
        *value = cpu->seg[SYS_GS].base;
        return true;
    case SYS_MSR_KERNEL_GS_BASE:
        *value = cpu->kernel_gs_base;
        return true;
    case SYS_MSR_TSC_AUX:
        *value = cpu->tsc_aux;
        return has_tsc_aux(cpu);
    default:
        *mine = false;
        return false;
    }
}

static bool write_long(struct sys_cpu *cpu, uint32_t index, uint64_t value, bool *mine)
{
    switch (index) {
    case SYS_MSR_EFER:
        return write_efer(cpu, value);
    case SYS_MSR_STAR:
        cpu->star = value;
        return true;
    case SYS_MSR_LSTAR:
        return put_address(cpu, &cpu->lstar, value);
    case SYS_MSR_CSTAR:
        return put_address(cpu, &cpu->cstar, value);
    case SYS_MSR_SFMASK:
        cpu->sfmask = (uint32_t)value;
        return true;
    case SYS_MSR_FS_BASE:
        return put_address(cpu, &cpu->seg[SYS_FS].base, value);
    case SYS_MSR_GS_BASE:
        return put_address(cpu, &cpu->seg[SYS_GS].base, value);
    case SYS_MSR_KERNEL_GS_BASE:
        return put_address(cpu, &cpu->kernel_gs_base, value);
    case SYS_MSR_TSC_AUX:
        if (!has_tsc_aux(cpu) || value >> 32) {
            return false;
        }
        cpu->tsc_aux = value;
        return true;
    default:
        *mine = false;
        return false;
    }
}

static bool read_low(struct sys_cpu *cpu, uint32_t index, uint64_t *value, bool *mine)
{
    switch (index) {
    case SYS_MSR_TSC:
        *value = sys_tsc_now(cpu);
        return true;
    case SYS_MSR_TSC_ADJUST:
        *value = cpu->tsc_adjust;
        return sys_model_has(cpu->model, SYS_FEAT_TSC_ADJUST);
    case SYS_MSR_SPEC_CTRL:
        *value = cpu->spec_ctrl;
        return has_spec_ctrl(cpu);
    case SYS_MSR_BIOS_SIGN_ID: /* as new as can be: Intel has it in the upper half */
        *value = is_intel(cpu) ? 0xffffffffULL << 32 : 0xffffffffULL;
        return true;
    case SYS_MSR_PLATFORM_INFO:
        *value = sys_tsc_hz() / 100000000 << 8;
        return is_intel(cpu);
    case SYS_MSR_ARCH_CAPABILITIES:
        *value = arch_capabilities(cpu);
        return sys_model_has(cpu->model, SYS_FEAT_ARCH_CAP);
    case SYS_MSR_SYSENTER_CS:
        *value = cpu->sysenter_cs;
        return true;
    case SYS_MSR_SYSENTER_ESP:
        *value = cpu->sysenter_esp;
        return true;
    case SYS_MSR_SYSENTER_EIP:
        *value = cpu->sysenter_eip;
        return true;
    case SYS_MSR_MISC_ENABLE:
        *value = cpu->misc_enable;
        return true;
    case SYS_MSR_DEBUGCTL:
        *value = 0;
        return true;
    case SYS_MSR_PAT:
        *value = cpu->pat;
        return true;
    default:
        *mine = false;
        return false;
    }
}

static bool write_low(struct sys_cpu *cpu, uint32_t index, uint64_t value, bool *mine)
{
    switch (index) {
    case SYS_MSR_TSC:
        sys_tsc_write(cpu, value);
        return true;
    case SYS_MSR_TSC_ADJUST:
        if (!sys_model_has(cpu->model, SYS_FEAT_TSC_ADJUST)) {
            return false;
        }
        sys_tsc_adjust_write(cpu, value);
        return true;
    case SYS_MSR_SPEC_CTRL:
        if (!has_spec_ctrl(cpu) || value & ~(uint64_t)SPEC_CTRL_BITS) {
            return false;
        }
        cpu->spec_ctrl = value;
        return true;
    case SYS_MSR_PRED_CMD: /* nothing of the host's predictors is the guest's */
        return (has_spec_ctrl(cpu) || sys_model_has(cpu->model, SYS_FEAT_IBPB)) && value <= 1;
    case SYS_MSR_BIOS_SIGN_ID: /* written before CPUID puts the revision there */
        return is_intel(cpu);
    case SYS_MSR_SYSENTER_CS:
        cpu->sysenter_cs = (uint32_t)value;
        return true;
    case SYS_MSR_SYSENTER_ESP:
        return put_address(cpu, &cpu->sysenter_esp, value);
    case SYS_MSR_SYSENTER_EIP:
        return put_address(cpu, &cpu->sysenter_eip, value);
    case SYS_MSR_MISC_ENABLE:
        cpu->misc_enable = value;
        return true;
    case SYS_MSR_DEBUGCTL:
        return !(value & ~(uint64_t)DEBUGCTL_BITS);
    case SYS_MSR_PAT:
        return write_pat(cpu, value);
    case SYS_MSR_PLATFORM_INFO:
    case SYS_MSR_ARCH_CAPABILITIES:
        return false;
    default:
        *mine = false;
        return false;
    }
}

static int others(struct sys_cpu *cpu, uint32_t index, uint64_t *value, bool write)
{
    int r = sys_msr_mtrr(cpu, index, value, write);
    if (r < 0) {
        r = sys_msr_mca(cpu, index, value, write);
    }
    if (r < 0) {
        r = sys_msr_kept(cpu, index, value, write);
    }
    return r;
}

bool sys_msr_read(struct sys_cpu *cpu, uint32_t index, uint64_t *value)
{
    if (is_apic(index)) {
        return read_apic(cpu, index, value);
    }
    bool mine = true;
    bool ok = index >= 0xc0000000u ? read_long(cpu, index, value, &mine)
                                   : read_low(cpu, index, value, &mine);
    if (mine) {
        return ok;
    }
    int r = others(cpu, index, value, false);
    if (r < 0) {
        sys_log_no_msr(cpu, false, index);
    }
    return r > 0;
}

bool sys_msr_write(struct sys_cpu *cpu, uint32_t index, uint64_t value)
{
    if (is_apic(index)) {
        return write_apic(cpu, index, value);
    }
    bool mine = true;
    bool ok = index >= 0xc0000000u ? write_long(cpu, index, value, &mine)
                                   : write_low(cpu, index, value, &mine);
    if (mine) {
        return ok;
    }
    int r = others(cpu, index, &value, true);
    if (r < 0) {
        sys_log_no_msr(cpu, true, index);
    }
    return r > 0;
}

void sys_msr_reset(struct sys_cpu *cpu)
{
    cpu->star = cpu->lstar = cpu->cstar = cpu->sfmask = cpu->kernel_gs_base = 0;
    cpu->sysenter_cs = cpu->sysenter_esp = cpu->sysenter_eip = 0;
    cpu->tsc_aux = 0;
    cpu->pat = 0x0007040600070406ULL;
    cpu->misc_enable = 1 | 1 << 11 | 1 << 12; /* fast strings; no BTS, no PEBS */
    if (sys_model_has(cpu->model, SYS_FEAT_MONITOR)) {
        cpu->misc_enable |= 1 << 18;
    }
    cpu->spec_ctrl = 0;
    cpu->mtrr_def_type = 0;
    for (unsigned i = 0; i < 11; i++) {
        cpu->mtrr_fixed[i] = 0;
    }
    for (unsigned i = 0; i < 8; i++) {
        cpu->mtrr_base[i] = cpu->mtrr_mask[i] = 0;
    }
    cpu->mcg_status = 0;
    cpu->mcg_ctl = UINT64_MAX;
    cpu->mc_fatal = false;
    for (unsigned i = 0; i < 4 * SYS_MC_BANKS; i++) {
        cpu->mc_bank[i] = i % 4 == 0 ? UINT64_MAX : 0;
    }
    sys_msr_kept_reset(cpu);
}
