/* From an offset in a segment to a linear address, with all that segmentation
 * checks on the way: for instructions that C executes. */
#include "x86sys/segment.h"
#include "x86sys/system_insns.h"

bool sys_canonical(const struct sys_cpu *cpu, uint64_t linear)
{
    unsigned unused = cpu->cr4 & SYS_CR4_LA57 ? 7 : 16;
    return (uint64_t)((int64_t)(linear << unused) >> unused) == linear;
}

bool sys_seg_in_limit(const struct sys_seg *seg, uint64_t offset, uint32_t size)
{
    uint64_t last = offset + size - 1;
    if (!sys_attr_is_expand_down(seg->attr)) {
        return last >= offset && last <= seg->limit;
    }
    uint64_t top = seg->attr & SYS_SEG_DB ? UINT32_MAX : UINT16_MAX;
    return offset > seg->limit && last >= offset && last <= top;
}

static bool fault(struct sys_cpu *cpu, enum sys_seg_reg seg)
{
    return sys_raise_error(cpu, seg == SYS_SS ? SYS_SSF : SYS_GP, 0);
}

static bool linear_64(struct sys_cpu *cpu, enum sys_seg_reg seg, uint64_t offset, uint32_t size,
                      uint64_t *linear)
{
    uint64_t a = offset;
    if (seg == SYS_FS || seg == SYS_GS) {
        a += cpu->seg[seg].base;
    }
    if (!sys_canonical(cpu, a) || !sys_canonical(cpu, a + size - 1)) {
        return fault(cpu, seg);
    }
    *linear = a;
    return true;
}

static bool type_allows(const struct sys_seg *s, uint32_t access)
{
    if ((s->attr & (SYS_SEG_P | SYS_SEG_S)) != (SYS_SEG_P | SYS_SEG_S)) {
        return false;
    }
    if (access & SYS_WRITE) {
        return sys_attr_is_writable(s->attr);
    }
    return access & SYS_FETCH || sys_attr_is_readable(s->attr);
}

bool sys_aligned(struct sys_cpu *cpu, uint64_t linear, uint32_t alignment)
{
    return !(cpu->mode & SYS_MODE_AC) || !(linear & (alignment - 1)) ||
           sys_raise_error(cpu, SYS_AC, 0);
}

static bool checked_linear(struct sys_cpu *cpu, enum sys_seg_reg seg, uint64_t offset,
                           uint32_t size, uint32_t access, uint64_t *linear)
{
    if (cpu->mode & SYS_MODE_CODE64) {
        return linear_64(cpu, seg, offset, size, linear);
    }
    const struct sys_seg *s = &cpu->seg[seg];
    bool typed = (cpu->mode & (SYS_MODE_PE | SYS_MODE_VM)) == SYS_MODE_PE;
    if (typed && !type_allows(s, access)) {
        return fault(cpu, seg);
    }
    if (!sys_seg_in_limit(s, offset, size)) {
        return fault(cpu, seg);
    }
    *linear = (uint32_t)(s->base + offset);
    return true;
}

bool sys_linear(struct sys_cpu *cpu, enum sys_seg_reg seg, uint64_t offset, uint32_t size,
                uint32_t access, uint64_t *linear)
{
    bool one_item = !(access & SYS_UNALIGNED) && (size == 2 || size == 4 || size == 8);
    return checked_linear(cpu, seg, offset, size, access, linear) &&
           (!one_item || sys_aligned(cpu, *linear, size));
}

uint64_t sys_operand_offset(const struct sys_cpu *cpu, const struct sys_insn *in)
{
    uint64_t offset = (uint64_t)in->disp;
    if (!in->rip_relative) {
        if (in->base < X86_GPRS) {
            offset += cpu->gpr[in->base];
        }
        if (in->index < X86_GPRS) {
            offset += cpu->gpr[in->index] << in->scale;
        }
    }
    return in->addr_size == 8 ? offset : in->addr_size == 4 ? (uint32_t)offset : (uint16_t)offset;
}

bool sys_operand(struct sys_cpu *cpu, const struct sys_insn *in, uint32_t size, uint32_t access,
                 uint64_t *linear)
{
    return sys_linear(cpu, (enum sys_seg_reg)in->seg, sys_operand_offset(cpu, in), size, access,
                      linear);
}
