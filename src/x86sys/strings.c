/* MOVS, STOS, LODS, CMPS and SCAS, with or without REP, in every mode.
 *
 * Element by element with all checks; but what lies in one page of RAM is done by
 * the host address, many elements at a time. After each step the registers say how
 * far it has come, so that a fault or an interrupt finds the instruction as if it
 * had just begun with what is left. One call does a bounded number of steps. */
#include "x86sys/emulate.h"
#include "x86sys/flags.h"
#include "x86sys/host_asm.h"
#include "x86sys/ops.h"
#include "x86sys/system_insns.h"

#define PAGE        4096u
#define CALL_BUDGET 65536u /* bytes per call */

enum kind { MOVS, CMPS, STOS, LODS, SCAS };

struct string {
    enum kind kind;
    uint8_t size;  /* of an element */
    uint8_t width; /* of SI, DI, CX */
    uint8_t rep;   /* 0, 0xf2, 0xf3 */
    bool down;
    enum sys_seg_reg seg; /* of the source */
};

static bool uses_source(const struct string *s)
{
    return s->kind == MOVS || s->kind == CMPS || s->kind == LODS;
}

static bool uses_target(const struct string *s)
{
    return s->kind != LODS;
}

static uint32_t target_access(const struct string *s)
{
    return s->kind == MOVS || s->kind == STOS ? SYS_WRITE : SYS_READ;
}

static struct string analyse(const struct sys_cpu *cpu, const struct sys_insn *in)
{
    struct string s = {.size = in->opcode & 1 ? in->op_size : 1,
                       .width = in->addr_size,
                       .rep = in->rep,
                       .down = cpu->rflags & X86_DF,
                       .seg = (enum sys_seg_reg)in->seg};
    switch (in->opcode & 0xfe) {
    case 0xa4:
        s.kind = MOVS;
        break;
    case 0xa6:
        s.kind = CMPS;
        break;
    case 0xaa:
        s.kind = STOS;
        break;
    case 0xac:
        s.kind = LODS;
        break;
    default:
        s.kind = SCAS;
        break;
    }
    return s;
}

/* Moves SI, DI and CX on by n elements. */
static void advance(struct sys_cpu *cpu, const struct string *s, uint64_t n)
{
    uint64_t step = s->down ? 0 - n * s->size : n * s->size;
    if (uses_source(s)) {
        sys_gpr_put(cpu, X86_RSI, s->width, cpu->gpr[X86_RSI] + step);
    }
    if (uses_target(s)) {
        sys_gpr_put(cpu, X86_RDI, s->width, cpu->gpr[X86_RDI] + step);
    }
    if (s->rep) {
        sys_gpr_put(cpu, X86_RCX, s->width, cpu->gpr[X86_RCX] - n);
    }
}

static uint64_t left(const struct sys_cpu *cpu, const struct string *s)
{
    return s->rep ? sys_gpr_get(cpu, X86_RCX, s->width) : 1;
}

/* Whether REPE or REPNE ends with these flags. */
static bool ends(const struct sys_cpu *cpu, const struct string *s)
{
    if (s->kind != CMPS && s->kind != SCAS) {
        return false;
    }
    return (s->rep == 0xf3) != ((cpu->rflags & X86_ZF) != 0);
}

/* --- one element --- */

static bool read_element(struct sys_cpu *cpu, const struct string *s, enum sys_seg_reg seg,
                         uint8_t reg, uint64_t *value)
{
    uint64_t linear;
    *value = 0;
    return sys_linear(cpu, seg, sys_gpr_get(cpu, reg, s->width), s->size, SYS_READ, &linear) &&
           sys_mem_read(cpu, linear, value, s->size, SYS_READ);
}

static bool write_element(struct sys_cpu *cpu, const struct string *s, uint64_t value)
{
    uint64_t linear;
    return sys_linear(cpu, SYS_ES, sys_gpr_get(cpu, X86_RDI, s->width), s->size, SYS_WRITE,
                      &linear) &&
           sys_mem_write(cpu, linear, &value, s->size, SYS_WRITE);
}

/* CMPS reads the operand at RDI first, as AMD's CPUs do: it shows where both fault. */
static bool compare_element(struct sys_cpu *cpu, const struct string *s)
{
    uint64_t a = cpu->gpr[X86_RAX] & sys_size_mask(s->size), b;
    if (!read_element(cpu, s, SYS_ES, X86_RDI, &b) ||
        (s->kind == CMPS && !read_element(cpu, s, s->seg, X86_RSI, &a))) {
        return false;
    }
    sys_flags_put(cpu, sys_flags_sub(a, b, s->size));
    return true;
}

