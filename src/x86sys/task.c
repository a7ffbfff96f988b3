/* Hardware task switches (SDM volume 3, 7.3). Up to the commit point all that can
 * fault is done on copies: both TSSs are probed, the new one is read whole. From
 * there on the new task is the current one: a bad segment register is its fault. */
#include "x86sys/task.h"
#include "x86sys/emulate.h"
#include "x86sys/frame.h"
#include "x86sys/system_insns.h"

enum source { BY_JMP, BY_CALL, BY_IRET, BY_EVENT };

/* Both formats, as read. */
struct image {
    uint64_t cr3;
    uint64_t ip, flags;
    uint64_t gpr[8];
    uint16_t seg[SYS_SEGS];
    uint16_t ldt;
    uint16_t link;
    bool trap;
};

/* One of the two formats: where its fields are. */
struct format {
    uint32_t length; /* smallest limit + 1 */
    uint32_t state;  /* of IP; then flags, eight GPRs, and the segments */
    uint32_t word;   /* bytes of each */
    uint32_t segs;   /* how many of them */
};
static const struct format tss16 = {.length = 0x2c, .state = 0x0e, .word = 2, .segs = 4};
static const struct format tss32 = {.length = 0x68, .state = 0x20, .word = 4, .segs = 6};

#define TSS32_CR3  0x1c
#define TSS32_LDT  0x60
#define TSS32_TRAP 0x64
#define TSS16_LDT  0x2a
#define TSS_MAX    0x68
#define BUSY       2u
#define DR6_BT     (1u << 15)

static const struct format *format_of(unsigned attr)
{
    return attr & 8 ? &tss32 : &tss16;
}

static uint64_t get(const uint8_t *from, uint32_t size)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < size; i++) {
        value |= (uint64_t)from[i] << 8 * i;
    }
    return value;
}

static void put(uint8_t *to, uint64_t value, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        to[i] = (uint8_t)(value >> 8 * i);
    }
}

static bool read_image(struct sys_cpu *cpu, uint64_t base, const struct format *f,
                       struct image *out)
{
    uint8_t raw[TSS_MAX];
    *out = (struct image){0};
    if (!sys_mem_read(cpu, base, raw, f->length, SYS_READ | SYS_IMPLICIT)) {
        return false;
    }
    uint32_t at = f->state;
    out->ip = get(raw + at, f->word);
    out->flags = get(raw + at + f->word, f->word);
    at += 2 * f->word;
    for (unsigned i = 0; i < 8; i++, at += f->word) {
        out->gpr[i] = get(raw + at, f->word);
    }
    for (unsigned i = 0; i < f->segs; i++, at += f->word) {
        out->seg[i] = (uint16_t)get(raw + at, 2);
    }
    out->link = (uint16_t)get(raw, 2);
    if (f == &tss32) {
        out->cr3 = get(raw + TSS32_CR3, 4);
        out->ldt = (uint16_t)get(raw + TSS32_LDT, 2);
        out->trap = raw[TSS32_TRAP] & 1;
    } else {
        out->ldt = (uint16_t)get(raw + TSS16_LDT, 2);
    }
    return true;
}

/* The part of the current TSS that a switch writes; returns its length. */
static uint32_t current_state(const struct sys_cpu *cpu, const struct format *f, uint64_t ip,
                              uint64_t flags, uint8_t *raw)
{
    put(raw, ip, f->word);
    put(raw + f->word, flags, f->word);
    uint32_t at = 2 * f->word;
    for (unsigned i = 0; i < 8; i++, at += f->word) {
        put(raw + at, cpu->gpr[i], f->word);
    }
    for (unsigned i = 0; i < f->segs; i++, at += f->word) {
        put(raw + at, cpu->seg[i].selector, f->word);
    }
    return at;
}

