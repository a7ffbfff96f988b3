/* Checks of far transfers (SDM volume 3, 5.8): code segments by JMP, CALL and
 * return, call gates. */
#include "x86sys/far.h"
#include "x86sys/system_insns.h"

static const struct sys_check gp = {.vector = SYS_GP};

bool sys_far_pointer_load(struct sys_cpu *cpu, const struct sys_insn *in, struct sys_far_pointer *p)
{
    unsigned size = sys_far_size(in);
    uint64_t linear;
    uint8_t raw[10] = {0};
    if (!sys_operand(cpu, in, size + 2, SYS_READ | SYS_UNALIGNED, &linear) ||
        !sys_aligned(cpu, linear, size == 2 ? 2 : 4) ||
        !sys_mem_read(cpu, linear, raw, size + 2, SYS_READ)) {
        return false;
    }
    p->offset = 0;
    for (unsigned i = 0; i < size; i++) {
        p->offset |= (uint64_t)raw[i] << 8 * i;
    }
    p->selector = (uint16_t)(raw[size] | raw[size + 1] << 8);
    return true;
}

bool sys_far_pointer(struct sys_cpu *cpu, const struct sys_insn *in, struct sys_far_pointer *p)
{
    if (in->has_mem) {
        return sys_far_pointer_load(cpu, in, p);
    }
    p->offset = sys_far_size(in) == 2 ? (uint16_t)in->imm : (uint32_t)in->imm;
    p->selector = (uint16_t)in->imm2;
    return true;
}

static bool size_is_bad(const struct sys_cpu *cpu, const struct sys_desc *d)
{
    const unsigned both = SYS_SEG_L | SYS_SEG_DB;
    return sys_long_mode(cpu) && (d->attr & both) == both;
}

bool sys_far_code(struct sys_cpu *cpu, const struct sys_desc *d, struct sys_seg_new *code)
{
    unsigned cpl = sys_cpl(cpu);
    unsigned dpl = sys_attr_dpl(d->attr);
    bool allowed =
        sys_attr_is_conforming(d->attr) ? dpl <= cpl : dpl == cpl && (d->selector & 3u) <= cpl;
    if (!sys_attr_is_code(d->attr) || !allowed || size_is_bad(cpu, d)) {
        return sys_check_fail(cpu, &gp, d->selector);
    }
    if (!(d->attr & SYS_SEG_P)) {
        return sys_check_absent(cpu, &gp, SYS_NP, d->selector);
    }
    sys_desc_make_code(cpu, d, cpl, code);
    return true;
}

bool sys_far_return_code(struct sys_cpu *cpu, uint16_t selector, struct sys_seg_new *code)
{
    struct sys_desc d;
    unsigned rpl = selector & 3u;
    if (sys_selector_is_null(selector)) {
        return sys_check_fail(cpu, &gp, 0);
    }
    if (!sys_desc_read(cpu, selector, &gp, &d)) {
        return false;
    }
    unsigned dpl = sys_attr_dpl(d.attr);
    bool allowed = sys_attr_is_conforming(d.attr) ? dpl <= rpl : dpl == rpl;
    if (rpl < sys_cpl(cpu) || !sys_attr_is_code(d.attr) || !allowed || size_is_bad(cpu, &d)) {
        return sys_check_fail(cpu, &gp, selector);
    }
    if (!(d.attr & SYS_SEG_P)) {
        return sys_check_absent(cpu, &gp, SYS_NP, selector);
    }
    sys_desc_make_code(cpu, &d, rpl, code);
    return true;
}

bool sys_far_system_privilege(struct sys_cpu *cpu, const struct sys_desc *d)
{
    unsigned dpl = sys_attr_dpl(d->attr);
    if (dpl < sys_cpl(cpu) || dpl < (d->selector & 3u)) {
        return sys_check_fail(cpu, &gp, d->selector);
    }
    return true;
}

bool sys_far_call_gate(struct sys_cpu *cpu, const struct sys_desc *d, struct sys_call_gate *g)
{
    bool is_long = sys_long_mode(cpu);
    bool wide = (d->attr & 8) != 0;
    *g = (struct sys_call_gate){.gate = *d, .size = is_long ? 8 : wide ? 4 : 2};
    if (!sys_far_system_privilege(cpu, d)) {
        return false;
    }
    if (!(d->attr & SYS_SEG_P)) {
        return sys_check_absent(cpu, &gp, SYS_NP, d->selector);
    }
    if (is_long && !sys_desc_read_high(cpu, &gp, &g->gate)) {
        return false;
    }
    uint16_t selector = sys_gate_selector(d->raw);
    if (sys_selector_is_null(selector)) {
        return sys_check_fail(cpu, &gp, 0);
    }
    if (!sys_desc_read(cpu, selector, &gp, &g->code)) {
        return false;
    }
    unsigned attr = g->code.attr;
    bool size_ok = !is_long || (attr & (SYS_SEG_L | SYS_SEG_DB)) == SYS_SEG_L;
    if (!sys_attr_is_code(attr) || sys_attr_dpl(attr) > sys_cpl(cpu) || !size_ok) {
        return sys_check_fail(cpu, &gp, selector);
    }
    if (!(attr & SYS_SEG_P)) {
        return sys_check_absent(cpu, &gp, SYS_NP, selector);
    }
    g->offset = sys_gate_offset(&g->gate);
    if (!wide) {
        g->offset &= UINT16_MAX;
    }
    g->params = is_long ? 0 : d->raw >> 32 & 0x1f;
    return true;
}

bool sys_far_check_real_ip(struct sys_cpu *cpu, uint64_t ip)
{
    return ip <= cpu->seg[SYS_CS].limit || sys_raise_error(cpu, SYS_GP, 0);
}