/* STOS stores RAX, MOVS and LODS what they read. */
static bool move_element(struct sys_cpu *cpu, const struct string *s)
{
    uint64_t value = cpu->gpr[X86_RAX];
    if (s->kind != STOS && !read_element(cpu, s, s->seg, X86_RSI, &value)) {
        return false;
    }
    if (s->kind != LODS) {
        return write_element(cpu, s, value);
    }
    sys_gpr_put(cpu, X86_RAX, s->size, value);
    return true;
}

static bool do_element(struct sys_cpu *cpu, const struct string *s)
{
    bool compares = s->kind == CMPS || s->kind == SCAS;
    if (!(compares ? compare_element(cpu, s) : move_element(cpu, s))) {
        return false;
    }
    advance(cpu, s, 1);
    return true;
}

/* --- many elements within one page of RAM each --- */

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* How many elements from this offset on lie in its page, without a wrap of the
 * index. */
static uint64_t fitting(const struct string *s, uint64_t offset, uint64_t linear)
{
    uint64_t in_page = linear % PAGE;
    if (s->down) {
        uint64_t room = smaller(in_page, offset) + s->size;
        return in_page + s->size > PAGE ? 0 : room / s->size;
    }
    uint64_t to_wrap = sys_size_mask(s->width) - offset;
    uint64_t room = smaller(PAGE - in_page, to_wrap == UINT64_MAX ? to_wrap : to_wrap + 1);
    return room / s->size;
}

struct run {
    uint64_t linear; /* of the first element */
    uint8_t *host;   /* of the lowest byte */
};

/* How many elements from this offset on the limit lets through. */
static uint64_t within_limit(const struct string *s, uint64_t offset, uint64_t limit)
{
    if (offset + s->size - 1 > limit) {
        return 0;
    }
    return s->down ? UINT64_MAX : (limit - offset + 1) / s->size;
}

/* The linear address of the first element, if no segment is in the way. */
static bool run_linear(struct sys_cpu *cpu, const struct string *s, enum sys_seg_reg seg,
                       uint8_t reg, struct run *r, uint64_t *n)
{
    uint64_t offset = sys_gpr_get(cpu, reg, s->width);
    r->linear = offset;
    if (!(cpu->mode & SYS_MODE_CODE64)) {
        r->linear = (uint32_t)(offset + cpu->seg[seg].base);
        *n = smaller(*n, within_limit(s, offset, cpu->seg[seg].limit));
    } else {
        r->linear += seg == SYS_FS || seg == SYS_GS ? cpu->seg[seg].base : 0;
        *n = sys_canonical(cpu, r->linear) ? *n : 0;
    }
    *n = smaller(*n, fitting(s, offset, r->linear));
    return *n > 0;
}

static bool run_host(struct sys_cpu *cpu, const struct string *s, struct run *r, uint64_t n,
                     uint32_t access)
{
    uint64_t bytes = n * s->size;
    uint64_t low = s->down ? r->linear - (bytes - s->size) : r->linear;
    r->host = sys_mem_host(cpu, low, (uint32_t)bytes, access);
    r->linear = low;
    return r->host;
}

static uint64_t load(const uint8_t *p, unsigned size)
{
    uint64_t value = 0;
    switch (size) {
    case 1:
        return *p;
    case 2:
        __builtin_memcpy(&value, p, 2);
        return value;
    case 4:
        __builtin_memcpy(&value, p, 4);
        return value;
    default:
        __builtin_memcpy(&value, p, 8);
        return value;
    }
}

static void store(uint8_t *p, uint64_t value, unsigned size)
{
    switch (size) {
    case 1:
        *p = (uint8_t)value;
        break;
    case 2:
        __builtin_memcpy(p, &value, 2);
        break;
    case 4:
        __builtin_memcpy(p, &value, 4);
        break;
    default:
        __builtin_memcpy(p, &value, 8);
        break;
    }
}

/* The i-th element from the first one on. */
static uint8_t *element(const struct string *s, const struct run *r, uint64_t n, uint64_t i)
{
    return r->host + (s->down ? n - 1 - i : i) * s->size;
}

static void copy(const struct string *s, const struct run *from, const struct run *to, uint64_t n)
{
    uint64_t bytes = n * s->size;
    uint64_t distance = (uint64_t)(to->host - from->host);
    uint64_t back = (uint64_t)(from->host - to->host);
    if (distance >= bytes && back >= bytes) {
        sys_rep_movsb(to->host, from->host, bytes);
        return;
    }
    for (uint64_t i = 0; i < n; i++) {
        store(element(s, to, n, i), load(element(s, from, n, i), s->size), s->size);
    }
}