/* False: #GP by a bad page directory pointer, which the new task keeps out of CR3. */
static bool load_cr3(struct sys_cpu *cpu, uint64_t cr3)
{
    if (!(cpu->cr0 & SYS_CR0_PG) || cpu->cr3 == cr3) {
        return true;
    }
    if (cpu->cr4 & SYS_CR4_PAE && !sys_pdpte_load(cpu, cr3)) {
        return sys_raise_error(cpu, SYS_GP, 0);
    }
    cpu->cr3 = cr3;
    sys_tlb_flush_non_global(cpu);
    return true;
}

static void load_state(struct sys_cpu *cpu, const struct format *f, const struct image *im)
{
    cpu->rip = im->ip;
    cpu->rflags = (im->flags & 0x3f7fd7) | SYS_RF_ONE;
    for (unsigned i = 0; i < 8; i++) {
        /* A 16-bit TSS leaves the upper halves undefined: as they are. */
        cpu->gpr[i] = f == &tss32 ? im->gpr[i] : (cpu->gpr[i] & 0xffff0000) | im->gpr[i];
    }
    cpu->ldtr = (struct sys_seg){.selector = im->ldt};
    for (unsigned i = 0; i < SYS_SEGS; i++) {
        cpu->seg[i] = (struct sys_seg){.selector = im->seg[i]};
    }
    /* The privilege with which the rest is loaded, should SS turn out to be bad. */
    cpu->seg[SYS_SS].attr = (uint16_t)((im->seg[SYS_CS] & 3u) << SYS_SEG_DPL_SHIFT);
    for (unsigned i = 0; i < 4; i++) {
        cpu->dr[7] &= ~(1ull << 2 * i); /* local breakpoints */
    }
    cpu->shadow = false;
    cpu->halted = false;
    cpu->rf_loaded = (cpu->mode & (SYS_MODE_TF | SYS_MODE_DEBUG)) != 0;
    sys_mode_update(cpu);
}

static bool load_ldt(struct sys_cpu *cpu, const struct sys_check *how)
{
    uint16_t selector = cpu->ldtr.selector;
    struct sys_desc d;
    if (sys_selector_is_null(selector)) {
        return true;
    }
    if (selector & 4) {
        return sys_check_fail(cpu, how, selector);
    }
    if (!sys_desc_read(cpu, selector, how, &d)) {
        return false;
    }
    if ((d.attr & (SYS_SEG_S | SYS_SEG_TYPE | SYS_SEG_P)) != ((unsigned)SYS_DESC_LDT | SYS_SEG_P)) {
        return sys_check_fail(cpu, how, selector);
    }
    sys_desc_parse(d.raw, &cpu->ldtr);
    return true;
}

static bool load_code(struct sys_cpu *cpu, const struct sys_check *how)
{
    uint16_t selector = cpu->seg[SYS_CS].selector;
    struct sys_desc d;
    if (sys_selector_is_null(selector)) {
        return sys_check_fail(cpu, how, 0);
    }
    if (!sys_desc_read(cpu, selector, how, &d)) {
        return false;
    }
    unsigned rpl = selector & 3u;
    unsigned dpl = sys_attr_dpl(d.attr);
    if (!sys_attr_is_code(d.attr) || !(sys_attr_is_conforming(d.attr) ? dpl <= rpl : dpl == rpl)) {
        return sys_check_fail(cpu, how, selector);
    }
    if (!(d.attr & SYS_SEG_P)) {
        return sys_check_absent(cpu, how, SYS_NP, selector);
    }
    struct sys_seg_new s;
    sys_desc_make_code(cpu, &d, rpl, &s);
    if (!sys_seg_mark(cpu, &s)) {
        return false;
    }
    cpu->seg[SYS_CS] = s.seg;
    return true;
}

static bool load_data(struct sys_cpu *cpu, const struct sys_check *how, enum sys_seg_reg reg)
{
    struct sys_seg_new s;
    uint16_t selector = cpu->seg[reg].selector;
    bool good = reg == SYS_SS ? sys_seg_check_stack(cpu, selector, how, false, &s)
                              : sys_seg_check_data(cpu, selector, how, &s);
    if (!good || !sys_seg_mark(cpu, &s)) {
        return false;
    }
    cpu->seg[reg] = s.seg;
    return true;
}

