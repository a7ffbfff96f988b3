/* Loading segment registers: the checks of SDM volume 3, 5.5 to 5.8, for data and
 * stack segments. A null selector leaves attr 0 and base 0, but in SS, whose DPL
 * stays the CPL. */
#include "x86sys/segment.h"
#include "x86sys/system_insns.h"

static bool finish(struct sys_desc *d, struct sys_seg_new *out)
{
    sys_desc_parse(d->raw, &out->seg);
    out->seg.selector = d->selector;
    out->desc = d->linear;
    out->mark = !(d->attr & SYS_SEG_ACCESSED);
    return true;
}

bool sys_seg_check_data(struct sys_cpu *cpu, uint16_t selector, const struct sys_check *how,
                        struct sys_seg_new *out)
{
    if (sys_selector_is_null(selector)) {
        *out = (struct sys_seg_new){.seg = {.selector = selector}};
        return true;
    }
    struct sys_desc d;
    if (!sys_desc_read(cpu, selector, how, &d)) {
        return false;
    }
    if (!sys_attr_is_readable(d.attr)) {
        return sys_check_fail(cpu, how, selector);
    }
    unsigned dpl = sys_attr_dpl(d.attr);
    if (!sys_attr_is_conforming(d.attr) && ((selector & 3u) > dpl || how->cpl > dpl)) {
        return sys_check_fail(cpu, how, selector);
    }
    if (!(d.attr & SYS_SEG_P)) {
        return sys_check_absent(cpu, how, SYS_NP, selector);
    }
    return finish(&d, out);
}

bool sys_seg_check_stack(struct sys_cpu *cpu, uint16_t selector, const struct sys_check *how,
                         bool null_ok, struct sys_seg_new *out)
{
    if (sys_selector_is_null(selector)) {
        if (!null_ok || (selector & 3u) != how->cpl) {
            return sys_check_fail(cpu, how, 0);
        }
        *out = (struct sys_seg_new){.seg = sys_seg_null_stack(how->cpl)};
        return true;
    }
    struct sys_desc d;
    if (!sys_desc_read(cpu, selector, how, &d)) {
        return false;
    }
    if ((selector & 3u) != how->cpl || !sys_attr_is_writable(d.attr) ||
        sys_attr_dpl(d.attr) != how->cpl) {
        return sys_check_fail(cpu, how, selector);
    }
    if (!(d.attr & SYS_SEG_P)) {
        return sys_check_absent(cpu, how, SYS_SSF, selector);
    }
    return finish(&d, out);
}

bool sys_seg_mark(struct sys_cpu *cpu, struct sys_seg_new *s)
{
    if (s->mark) {
        if (!sys_desc_change_type(cpu, s->desc, SYS_SEG_ACCESSED, 0)) {
            return false;
        }
        s->seg.attr |= SYS_SEG_ACCESSED;
        s->mark = false;
    }
    return true;
}

void sys_seg_drop_privileged(struct sys_cpu *cpu, unsigned cpl)
{
    static const uint8_t data[] = {SYS_ES, SYS_DS, SYS_FS, SYS_GS};
    for (unsigned i = 0; i < sizeof(data); i++) {
        struct sys_seg *s = &cpu->seg[data[i]];
        /* One that is null already keeps its base: FS and GS of 64-bit code. */
        if (s->attr & SYS_SEG_P && sys_attr_dpl(s->attr) < cpl &&
            !sys_attr_is_conforming(s->attr)) {
            *s = (struct sys_seg){0};
        }
    }
}

bool sys_check_ip(struct sys_cpu *cpu, const struct sys_seg *code, uint64_t ip, uint8_t ext)
{
    bool good = sys_seg_is_64(cpu, code) ? sys_canonical(cpu, ip) : ip <= code->limit;
    return good || sys_raise_error(cpu, SYS_GP, ext);
}

void sys_seg_load_real(struct sys_cpu *cpu, enum sys_seg_reg reg, uint16_t selector)
{
    struct sys_seg *s = &cpu->seg[reg];
    s->selector = selector;
    s->base = (uint64_t)selector << 4;
    if (cpu->rflags & SYS_RF_VM && cpu->cr0 & SYS_CR0_PE) {
        s->limit = UINT16_MAX;
        s->attr = SYS_SEG_P | SYS_SEG_DPL | SYS_SEG_S | SYS_SEG_RW | SYS_SEG_ACCESSED;
    } else if (reg != SYS_CS) {
        /* The limit, and with it "unreal" mode, survives. */
        s->attr |= SYS_SEG_P | SYS_SEG_S | SYS_SEG_RW | SYS_SEG_ACCESSED;
        s->attr &= (uint16_t)~(SYS_SEG_CODE | SYS_SEG_DOWN_CONF);
    }
}

bool sys_seg_load(struct sys_cpu *cpu, enum sys_seg_reg reg, uint16_t selector)
{
    if (!sys_protected(cpu)) {
        sys_seg_load_real(cpu, reg, selector);
        return true;
    }
    const struct sys_check how = {.vector = SYS_GP, .cpl = (uint8_t)sys_cpl(cpu)};
    struct sys_seg_new s = {.mark = false};
    bool good;
    if (reg == SYS_SS) {
        bool null_ok = cpu->mode & SYS_MODE_CODE64 && how.cpl != 3;
        good = sys_seg_check_stack(cpu, selector, &how, null_ok, &s);
    } else {
        good = sys_seg_check_data(cpu, selector, &how, &s);
    }
    if (!good || !sys_seg_mark(cpu, &s)) {
        return false;
    }
    cpu->seg[reg] = s.seg;
    return true;
}