static void fill(const struct string *s, const struct run *to, uint64_t value, uint64_t n)
{
    switch (s->size) {
    case 1:
        sys_rep_stosb(to->host, (uint8_t)value, n);
        break;
    case 2:
        sys_rep_stosw(to->host, (uint16_t)value, n);
        break;
    case 4:
        sys_rep_stosl(to->host, (uint32_t)value, n);
        break;
    default:
        sys_rep_stosq(to->host, value, n);
        break;
    }
}

/* Compares until the condition ends it; sets the flags of the last comparison and
 * returns how many there were. */
static uint64_t compare(struct sys_cpu *cpu, const struct string *s, const struct run *from,
                        const struct run *to, uint64_t n)
{
    uint64_t a = cpu->gpr[X86_RAX] & sys_size_mask(s->size), b = 0, i = 0;
    while (i < n) {
        if (s->kind == CMPS) {
            a = load(element(s, from, n, i), s->size);
        }
        b = load(element(s, to, n, i), s->size);
        i++;
        if ((s->rep == 0xf3) != (a == b)) {
            break;
        }
    }
    sys_flags_put(cpu, sys_flags_sub(a, b, s->size));
    return i;
}

/* Returns how many elements it has done: 0 if that has to be done one by one. */
static uint64_t do_run(struct sys_cpu *cpu, const struct string *s, uint64_t n)
{
    struct run from = {0, NULL}, to = {0, NULL};
    if (uses_source(s) && !run_linear(cpu, s, s->seg, X86_RSI, &from, &n)) {
        return 0;
    }
    if (uses_target(s) && !run_linear(cpu, s, SYS_ES, X86_RDI, &to, &n)) {
        return 0;
    }
    if (uses_source(s) && !run_host(cpu, s, &from, n, SYS_READ)) {
        return 0;
    }
    if (uses_target(s) && !run_host(cpu, s, &to, n, target_access(s))) {
        return 0;
    }
    switch (s->kind) {
    case MOVS:
        copy(s, &from, &to, n);
        break;
    case STOS:
        fill(s, &to, cpu->gpr[X86_RAX], n);
        break;
    case LODS:
        sys_gpr_put(cpu, X86_RAX, s->size, load(element(s, &from, n, n - 1), s->size));
        break;
    default:
        n = compare(cpu, s, &from, &to, n);
        break;
    }
    if (target_access(s) == SYS_WRITE) {
        sys_mem_host_written(cpu, to.linear, (uint32_t)(n * s->size));
    }
    advance(cpu, s, n);
    return n;
}

/* Whether runs may skip the checks of segments: those are the element's business
 * where a segment does more than to add its base up to a limit. */
static bool simple_segments(const struct sys_cpu *cpu, const struct string *s)
{
    if (cpu->mode & SYS_MODE_CODE64) {
        return true;
    }
    const unsigned usable = SYS_SEG_P | SYS_SEG_S | SYS_SEG_RW, odd = SYS_SEG_CODE;
    const uint8_t segs[] = {(uint8_t)s->seg, SYS_ES};
    for (unsigned i = 0; i < 2; i++) {
        unsigned attr = cpu->seg[segs[i]].attr;
        if ((attr & usable) != usable || (attr & (odd | SYS_SEG_DOWN_CONF))) {
            return false;
        }
    }
    return true;
}

bool sys_op_string(struct sys_cpu *cpu, const struct sys_insn *in, bool *again)
{
    struct string s = analyse(cpu, in);
    bool one_by_one = cpu->mode & (SYS_MODE_TF | SYS_MODE_DEBUG);
    bool checked = cpu->mode & SYS_MODE_AC && s.size > 1;
    bool fast = s.rep && !one_by_one && !checked && simple_segments(cpu, &s);
    uint64_t budget = CALL_BUDGET / s.size;
    *again = false;
    while (left(cpu, &s)) {
        uint64_t done = fast ? do_run(cpu, &s, smaller(left(cpu, &s), budget)) : 0;
        if (!done) {
            if (!do_element(cpu, &s)) {
                return false;
            }
            done = 1;
        }
        if (!s.rep || ends(cpu, &s)) {
            return true;
        }
        budget -= smaller(budget, done);
        if (!budget || one_by_one) {
            *again = left(cpu, &s) != 0;
            return true;
        }
    }
    return true;
}
