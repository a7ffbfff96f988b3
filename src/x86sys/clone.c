/* A block's translation for the same bytes at another linear address, made from the one
 * that there is: its code and metadata are copied, and what depends on the address, or
 * on where they lie in the cache, is corrected (reloc.h). The result is, byte by byte,
 * what a translation would have been (tests/unit/x86sys/test_clone.c): so processes that
 * have a library at different addresses cost one translation and some copies.
 *
 * Both addresses have the same offset in their pages, since the RAM address is the same;
 * and what the translator decides by pages (near or far, what crosses) follows from that
 * and from distances, which do not change. */
#include <errno.h>
#include <string.h>

#include "exec/code_cache.h"
#include "x86sys/jump_cache.h"
#include "x86sys/translate.h"

#define UNIT 16UL

struct copy {
    const struct tb *from;
    struct sys_cpu *cpu;
    uint8_t *rw;      /* the code */
    uintptr_t moved;  /* by how much it lies further on than the original's */
    uint64_t delta;   /* the same of linear addresses */
    uint64_t address; /* the one corrected last */
    struct tb *tb;
    struct tb_exit *exits;
    unsigned exit_count; /* whose code has been come by */
};

static size_t round_up(size_t n)
{
    return (n + UNIT - 1) & ~(UNIT - 1);
}

static unsigned distance_of(uint16_t reloc)
{
    return (unsigned)reloc >> SYS_RELOC_KIND_BITS;
}

static enum sys_reloc_kind kind_of(uint16_t reloc)
{
    return (enum sys_reloc_kind)(reloc & ((1u << SYS_RELOC_KIND_BITS) - 1));
}

static bool is_address(enum sys_reloc_kind kind)
{
    return kind >= SYS_RELOC_GUEST_64 && kind <= SYS_RELOC_GUEST_CUT;
}

static uint32_t get32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static void put32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof(v));
}

/* --- linear addresses --- */

static bool is_32(uint64_t v)
{
    return v <= UINT32_MAX;
}

static bool is_s32(uint64_t v)
{
    return (int64_t)v >= INT32_MIN && (int64_t)v < 0;
}

static uint64_t get_address(const uint8_t *p, enum sys_reloc_kind kind)
{
    uint64_t v = get32(p);
    if (kind == SYS_RELOC_GUEST_64) {
        memcpy(&v, p, sizeof(v));
    } else if (kind == SYS_RELOC_GUEST_S32) {
        v = (uint64_t)(int32_t)v;
    }
    return v;
}

static void put_address(uint8_t *p, enum sys_reloc_kind kind, uint64_t v)
{
    if (kind == SYS_RELOC_GUEST_64) {
        memcpy(p, &v, sizeof(v));
    } else {
        put32(p, (uint32_t)v);
    }
}

static bool has_width(enum sys_reloc_kind kind, uint64_t v)
{
    switch (kind) {
    case SYS_RELOC_GUEST_64:
        return !is_32(v) && !is_s32(v);
    case SYS_RELOC_GUEST_S32:
        return is_s32(v);
    case SYS_RELOC_GUEST_32:
        return is_32(v);
    default:
        return true;
    }
}

/* The displacement of the entry for `address + delta`, where the one for `address` is
 * known. */
static uint32_t move_jump(uint32_t disp, uint64_t address, uint64_t delta)
{
    uint32_t index = sys_jump_index(address + delta) - sys_jump_index(address);
    return disp + index * (uint32_t)sizeof(struct sys_jump);
}

/* Whether all addresses will be written in the width that they have. */
static bool has_widths(const struct tb_template *from, uint64_t delta)
{
    const uint8_t *p = code_rw(from->tb->code_start);
    uint64_t address = 0;
    for (unsigned i = 0; i < from->reloc_count; i++) {
        enum sys_reloc_kind kind = kind_of(from->relocs[i]);
        p += distance_of(from->relocs[i]);
        if (kind == SYS_RELOC_JUMP) {
            if (move_jump(get32(p), address, delta) <= INT8_MAX) {
                return false;
            }
        } else if (is_address(kind)) {
            address = get_address(p, kind);
            if (!has_width(kind, address + delta)) {
                return false;
            }
        }
    }
    return true;
}

/* --- copying --- */

/* By words: jumps of the original may be patched meanwhile (tb_chain.c). */
static void copy_code(struct copy *c)
{
    uint8_t *from = code_rw(c->from->code_start);
    for (size_t at = 0; at < c->from->host_size; at += sizeof(uint64_t)) {
        _Atomic(uint64_t) *word = (_Atomic(uint64_t) *)(void *)(from + at);
        uint64_t v = atomic_load_explicit(word, memory_order_relaxed);
        memcpy(c->rw + at, &v, sizeof(v));
    }
}

