/* INVLPG, INVPCID, and the cache instructions, which have nothing to do here. */
#include <string.h>

#include "x86sys/operand.h"
#include "x86sys/ops.h"
#include "x86sys/emulate.h"
#include "x86sys/model.h"
#include "x86sys/system_insns.h"

bool sys_op_invlpg(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (sys_cpl(cpu)) {
        return sys_gp0(cpu);
    }
    /* No checks: an address that can't be is not an error, nor in the TLB. */
    uint64_t linear = sys_operand_offset(cpu, in);
    if (!(cpu->mode & SYS_MODE_CODE64)) {
        linear = (uint32_t)(linear + cpu->seg[in->seg].base);
    } else if (in->seg == SYS_FS || in->seg == SYS_GS) {
        linear += cpu->seg[in->seg].base;
    }
    sys_tlb_flush_page(cpu, linear);
    return true;
}

struct invpcid {
    uint64_t pcid, linear;
};

static bool invpcid_is_good(const struct sys_cpu *cpu, uint64_t type, const struct invpcid *d)
{
    if (type > 3 || d->pcid >> 12) {
        return false;
    }
    if (type <= 1 && d->pcid && !(cpu->cr4 & SYS_CR4_PCIDE)) {
        return false;
    }
    return type != 0 || sys_canonical(cpu, d->linear);
}

bool sys_op_invpcid(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (!sys_model_has(cpu->model, SYS_FEAT_INVPCID)) {
        return sys_raise(cpu, SYS_UD);
    }
    if (sys_cpl(cpu)) {
        return sys_gp0(cpu);
    }
    uint64_t linear, type = sys_gpr_get(cpu, sys_modrm_reg(in), in->code_size == 8 ? 8 : 4);
    struct invpcid d;
    if (!sys_operand(cpu, in, sizeof d, SYS_READ, &linear) ||
        !sys_mem_read(cpu, linear, &d, sizeof d, SYS_READ)) {
        return false;
    }
    if (!invpcid_is_good(cpu, type, &d)) {
        return sys_gp0(cpu);
    }
    bool current = d.pcid == (cpu->cr4 & SYS_CR4_PCIDE ? cpu->cr3 & 0xfff : 0);
    if (type == 0 && current) {
        sys_tlb_flush_page(cpu, d.linear);
    } else if (type == 2) {
        sys_tlb_flush(cpu);
    } else if (type == 3) {
        sys_tlb_flush_non_global(cpu);
    } else {
        /* Of another PCID one address is not told from the rest. */
        sys_tlb_flush_pcid(cpu, (uint32_t)d.pcid);
    }
    return true;
}

/* WBINVD, WBNOINVD, INVD. */
bool sys_op_wbinvd(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    return sys_cpl(cpu) ? sys_gp0(cpu) : true;
}
