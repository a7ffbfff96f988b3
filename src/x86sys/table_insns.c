/* Instructions on the table registers: GDTR, IDTR, LDTR, TR. */
#include "x86sys/far.h"
#include "x86sys/operand.h"
#include "x86sys/system_insns.h"

static const struct sys_check gp = {.vector = SYS_GP};

static enum sys_result done(struct sys_cpu *cpu, const struct sys_insn *in)
{
    cpu->rip = sys_insn_next_ip(in);
    return SYS_DONE;
}

static bool only_kernel(struct sys_cpu *cpu)
{
    return sys_cpl(cpu) == 0 || sys_raise_error(cpu, SYS_GP, 0);
}

static bool umip_allows(struct sys_cpu *cpu)
{
    return !(cpu->cr4 & SYS_CR4_UMIP) || only_kernel(cpu);
}

static bool only_protected(struct sys_cpu *cpu)
{
    return sys_protected(cpu) || sys_raise(cpu, SYS_UD);
}

static enum sys_result load_table(struct sys_cpu *cpu, const struct sys_insn *in,
                                  struct sys_seg *table)
{
    uint32_t base_size = in->code_size == 8 ? 8 : 4;
    uint8_t raw[10] = {0};
    uint64_t linear;
    if (!only_kernel(cpu) || !sys_operand(cpu, in, 2 + base_size, SYS_READ, &linear) ||
        !sys_mem_read(cpu, linear, raw, 2 + base_size, SYS_READ)) {
        return SYS_EXCEPTION;
    }
    uint64_t base = 0;
    for (unsigned i = 0; i < base_size; i++) {
        base |= (uint64_t)raw[2 + i] << 8 * i;
    }
    if (in->code_size != 8 && sys_far_size(in) == 2) {
        base &= 0xffffff;
    }
    if (in->code_size == 8 && !sys_canonical(cpu, base)) {
        return sys_result_of(sys_raise_error(cpu, SYS_GP, 0));
    }
    table->base = base;
    table->limit = (uint32_t)(raw[0] | raw[1] << 8);
    return done(cpu, in);
}

static enum sys_result store_table(struct sys_cpu *cpu, const struct sys_insn *in,
                                   const struct sys_seg *table)
{
    /* All 32 bits of the base even with a 16-bit operand, as real processors. */
    uint32_t base_size = in->code_size == 8 ? 8 : 4;
    uint8_t raw[10];
    uint64_t linear;
    raw[0] = (uint8_t)table->limit;
    raw[1] = (uint8_t)(table->limit >> 8);
    for (unsigned i = 0; i < base_size; i++) {
        raw[2 + i] = (uint8_t)(table->base >> 8 * i);
    }
    if (!umip_allows(cpu) || !sys_operand(cpu, in, 2 + base_size, SYS_WRITE, &linear) ||
        !sys_aligned(cpu, linear + 2, base_size) ||
        !sys_mem_write(cpu, linear, raw, 2 + base_size, SYS_WRITE)) {
        return SYS_EXCEPTION;
    }
    return done(cpu, in);
}

enum sys_result sys_insn_lgdt(struct sys_cpu *cpu, const struct sys_insn *in)
{
    return load_table(cpu, in, &cpu->gdtr);
}

enum sys_result sys_insn_lidt(struct sys_cpu *cpu, const struct sys_insn *in)
{
    return load_table(cpu, in, &cpu->idtr);
}

enum sys_result sys_insn_sgdt(struct sys_cpu *cpu, const struct sys_insn *in)
{
    return store_table(cpu, in, &cpu->gdtr);
}

enum sys_result sys_insn_sidt(struct sys_cpu *cpu, const struct sys_insn *in)
{
    return store_table(cpu, in, &cpu->idtr);
}

static bool read_selector(struct sys_cpu *cpu, const struct sys_insn *in, uint16_t *selector)
{
    uint64_t linear;
    if (!in->has_mem) {
        *selector = (uint16_t)cpu->gpr[sys_modrm_rm(in)];
        return true;
    }
    return sys_operand(cpu, in, 2, SYS_READ, &linear) &&
           sys_mem_read(cpu, linear, selector, 2, SYS_READ);
}

