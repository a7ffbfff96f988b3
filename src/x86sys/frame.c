/* See frame.h. A frame that neither wraps nor is scattered, the usual case, is one
 * access; the others are probed item by item before the first is written. */
#include "x86sys/frame.h"
#include "x86sys/segment.h"
#include "x86sys/system_insns.h"

struct sys_stack sys_stack_in(const struct sys_seg *seg, uint64_t sp)
{
    uint64_t mask = seg->attr & SYS_SEG_DB ? UINT32_MAX : UINT16_MAX;
    return (struct sys_stack){.seg = *seg, .mask = mask, .sp = sp & mask};
}

struct sys_stack sys_stack_64(uint64_t sp)
{
    return (struct sys_stack){.mask = UINT64_MAX, .sp = sp, .flat64 = true};
}

struct sys_stack sys_stack_current(const struct sys_cpu *cpu)
{
    if (cpu->mode & SYS_MODE_CODE64) {
        return sys_stack_64(cpu->gpr[X86_RSP]);
    }
    return sys_stack_in(&cpu->seg[SYS_SS], cpu->gpr[X86_RSP]);
}

/* Of `size` bytes in all, in items of `item` bytes. */
static bool stack_linear(struct sys_cpu *cpu, const struct sys_stack *st, uint64_t sp,
                         uint32_t size, unsigned item, uint64_t *linear)
{
    if (st->flat64) {
        if (!sys_canonical(cpu, sp) || !sys_canonical(cpu, sp + size - 1)) {
            return sys_raise_error(cpu, SYS_SSF, st->error);
        }
        *linear = sp;
    } else if (sys_seg_in_limit(&st->seg, sp, size)) {
        *linear = (uint32_t)(st->seg.base + sp);
    } else {
        return sys_raise_error(cpu, SYS_SSF, st->error);
    }
    return st->access & SYS_IMPLICIT || sys_aligned(cpu, *linear, item);
}

static void store(uint8_t *to, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        to[i] = (uint8_t)(value >> 8 * i);
    }
}

static uint64_t load(const uint8_t *from, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)from[i] << 8 * i;
    }
    return value;
}

/* Whether [sp, sp + bytes) lies in one piece. */
static bool in_one_piece(const struct sys_stack *st, uint64_t sp, uint32_t bytes)
{
    return bytes - 1 <= st->mask - sp;
}

static bool push_scattered(struct sys_cpu *cpu, const struct sys_stack *st, unsigned size,
                           const uint64_t *values, unsigned n)
{
    uint64_t linear[SYS_FRAME_MAX];
    for (unsigned i = 0; i < n; i++) {
        uint64_t sp = (st->sp - (uint64_t)size * (i + 1)) & st->mask;
        linear[i] = 0;
        if (!stack_linear(cpu, st, sp, size, size, &linear[i]) ||
            !sys_mem_probe(cpu, linear[i], size, SYS_WRITE | st->access)) {
            return false;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        if (!sys_mem_write(cpu, linear[i], &values[i], size, SYS_WRITE | st->access)) {
            return false;
        }
    }
    return true;
}

bool sys_stack_push(struct sys_cpu *cpu, struct sys_stack *st, unsigned size,
                    const uint64_t *values, unsigned n)
{
    uint32_t bytes = size * n;
    uint64_t sp = (st->sp - bytes) & st->mask;
    if (in_one_piece(st, sp, bytes)) {
        uint8_t frame[SYS_FRAME_MAX * 8];
        uint64_t linear = 0;
        for (unsigned i = 0; i < n; i++) {
            store(frame + (size_t)size * (n - 1 - i), values[i], size);
        }
        if (!stack_linear(cpu, st, sp, bytes, size, &linear) ||
            !sys_mem_write(cpu, linear, frame, bytes, SYS_WRITE | st->access)) {
            return false;
        }
    } else if (!push_scattered(cpu, st, size, values, n)) {
        return false;
    }
    st->sp = sp;
    return true;
}

bool sys_stack_peek(struct sys_cpu *cpu, const struct sys_stack *st, unsigned size,
                    uint64_t *values, unsigned n)
{
    uint8_t frame[SYS_FRAME_MAX * 8];
    uint64_t linear = 0;
    if (in_one_piece(st, st->sp, size * n)) {
        if (!stack_linear(cpu, st, st->sp, size * n, size, &linear) ||
            !sys_mem_read(cpu, linear, frame, size * n, SYS_READ | st->access)) {
            return false;
        }
        for (unsigned i = 0; i < n; i++) {
            values[i] = load(frame + (size_t)size * i, size);
        }
        return true;
    }
    for (unsigned i = 0; i < n; i++) {
        uint64_t sp = (st->sp + (uint64_t)size * i) & st->mask;
        if (!stack_linear(cpu, st, sp, size, size, &linear) ||
            !sys_mem_read(cpu, linear, frame, size, SYS_READ | st->access)) {
            return false;
        }
        values[i] = load(frame, size);
    }
    return true;
}

void sys_stack_commit(struct sys_cpu *cpu, const struct sys_stack *st)
{
    uint64_t keep = st->mask == UINT16_MAX ? cpu->gpr[X86_RSP] & ~st->mask : 0;
    cpu->gpr[X86_RSP] = keep | st->sp;
}
