/* Instructions that ask about a selector without loading it: VERR, VERW, LAR, LSL,
 * ARPL. The answer is in ZF; a bad selector is no exception. */
#include "x86sys/far.h"
#include "x86sys/operand.h"
#include "x86sys/system_insns.h"

static bool read_rm_word(struct sys_cpu *cpu, const struct sys_insn *in, uint16_t *value)
{
    uint64_t linear;
    if (!sys_protected(cpu)) {
        return sys_raise(cpu, SYS_UD);
    }
    if (!in->has_mem) {
        *value = (uint16_t)cpu->gpr[sys_modrm_rm(in)];
        return true;
    }
    return sys_operand(cpu, in, 2, SYS_READ, &linear) &&
           sys_mem_read(cpu, linear, value, 2, SYS_READ);
}

static enum sys_result answer(struct sys_cpu *cpu, const struct sys_insn *in, bool yes)
{
    cpu->rflags = yes ? cpu->rflags | X86_ZF : cpu->rflags & ~(uint64_t)X86_ZF;
    cpu->rip = sys_insn_next_ip(in);
    return SYS_DONE;
}

/* The descriptor of a selector, if it can be seen from here: *visible. False: #PF. */
static bool look(struct sys_cpu *cpu, uint16_t selector, struct sys_desc *d, bool *visible)
{
    *d = (struct sys_desc){.selector = selector};
    *visible = false;
    if (sys_selector_is_null(selector) || !sys_desc_find(cpu, selector, 8, &d->linear)) {
        return true;
    }
    if (!sys_mem_read(cpu, d->linear, &d->raw, 8, SYS_READ | SYS_IMPLICIT)) {
        return false;
    }
    d->attr = (uint16_t)(d->raw >> 40 & 0xf0ff);
    unsigned dpl = sys_attr_dpl(d->attr);
    *visible = sys_attr_is_conforming(d->attr) || (dpl >= sys_cpl(cpu) && dpl >= (selector & 3u));
    return true;
}

static enum sys_result verify(struct sys_cpu *cpu, const struct sys_insn *in,
                              bool (*usable)(unsigned attr))
{
    uint16_t selector = 0;
    struct sys_desc d;
    bool visible;
    if (!read_rm_word(cpu, in, &selector) || !look(cpu, selector, &d, &visible)) {
        return SYS_EXCEPTION;
    }
    return answer(cpu, in, visible && usable(d.attr));
}

enum sys_result sys_insn_verr(struct sys_cpu *cpu, const struct sys_insn *in)
{
    return verify(cpu, in, sys_attr_is_readable);
}

enum sys_result sys_insn_verw(struct sys_cpu *cpu, const struct sys_insn *in)
{
    return verify(cpu, in, sys_attr_is_writable);
}

/* System descriptors that LAR and LSL know, by type; gates only LAR. */
static bool known_system(const struct sys_cpu *cpu, const struct sys_desc *d, bool gates)
{
    unsigned types = 1u << SYS_DESC_LDT | 1u << SYS_DESC_TSS32 | 1u << SYS_DESC_TSS32_BUSY;
    if (gates) {
        types |= 1u << SYS_DESC_CALL_GATE32;
    }
    if (!sys_long_mode(cpu)) {
        types |= 1u << SYS_DESC_TSS16 | 1u << SYS_DESC_TSS16_BUSY;
        if (gates) {
            types |= 1u << SYS_DESC_CALL_GATE16 | 1u << SYS_DESC_TASK_GATE;
        }
    }
    return types >> (d->attr & SYS_SEG_TYPE) & 1;
}

static bool look_at_any(struct sys_cpu *cpu, const struct sys_insn *in, bool gates,
                        struct sys_desc *d, bool *good)
{
    uint16_t selector = 0;
    if (!read_rm_word(cpu, in, &selector) || !look(cpu, selector, d, good)) {
        return false;
    }
    *good = *good && (d->attr & SYS_SEG_S || known_system(cpu, d, gates));
    return true;
}

enum sys_result sys_insn_lar(struct sys_cpu *cpu, const struct sys_insn *in)
{
    struct sys_desc d;
    bool good;
    if (!look_at_any(cpu, in, true, &d, &good)) {
        return SYS_EXCEPTION;
    }
    if (good) {
        sys_gpr_put(cpu, sys_modrm_reg(in), sys_far_size(in), d.raw >> 32 & 0xf0ff00);
    }
    return answer(cpu, in, good);
}

enum sys_result sys_insn_lsl(struct sys_cpu *cpu, const struct sys_insn *in)
{
    struct sys_desc d;
    bool good;
    if (!look_at_any(cpu, in, false, &d, &good)) {
        return SYS_EXCEPTION;
    }
    if (good) {
        struct sys_seg seg = {0};
        sys_desc_parse(d.raw, &seg);
        sys_gpr_put(cpu, sys_modrm_reg(in), sys_far_size(in), seg.limit);
    }
    return answer(cpu, in, good);
}

enum sys_result sys_insn_arpl(struct sys_cpu *cpu, const struct sys_insn *in)
{
    uint16_t selector = 0;
    uint64_t linear = 0;
    const uint32_t access = SYS_READ | SYS_WRITE;
    if (!sys_protected(cpu)) {
        return sys_result_of(sys_raise(cpu, SYS_UD));
    }
    if (!in->has_mem) {
        selector = (uint16_t)cpu->gpr[sys_modrm_rm(in)];
    } else if (!sys_operand(cpu, in, 2, access, &linear) ||
               !sys_mem_read(cpu, linear, &selector, 2, access)) {
        return SYS_EXCEPTION;
    }
    unsigned rpl = cpu->gpr[sys_modrm_reg(in)] & 3;
    if ((selector & 3u) >= rpl) {
        return answer(cpu, in, false);
    }
    selector = (uint16_t)((selector & ~3u) | rpl);
    if (!in->has_mem) {
        sys_gpr_put(cpu, sys_modrm_rm(in), 2, selector);
    } else if (!sys_mem_write(cpu, linear, &selector, 2, SYS_WRITE)) {
        return SYS_EXCEPTION;
    }
    return answer(cpu, in, true);
}