/* The original's instruction for C, at a new address. */
static uint32_t copy_insn(struct copy *c, uint32_t offset) REQUIRES(mmap_lock_cap)
{
    struct sys_insn *in = code_region_meta(&c->cpu->cpu, sizeof(*in));
    memcpy(in, code_rw(code_cache_rx_start() + offset), sizeof(*in));
    in->linear += c->delta;
    in->ip += c->delta;
    if (in->rip_relative) {
        uint64_t address = (uint64_t)in->disp + c->delta;
        in->disp = (int64_t)(in->addr_size == 4 ? (uint32_t)address : address);
    }
    return (uint32_t)(code_rx(in) - code_cache_rx_start());
}

static void correct(struct copy *c, uint8_t *p, enum sys_reloc_kind kind) REQUIRES(mmap_lock_cap)
{
    switch (kind) {
    case SYS_RELOC_STUB:
        put32(p, get32(p) - (uint32_t)c->moved);
        break;
    case SYS_RELOC_EXIT:
        put32(p, (uint32_t)(code_rx(&c->exits[c->exit_count++]) - code_cache_rx_start()));
        break;
    case SYS_RELOC_INSN:
        put32(p, copy_insn(c, get32(p)));
        break;
    case SYS_RELOC_JUMP:
        put32(p, move_jump(get32(p), c->address, c->delta));
        break;
    default:
        c->address = get_address(p, kind);
        put_address(p, kind, c->address + c->delta);
    }
}

static void correct_all(struct copy *c, const struct tb_template *from) REQUIRES(mmap_lock_cap)
{
    uint8_t *p = c->rw;
    for (unsigned i = 0; i < from->reloc_count; i++) {
        p += distance_of(from->relocs[i]);
        correct(c, p, kind_of(from->relocs[i]));
    }
}

/* The original's may be chained: these are not. */
static void copy_exits(const struct copy *c)
{
    for (unsigned i = 0; i < c->from->exit_count; i++) {
        const struct tb_exit *old = &c->from->exits[i];
        uintptr_t field = old->field + c->moved, stub = old->stub + c->moved;
        c->exits[i] = (struct tb_exit){.pc = old->pc + c->delta,
                                       .field = field,
                                       .stub = stub,
                                       .from = c->tb,
                                       .aside = old->aside,
                                       .polls = old->polls};
        put32(c->rw + (old->field - c->from->code_start), (uint32_t)(stub - (field + 4)));
    }
}

static void finish(const struct copy *c, struct tb_restart *points)
{
    const struct tb *from = c->from;
    memcpy(points, from->restarts, from->restart_count * sizeof(*points));
    *c->tb = (struct tb){
        .pc = from->pc + c->delta,
        .flags = from->flags,
        .size = from->size,
        .by_ram = true,
        .cs = from->cs,
        .ram = from->ram,
        .ram_last = from->ram_last,
        .host = from->host + c->moved,
        .checked = from->checked + c->moved,
        .onward = {from->onward[0], from->onward[1]},
        .code_start = from->code_start + c->moved,
        .host_size = from->host_size,
        .insns = from->insns,
        .exit_count = from->exit_count,
        .restart_count = from->restart_count,
        .exits = c->exits,
        .restarts = points,
    };
}

struct tb *sys_tb_clone(struct sys_cpu *cpu, const struct tb_template *from, uint64_t linear,
                        int *why)
{
    const struct tb *old = from->tb;
    size_t exits = old->exit_count * sizeof(*old->exits);
    size_t points = old->restart_count * sizeof(*old->restarts);
    size_t insns = SYS_TB_MAX_C * round_up(sizeof(struct sys_insn));
    struct copy c = {.from = old, .cpu = cpu, .delta = linear - old->pc};
    if (!has_widths(from, c.delta)) {
        *why = -ERANGE;
        return NULL;
    }
    c.rw = code_region_reserve(&cpu->cpu, round_up(old->host_size),
                               round_up(sizeof(*old)) + round_up(exits) + round_up(points) + insns);
    if (!c.rw) {
        *why = -ENOSPC;
        return NULL;
    }
    c.moved = code_rx(c.rw) - old->code_start;
    c.tb = code_region_meta(&cpu->cpu, sizeof(*c.tb));
    c.exits = code_region_meta(&cpu->cpu, exits);
    copy_code(&c);
    correct_all(&c, from);
    copy_exits(&c);
    finish(&c, code_region_meta(&cpu->cpu, points));
    code_region_commit(&cpu->cpu, old->host_size);
    tb_register_host(c.tb);
    return c.tb;
}