static enum sys_result store_selector(struct sys_cpu *cpu, const struct sys_insn *in,
                                      uint16_t selector)
{
    uint64_t linear;
    if (!only_protected(cpu) || !umip_allows(cpu)) {
        return SYS_EXCEPTION;
    }
    if (!in->has_mem) {
        sys_gpr_put(cpu, sys_modrm_rm(in), sys_far_size(in), selector);
    } else if (!sys_operand(cpu, in, 2, SYS_WRITE, &linear) ||
               !sys_mem_write(cpu, linear, &selector, 2, SYS_WRITE)) {
        return SYS_EXCEPTION;
    }
    return done(cpu, in);
}

enum sys_result sys_insn_sldt(struct sys_cpu *cpu, const struct sys_insn *in)
{
    return store_selector(cpu, in, cpu->ldtr.selector);
}

enum sys_result sys_insn_str(struct sys_cpu *cpu, const struct sys_insn *in)
{
    return store_selector(cpu, in, cpu->tr.selector);
}

/* A system descriptor of the GDT, whole, as the hidden part of LDTR or TR. */
static bool read_system(struct sys_cpu *cpu, uint16_t selector, unsigned types, struct sys_desc *d,
                        struct sys_seg *seg)
{
    if (selector & 4) {
        return sys_check_fail(cpu, &gp, selector);
    }
    if (!sys_desc_read(cpu, selector, &gp, d)) {
        return false;
    }
    if (d->attr & SYS_SEG_S || !(types >> (d->attr & SYS_SEG_TYPE) & 1)) {
        return sys_check_fail(cpu, &gp, selector);
    }
    if (!(d->attr & SYS_SEG_P)) {
        return sys_check_absent(cpu, &gp, SYS_NP, selector);
    }
    if (sys_long_mode(cpu) && !sys_desc_read_high(cpu, &gp, d)) {
        return false;
    }
    sys_desc_parse(d->raw, seg);
    seg->base |= d->high << 32;
    seg->selector = selector;
    return sys_canonical(cpu, seg->base) || sys_check_fail(cpu, &gp, selector);
}

enum sys_result sys_insn_lldt(struct sys_cpu *cpu, const struct sys_insn *in)
{
    uint16_t selector;
    if (!only_protected(cpu) || !only_kernel(cpu) || !read_selector(cpu, in, &selector)) {
        return SYS_EXCEPTION;
    }
    struct sys_seg ldt = {.selector = selector};
    struct sys_desc d;
    if (!sys_selector_is_null(selector) &&
        !read_system(cpu, selector, 1u << SYS_DESC_LDT, &d, &ldt)) {
        return SYS_EXCEPTION;
    }
    cpu->ldtr = ldt;
    return done(cpu, in);
}

enum sys_result sys_insn_ltr(struct sys_cpu *cpu, const struct sys_insn *in)
{
    uint16_t selector;
    if (!only_protected(cpu) || !only_kernel(cpu) || !read_selector(cpu, in, &selector)) {
        return SYS_EXCEPTION;
    }
    if (sys_selector_is_null(selector)) {
        return sys_result_of(sys_raise_error(cpu, SYS_GP, 0));
    }
    const uint8_t busy = SYS_DESC_TSS32_BUSY & ~SYS_DESC_TSS32;
    unsigned types = 1u << SYS_DESC_TSS32;
    if (!sys_long_mode(cpu)) {
        types |= 1u << SYS_DESC_TSS16;
    }
    struct sys_seg tss = {.attr = 0};
    struct sys_desc d = {.linear = 0};
    if (!read_system(cpu, selector, types, &d, &tss) ||
        !sys_desc_change_type(cpu, d.linear, busy, 0)) {
        return SYS_EXCEPTION;
    }
    tss.attr |= busy;
    cpu->tr = tss;
    return done(cpu, in);
}
