/* Instructions that move a register of the system in or out: MSRs, CPUID, time,
 * protection keys, segment bases, RFLAGS.AC. */
#include "x86sys/model.h"
#include "x86sys/msr.h"
#include "x86sys/operand.h"
#include "x86sys/ops.h"
#include "x86sys/system_insns.h"
#include "x86sys/time.h"
#include "x86sys/vector.h"

bool sys_op_rdmsr(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    uint64_t value;
    if (sys_cpl(cpu) || !sys_msr_read(cpu, (uint32_t)cpu->gpr[X86_RCX], &value)) {
        return sys_gp0(cpu);
    }
    sys_put_edx_eax(cpu, value);
    return true;
}

bool sys_op_wrmsr(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    if (sys_cpl(cpu) || !sys_msr_write(cpu, (uint32_t)cpu->gpr[X86_RCX], sys_edx_eax(cpu))) {
        return sys_gp0(cpu);
    }
    return true;
}

bool sys_op_cpuid(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    sys_vec_save(cpu); /* the local APIC is asked whether it is on */
    struct x86_cpuid r = sys_cpuid(cpu, (uint32_t)cpu->gpr[X86_RAX], (uint32_t)cpu->gpr[X86_RCX]);
    cpu->gpr[X86_RAX] = r.eax;
    cpu->gpr[X86_RBX] = r.ebx;
    cpu->gpr[X86_RCX] = r.ecx;
    cpu->gpr[X86_RDX] = r.edx;
    return true;
}

static bool tsc_forbidden(const struct sys_cpu *cpu)
{
    return sys_cpl(cpu) && (cpu->cr4 & SYS_CR4_TSD);
}

bool sys_op_rdtsc(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    if (tsc_forbidden(cpu)) {
        return sys_gp0(cpu);
    }
    sys_put_edx_eax(cpu, sys_tsc_read(cpu));
    return true;
}

bool sys_op_rdtscp(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (!sys_model_has(cpu->model, SYS_FEAT_RDTSCP)) {
        return sys_raise(cpu, SYS_UD);
    }
    if (!sys_op_rdtsc(cpu, in)) {
        return false;
    }
    cpu->gpr[X86_RCX] = (uint32_t)cpu->tsc_aux;
    return true;
}

bool sys_op_rdpid(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (!sys_model_has(cpu->model, SYS_FEAT_RDPID)) {
        return sys_raise(cpu, SYS_UD);
    }
    cpu->gpr[sys_modrm_rm(in)] = (uint32_t)cpu->tsc_aux;
    return true;
}

/* The few counters that there are stand still. */
bool sys_op_rdpmc(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    if ((sys_cpl(cpu) && !(cpu->cr4 & SYS_CR4_PCE)) || (uint32_t)cpu->gpr[X86_RCX] > 3) {
        return sys_gp0(cpu);
    }
    sys_put_edx_eax(cpu, 0);
    return true;
}

bool sys_op_rdpkru(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    if (!(cpu->cr4 & SYS_CR4_PKE)) {
        return sys_raise(cpu, SYS_UD);
    }
    if ((uint32_t)cpu->gpr[X86_RCX]) {
        return sys_gp0(cpu);
    }
    sys_put_edx_eax(cpu, cpu->pkru);
    return true;
}

bool sys_op_wrpkru(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    if (!(cpu->cr4 & SYS_CR4_PKE)) {
        return sys_raise(cpu, SYS_UD);
    }
    if ((uint32_t)cpu->gpr[X86_RCX] || (uint32_t)cpu->gpr[X86_RDX]) {
        return sys_gp0(cpu);
    }
    sys_pkru_set(cpu, (uint32_t)cpu->gpr[X86_RAX]);
    return true;
}

/* The TLB has taken the keys into account. */
void sys_pkru_set(struct sys_cpu *cpu, uint32_t value)
{
    bool changed = value != cpu->pkru;
    cpu->pkru = value;
    if (changed && (cpu->cr4 & SYS_CR4_PKE)) {
        sys_tlb_flush(cpu);
    }
}

static bool set_ac(struct sys_cpu *cpu, bool on)
{
    if (sys_cpl(cpu) || !sys_model_has(cpu->model, SYS_FEAT_SMAP)) {
        return sys_raise(cpu, SYS_UD);
    }
    cpu->rflags = on ? cpu->rflags | X86_AC : cpu->rflags & ~(uint64_t)X86_AC;
    sys_mode_update(cpu);
    return true;
}

bool sys_op_clac(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    return set_ac(cpu, false);
}

bool sys_op_stac(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    return set_ac(cpu, true);
}

/* F3 0F AE /0 to /3. */
bool sys_op_base(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (in->code_size != 8 || !(cpu->cr4 & SYS_CR4_FSGSBASE)) {
        return sys_raise(cpu, SYS_UD);
    }
    unsigned which = in->modrm >> 3 & 3, size = in->rex & 8 ? 8 : 4;
    struct sys_seg *seg = &cpu->seg[which & 1 ? SYS_GS : SYS_FS];
    if (which < 2) {
        sys_gpr_put(cpu, sys_modrm_rm(in), size, seg->base);
        return true;
    }
    uint64_t value = sys_gpr_get(cpu, sys_modrm_rm(in), size);
    if (!sys_canonical(cpu, value)) {
        return sys_gp0(cpu);
    }
    seg->base = value;
    return true;
}
