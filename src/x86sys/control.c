/* Control registers: what may be written to them, and what follows from it for
 * translations and mode. (SDM volume 3, 2.5 and 4.) */
#include "x86sys/interrupt.h"
#include "x86sys/model.h"
#include "x86sys/operand.h"
#include "x86sys/ops.h"
#include "x86sys/system_insns.h"
#include "x86sys/vector.h"

#define CR0_KNOWN                                                                                  \
    ((uint64_t)(SYS_CR0_PE | SYS_CR0_MP | SYS_CR0_EM | SYS_CR0_TS | SYS_CR0_ET | SYS_CR0_NE |      \
                SYS_CR0_WP | SYS_CR0_AM | SYS_CR0_NW | SYS_CR0_CD) |                               \
     SYS_CR0_PG)
/* Changes of these make what the TLB knows wrong. */
#define CR0_TLB ((uint64_t)(SYS_CR0_PE | SYS_CR0_WP) | SYS_CR0_PG)
#define CR4_TLB                                                                                    \
    ((uint64_t)(SYS_CR4_PSE | SYS_CR4_PAE | SYS_CR4_PGE | SYS_CR4_LA57 | SYS_CR4_PCIDE |           \
                SYS_CR4_SMEP | SYS_CR4_SMAP | SYS_CR4_PKE))
#define CR3_PCID    0xfffULL
#define CR3_NOFLUSH (1ULL << 63)

static bool pae_paging(const struct sys_cpu *cpu, uint64_t cr0, uint64_t cr4)
{
    return (cr0 & SYS_CR0_PG) && (cr4 & SYS_CR4_PAE) && !(cpu->efer & SYS_EFER_LME);
}

/* Whether long mode can be switched on or off by this change of CR0.PG. */
static bool may_change_paging(const struct sys_cpu *cpu, bool on)
{
    if (on) {
        return !(cpu->efer & SYS_EFER_LME) ||
               ((cpu->cr4 & SYS_CR4_PAE) && !(cpu->seg[SYS_CS].attr & SYS_SEG_L));
    }
    return !(cpu->mode & SYS_MODE_CODE64) && !(cpu->cr4 & SYS_CR4_PCIDE);
}

bool sys_cr0_set(struct sys_cpu *cpu, uint64_t value)
{
    if (value >> 32) {
        return false;
    }
    value = (value & CR0_KNOWN) | SYS_CR0_ET;
    if (((value & SYS_CR0_PG) && !(value & SYS_CR0_PE)) ||
        ((value & SYS_CR0_NW) && !(value & SYS_CR0_CD))) {
        return false;
    }
    uint64_t changed = value ^ cpu->cr0;
    if ((changed & SYS_CR0_PG) && !may_change_paging(cpu, value & SYS_CR0_PG)) {
        return false;
    }
    uint64_t reload = SYS_CR0_PG | (uint64_t)(SYS_CR0_CD | SYS_CR0_NW);
    if ((changed & reload) && pae_paging(cpu, value, cpu->cr4) && !sys_pdpte_load(cpu, cpu->cr3)) {
        return false;
    }
    cpu->cr0 = value;
    if ((value & SYS_CR0_PG) && (cpu->efer & SYS_EFER_LME)) {
        cpu->efer |= SYS_EFER_LMA;
    } else {
        cpu->efer &= ~(uint64_t)SYS_EFER_LMA;
    }
    if (changed & CR0_TLB) {
        sys_tlb_flush(cpu);
    }
    sys_mode_update(cpu);
    return true;
}

bool sys_cr3_set(struct sys_cpu *cpu, uint64_t value)
{
    bool keep = (cpu->cr4 & SYS_CR4_PCIDE) && (value & CR3_NOFLUSH);
    if (cpu->efer & SYS_EFER_LMA) {
        uint64_t stored = cpu->cr4 & SYS_CR4_PCIDE ? value & ~CR3_NOFLUSH : value;
        if (stored & ~(cpu->phys_mask | 0xfff)) {
            return false;
        }
        value = stored;
    } else if (pae_paging(cpu, cpu->cr0, cpu->cr4) && !sys_pdpte_load(cpu, value)) {
        return false;
    }
    bool same = value == cpu->cr3;
    cpu->cr3 = value;
    if (!keep || !same) {
        sys_tlb_switch(cpu, keep);
    }
    return true;
}

uint64_t sys_cr4_allowed(const struct sys_cpu *cpu)
{
    static const struct {
        uint32_t bits;
        unsigned feature;
    } by_feature[] = {
        {SYS_CR4_VME | SYS_CR4_PVI, SYS_FEAT_VME},
        {SYS_CR4_TSD, SYS_FEAT_TSC},
        {SYS_CR4_DE, SYS_FEAT_DE},
        {SYS_CR4_PSE, SYS_FEAT_PSE},
        {SYS_CR4_PAE, SYS_FEAT_PAE},
        {SYS_CR4_MCE, SYS_FEAT_MCE},
        {SYS_CR4_PGE, SYS_FEAT_PGE},
        {SYS_CR4_OSFXSR, SYS_FEAT_FXSR},
        {SYS_CR4_OSXMMEXCPT, SYS_FEAT_SSE},
        {SYS_CR4_UMIP, SYS_FEAT_UMIP},
        {SYS_CR4_LA57, SYS_FEAT_LA57},
        {SYS_CR4_FSGSBASE, SYS_FEAT_FSGSBASE},
        {SYS_CR4_PCIDE, SYS_FEAT_PCID},
        {SYS_CR4_OSXSAVE, SYS_FEAT_XSAVE},
        {SYS_CR4_SMEP, SYS_FEAT_SMEP},
        {SYS_CR4_SMAP, SYS_FEAT_SMAP},
        {SYS_CR4_PKE, SYS_FEAT_PKU},
    };
    uint64_t allowed = SYS_CR4_PCE;
    for (unsigned i = 0; i < sizeof by_feature / sizeof by_feature[0]; i++) {
        allowed |= sys_model_has(cpu->model, by_feature[i].feature) ? by_feature[i].bits : 0;
    }
    return allowed;
}