/* Everything that the selectors stand for, in the new task. */
static bool load_segments(struct sys_cpu *cpu, uint8_t ext)
{
    struct sys_check how = {.vector = SYS_TS, .ext = ext, .cpl = (uint8_t)sys_cpl(cpu)};
    if (!load_ldt(cpu, &how)) {
        return false;
    }
    if (cpu->rflags & SYS_RF_VM) {
        for (unsigned i = 0; i < SYS_SEGS; i++) {
            sys_seg_load_real(cpu, (enum sys_seg_reg)i, cpu->seg[i].selector);
        }
        return true;
    }
    static const uint8_t data[] = {SYS_SS, SYS_DS, SYS_ES, SYS_FS, SYS_GS};
    if (!load_code(cpu, &how)) {
        return false;
    }
    for (unsigned i = 0; i < sizeof(data); i++) {
        if (!load_data(cpu, &how, (enum sys_seg_reg)data[i])) {
            return false;
        }
    }
    return true;
}

struct change {
    struct sys_desc to; /* the new TSS's descriptor */
    struct sys_seg tss; /* ... as TR */
    enum source source;
    uint8_t ext;
    uint64_t ip, flags; /* of the old task, as saved */
};

/* Saves the old task's state; nothing after it can fail. */
static bool save_old(struct sys_cpu *cpu, const struct change *c)
{
    const struct format *f = format_of(cpu->tr.attr);
    uint8_t raw[TSS_MAX];
    uint32_t length = current_state(cpu, f, c->ip, c->flags, raw);
    const uint32_t access = SYS_WRITE | SYS_IMPLICIT;
    bool nested = c->source == BY_CALL || c->source == BY_EVENT;
    uint64_t old_desc = 0;
    bool old_known = sys_desc_find(cpu, cpu->tr.selector & 0xfff8, 8, &old_desc);
    if (!sys_desc_probe_type(cpu, c->to.linear) ||
        (old_known && !nested && !sys_desc_probe_type(cpu, old_desc)) ||
        (nested && !sys_mem_probe(cpu, c->tss.base, 2, access)) ||
        !sys_mem_write(cpu, cpu->tr.base + f->state, raw, length, access)) {
        return false;
    }
    if (old_known && !nested && !sys_desc_change_type(cpu, old_desc, 0, BUSY)) {
        return false;
    }
    if (nested && !sys_mem_write(cpu, c->tss.base, &cpu->tr.selector, 2, access)) {
        return false;
    }
    return c->source == BY_IRET || sys_desc_change_type(cpu, c->to.linear, BUSY, 0);
}

static bool change_task(struct sys_cpu *cpu, struct change *c)
{
    const struct sys_check how = {.vector = SYS_TS, .ext = c->ext};
    sys_desc_parse(c->to.raw, &c->tss);
    c->tss.selector = c->to.selector;
    const struct format *f = format_of(c->to.attr);
    const struct format *old = format_of(cpu->tr.attr);
    struct image im;
    if (c->tss.limit < f->length - 1) {
        return sys_check_fail(cpu, &how, c->to.selector);
    }
    if (cpu->tr.limit < old->length - 1) {
        return sys_check_fail(cpu, &how, cpu->tr.selector);
    }
    if (!read_image(cpu, c->tss.base, f, &im) || !save_old(cpu, c)) {
        return false;
    }
    if (c->source == BY_CALL || c->source == BY_EVENT) {
        im.flags |= SYS_RF_NT;
    }
    cpu->tr = c->tss;
    cpu->tr.attr |= BUSY;
    cpu->cr0 |= SYS_CR0_TS;
    load_state(cpu, f, &im);
    bool good = (f == &tss16 || load_cr3(cpu, im.cr3)) && load_segments(cpu, c->ext);
    sys_mode_update(cpu);
    if (!good || !sys_check_ip(cpu, &cpu->seg[SYS_CS], cpu->rip, c->ext)) {
        return false;
    }
    if (im.trap) {
        sys_raise(cpu, SYS_DB);
        cpu->exception.addr = DR6_BT;
        return false;
    }
    return true;
}

