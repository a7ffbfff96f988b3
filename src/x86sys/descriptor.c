/* Descriptor tables: finding, reading and marking descriptors. The tables are
 * read as a supervisor whatever the CPL; nothing read from them is trusted. */
#include "x86sys/segment.h"
#include "x86sys/tlb.h"

#define TYPE_BYTE 5

bool sys_check_fail(struct sys_cpu *cpu, const struct sys_check *how, uint16_t selector)
{
    return sys_raise_error(cpu, how->vector, (selector & 0xfffcu) | how->ext);
}

bool sys_check_absent(struct sys_cpu *cpu, const struct sys_check *how, uint8_t vector,
                      uint16_t selector)
{
    return sys_raise_error(cpu, vector, (selector & 0xfffcu) | how->ext);
}

bool sys_desc_find(const struct sys_cpu *cpu, uint16_t selector, uint32_t size, uint64_t *linear)
{
    const struct sys_seg *table = &cpu->gdtr;
    if (selector & 4) {
        table = &cpu->ldtr;
        if (!(table->attr & SYS_SEG_P)) {
            return false;
        }
    }
    uint32_t offset = selector & 0xfff8u;
    if (offset + size - 1 > table->limit) {
        return false;
    }
    uint64_t address = table->base + offset;
    *linear = sys_long_mode(cpu) ? address : (uint32_t)address;
    return true;
}

bool sys_desc_read(struct sys_cpu *cpu, uint16_t selector, const struct sys_check *how,
                   struct sys_desc *d)
{
    *d = (struct sys_desc){.selector = selector};
    if (!sys_desc_find(cpu, selector, 8, &d->linear)) {
        return sys_check_fail(cpu, how, selector);
    }
    if (!sys_mem_read(cpu, d->linear, &d->raw, 8, SYS_READ | SYS_IMPLICIT)) {
        return false;
    }
    d->attr = (uint16_t)(d->raw >> 40 & 0xf0ff);
    return true;
}

bool sys_desc_read_high(struct sys_cpu *cpu, const struct sys_check *how, struct sys_desc *d)
{
    uint64_t linear;
    if (!sys_desc_find(cpu, d->selector, 16, &linear)) {
        return sys_check_fail(cpu, how, d->selector);
    }
    if (!sys_mem_read(cpu, linear + 8, &d->high, 8, SYS_READ | SYS_IMPLICIT)) {
        return false;
    }
    const uint64_t second_type = 0x1fULL << 40; /* of the upper half, were that a descriptor */
    if (d->high & second_type) {
        return sys_check_fail(cpu, how, d->selector);
    }
    d->high &= UINT32_MAX;
    return true;
}

void sys_desc_parse(uint64_t raw, struct sys_seg *seg)
{
    seg->base = (raw >> 16 & 0xffffff) | (raw >> 56 << 24);
    seg->limit = (uint32_t)((raw & 0xffff) | (raw >> 32 & 0xf0000));
    seg->attr = (uint16_t)(raw >> 40 & 0xf0ff);
    if (seg->attr & SYS_SEG_G) {
        seg->limit = seg->limit << 12 | 0xfff;
    }
}

void sys_desc_make_code(const struct sys_cpu *cpu, const struct sys_desc *d, unsigned cpl,
                        struct sys_seg_new *code)
{
    sys_desc_parse(d->raw, &code->seg);
    if (sys_seg_is_64(cpu, &code->seg)) {
        code->seg.base = 0;
    }
    code->seg.selector = (uint16_t)((d->selector & ~3u) | cpl);
    code->desc = d->linear;
    code->mark = !(d->attr & SYS_SEG_ACCESSED);
}

bool sys_desc_probe_type(struct sys_cpu *cpu, uint64_t desc_linear)
{
    return sys_mem_probe(cpu, desc_linear + TYPE_BYTE, 1, SYS_READ | SYS_WRITE | SYS_IMPLICIT);
}

bool sys_desc_change_type(struct sys_cpu *cpu, uint64_t desc_linear, uint8_t set, uint8_t clear)
{
    const uint32_t access = SYS_READ | SYS_WRITE | SYS_IMPLICIT;
    uint64_t linear = desc_linear + TYPE_BYTE;
    uint8_t old;
    _Atomic(uint8_t) *byte = sys_mem_host(cpu, linear, 1, access);
    if (byte) {
        /* Sequentially consistent, as the locked access of the processor. */
        old = atomic_load_explicit(byte, memory_order_seq_cst);
        while (!atomic_compare_exchange_weak_explicit(byte, &old, (uint8_t)((old | set) & ~clear),
                                                      memory_order_seq_cst, memory_order_seq_cst)) {
        }
        sys_mem_host_written(cpu, linear, 1);
        return true;
    }
    if (!sys_mem_read(cpu, linear, &old, 1, access)) {
        return false;
    }
    uint8_t value = (uint8_t)((old | set) & ~clear);
    return sys_mem_write(cpu, linear, &value, 1, SYS_WRITE | SYS_IMPLICIT);
}