static bool cr4_change_allowed(const struct sys_cpu *cpu, uint64_t value, uint64_t changed)
{
    bool lma = cpu->efer & SYS_EFER_LMA;
    if (lma && (changed & (SYS_CR4_PAE | SYS_CR4_LA57))) {
        return false;
    }
    bool pcid_on = changed & value & SYS_CR4_PCIDE;
    return !pcid_on || (lma && !(cpu->cr3 & CR3_PCID));
}

bool sys_cr4_set(struct sys_cpu *cpu, uint64_t value)
{
    uint64_t changed = value ^ cpu->cr4;
    if ((value & ~sys_cr4_allowed(cpu)) || !cr4_change_allowed(cpu, value, changed)) {
        return false;
    }
    if ((changed & (SYS_CR4_PAE | SYS_CR4_PGE | SYS_CR4_PSE | SYS_CR4_SMEP)) &&
        pae_paging(cpu, cpu->cr0, value) && !sys_pdpte_load(cpu, cpu->cr3)) {
        return false;
    }
    cpu->cr4 = value;
    if (changed & CR4_TLB) {
        sys_tlb_flush(cpu);
    }
    sys_mode_update(cpu);
    return true;
}

static uint64_t cr8_get(struct sys_cpu *cpu)
{
    if (!cpu->apic_ops) {
        return 0;
    }
    sys_vec_save(cpu);
    return cpu->apic_ops->get_tpr(cpu->apic);
}

static bool cr8_set(struct sys_cpu *cpu, uint64_t value)
{
    if (value > 15) {
        return false;
    }
    if (cpu->apic_ops) {
        sys_vec_save(cpu);
        cpu->apic_ops->set_tpr(cpu->apic, (uint8_t)value);
    }
    return true;
}

static bool cr_set(struct sys_cpu *cpu, unsigned n, uint64_t value)
{
    switch (n) {
    case 0:
        return sys_cr0_set(cpu, value);
    case 2:
        cpu->cr2 = value;
        return true;
    case 3:
        return sys_cr3_set(cpu, value);
    case 4:
        return sys_cr4_set(cpu, value);
    default:
        return cr8_set(cpu, value);
    }
}

static uint64_t cr_get(struct sys_cpu *cpu, unsigned n)
{
    switch (n) {
    case 0:
        return cpu->cr0;
    case 2:
        return cpu->cr2;
    case 3:
        return cpu->cr3;
    case 4:
        return cpu->cr4;
    default:
        return cr8_get(cpu);
    }
}

/* 0F 20 reads, 0F 22 writes; the operand is 4 or 8 bytes by mode alone. */
bool sys_op_mov_cr(struct sys_cpu *cpu, const struct sys_insn *in)
{
    unsigned n = sys_modrm_reg(in), reg = sys_modrm_rm(in);
    unsigned size = in->code_size == 8 ? 8 : 4;
    if (n != 0 && n != 2 && n != 3 && n != 4 && n != 8) {
        return sys_raise(cpu, SYS_UD);
    }
    if (sys_cpl(cpu)) {
        return sys_gp0(cpu);
    }
    if (in->opcode == 0x20) {
        sys_gpr_put(cpu, (uint8_t)reg, size, cr_get(cpu, n));
        return true;
    }
    return cr_set(cpu, n, sys_gpr_get(cpu, (uint8_t)reg, size)) || sys_gp0(cpu);
}

bool sys_op_clts(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    if (sys_cpl(cpu)) {
        return sys_gp0(cpu);
    }
    cpu->cr0 &= ~(uint64_t)SYS_CR0_TS;
    sys_mode_update(cpu);
    return true;
}

bool sys_op_lmsw(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (sys_cpl(cpu)) {
        return sys_gp0(cpu);
    }
    uint16_t value = 0;
    if (sys_modrm_is_register(in)) {
        value = (uint16_t)cpu->gpr[sys_modrm_rm(in)];
    } else {
        uint64_t linear;
        if (!sys_operand(cpu, in, 2, SYS_READ, &linear) ||
            !sys_mem_read(cpu, linear, &value, 2, SYS_READ)) {
            return false;
        }
    }
    /* It can set PE, but not clear it. */
    uint64_t low = SYS_CR0_MP | SYS_CR0_EM | SYS_CR0_TS;
    uint64_t cr0 = (cpu->cr0 & ~low) | (value & (low | SYS_CR0_PE));
    return sys_cr0_set(cpu, cr0) || sys_gp0(cpu);
}

bool sys_op_smsw(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (sys_cpl(cpu) && (cpu->cr4 & SYS_CR4_UMIP)) {
        return sys_gp0(cpu);
    }
    if (sys_modrm_is_register(in)) {
        sys_gpr_put(cpu, sys_modrm_rm(in), in->op_size, cpu->cr0);
        return true;
    }
    uint64_t linear;
    uint16_t value = (uint16_t)cpu->cr0;
    return sys_operand(cpu, in, 2, SYS_WRITE, &linear) &&
           sys_mem_write(cpu, linear, &value, 2, SYS_WRITE);
}