/* The descriptor of an available TSS, as an event or a gate names it. */
static bool read_available(struct sys_cpu *cpu, uint16_t selector, const struct sys_check *how,
                           struct sys_desc *d)
{
    if (selector & 4) {
        return sys_check_fail(cpu, how, selector);
    }
    if (!sys_desc_read(cpu, selector, how, d)) {
        return false;
    }
    unsigned type = d->attr & (SYS_SEG_S | SYS_SEG_TYPE);
    if (type != SYS_DESC_TSS16 && type != SYS_DESC_TSS32) {
        return sys_check_fail(cpu, how, selector);
    }
    return d->attr & SYS_SEG_P || sys_check_absent(cpu, how, SYS_NP, selector);
}

bool sys_task_interrupt(struct sys_cpu *cpu, const struct sys_event *ev, uint16_t selector)
{
    const struct sys_check how = {.vector = SYS_GP, .ext = !ev->soft};
    struct change c = {.source = BY_EVENT, .ext = how.ext, .ip = ev->ip, .flags = ev->flags};
    if (!read_available(cpu, selector, &how, &c.to) || !change_task(cpu, &c)) {
        return false;
    }
    if (ev->has_error) {
        const uint64_t error = ev->error;
        struct sys_stack st = sys_stack_current(cpu);
        st.error = how.ext;
        if (!sys_stack_push(cpu, &st, cpu->tr.attr & 8 ? 4 : 2, &error, 1)) {
            return false;
        }
        sys_stack_commit(cpu, &st);
    }
    return true;
}

bool sys_task_jump(struct sys_cpu *cpu, const struct sys_desc *d, uint64_t ip, bool call)
{
    const struct sys_check how = {.vector = SYS_GP};
    struct change c = {
        .source = call ? BY_CALL : BY_JMP, .ip = ip, .flags = cpu->rflags & ~(uint64_t)X86_RF};
    uint16_t selector = d->selector;
    if ((d->attr & (SYS_SEG_S | SYS_SEG_TYPE)) == SYS_DESC_TASK_GATE) {
        if (!(d->attr & SYS_SEG_P)) {
            return sys_check_absent(cpu, &how, SYS_NP, selector);
        }
        selector = sys_gate_selector(d->raw);
    }
    return read_available(cpu, selector, &how, &c.to) && change_task(cpu, &c);
}

bool sys_task_return(struct sys_cpu *cpu, uint64_t ip)
{
    const struct sys_check how = {.vector = SYS_TS};
    struct change c = {.source = BY_IRET,
                       .ip = ip,
                       .flags = cpu->rflags & ~(uint64_t)X86_RF & ~(uint64_t)SYS_RF_NT};
    uint16_t selector;
    if (!sys_mem_read(cpu, cpu->tr.base, &selector, 2, SYS_READ | SYS_IMPLICIT)) {
        return false;
    }
    if (selector & 4) {
        return sys_check_fail(cpu, &how, selector);
    }
    if (!sys_desc_read(cpu, selector, &how, &c.to)) {
        return false;
    }
    unsigned type = c.to.attr & (SYS_SEG_S | SYS_SEG_TYPE);
    if (type != SYS_DESC_TSS16_BUSY && type != SYS_DESC_TSS32_BUSY) {
        return sys_check_fail(cpu, &how, selector);
    }
    if (!(c.to.attr & SYS_SEG_P)) {
        return sys_check_absent(cpu, &how, SYS_NP, selector);
    }
    return change_task(cpu, &c);
}
