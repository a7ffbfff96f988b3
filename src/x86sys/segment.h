/* Descriptors and segment registers in protected mode: inside of x86sys.
 *
 * Checking and loading are separate: the checks fill a struct sys_seg_new, which
 * is put into the CPU when nothing can fail any more. */
#ifndef MORTISE_X86SYS_SEGMENT_H
#define MORTISE_X86SYS_SEGMENT_H

#include "x86sys/state.h"

/* Types of system descriptors. */
enum sys_desc_type {
    SYS_DESC_TSS16 = 1,
    SYS_DESC_LDT = 2,
    SYS_DESC_TSS16_BUSY = 3,
    SYS_DESC_CALL_GATE16 = 4,
    SYS_DESC_TASK_GATE = 5,
    SYS_DESC_INT_GATE16 = 6,
    SYS_DESC_TRAP_GATE16 = 7,
    SYS_DESC_TSS32 = 9,
    SYS_DESC_TSS32_BUSY = 11,
    SYS_DESC_CALL_GATE32 = 12,
    SYS_DESC_INT_GATE32 = 14,
    SYS_DESC_TRAP_GATE32 = 15,
};

static inline bool sys_attr_is_code(unsigned attr)
{
    return (attr & (SYS_SEG_S | SYS_SEG_CODE)) == (SYS_SEG_S | SYS_SEG_CODE);
}

static inline bool sys_attr_is_data(unsigned attr)
{
    return (attr & (SYS_SEG_S | SYS_SEG_CODE)) == SYS_SEG_S;
}

static inline bool sys_attr_is_conforming(unsigned attr)
{
    return sys_attr_is_code(attr) && attr & SYS_SEG_DOWN_CONF;
}

static inline bool sys_attr_is_expand_down(unsigned attr)
{
    return sys_attr_is_data(attr) && attr & SYS_SEG_DOWN_CONF;
}

static inline bool sys_attr_is_writable(unsigned attr)
{
    return sys_attr_is_data(attr) && attr & SYS_SEG_RW;
}

static inline bool sys_attr_is_readable(unsigned attr)
{
    return sys_attr_is_data(attr) || (sys_attr_is_code(attr) && attr & SYS_SEG_RW);
}

static inline unsigned sys_attr_dpl(unsigned attr)
{
    return (attr & SYS_SEG_DPL) >> SYS_SEG_DPL_SHIFT;
}

/* SS as the long mode leaves it when it has no descriptor: CPL is its DPL. */
static inline struct sys_seg sys_seg_null_stack(unsigned cpl)
{
    return (struct sys_seg){.selector = (uint16_t)cpl,
                            .attr = (uint16_t)(cpl << SYS_SEG_DPL_SHIFT)};
}

static inline bool sys_selector_is_null(uint16_t selector)
{
    return (selector & ~3u) == 0;
}

/* Whether [offset, offset + size) lies within the limit; size is not 0. */
bool sys_seg_in_limit(const struct sys_seg *seg, uint64_t offset, uint32_t size);

/* Whether the CPU is in IA-32e mode (64-bit or compatibility). */
static inline bool sys_long_mode(const struct sys_cpu *cpu)
{
    return (cpu->efer & SYS_EFER_LMA) != 0;
}

/* Whether selectors are looked up: protected and not virtual-8086 mode. */
static inline bool sys_protected(const struct sys_cpu *cpu)
{
    return (cpu->mode & (SYS_MODE_PE | SYS_MODE_VM)) == SYS_MODE_PE;
}

struct sys_seg_new {
    struct sys_seg seg;
    uint64_t desc; /* linear address of its descriptor */
    bool mark;     /* the descriptor's accessed bit is to be set */
};

struct sys_desc {
    uint64_t linear; /* of its first byte */
    uint64_t raw;
    uint64_t high; /* the second half of a 16-byte one, when it has been read */
    uint16_t selector;
    uint16_t attr;
};

/* How a check that fails reports: vector with the selector as error code, its
 * bit 0 (EXT) from ext. Not-present is #NP or #SS all the same. */
struct sys_check {
    uint8_t vector; /* SYS_GP, SYS_TS */
    uint8_t ext;    /* 0, 1 */
    uint8_t cpl;    /* for which the load is to be right */
};

bool sys_check_fail(struct sys_cpu *cpu, const struct sys_check *how, uint16_t selector);
bool sys_check_absent(struct sys_cpu *cpu, const struct sys_check *how, uint8_t vector,
                      uint16_t selector);

/* The linear address of the descriptor; false: the selector lies outside of its
 * table. Raises nothing. Null selectors name GDT entry 0 here. */
bool sys_desc_find(const struct sys_cpu *cpu, uint16_t selector, uint32_t size, uint64_t *linear);
/* Reads 8 bytes. False: outside of the table (how), or #PF. */
bool sys_desc_read(struct sys_cpu *cpu, uint16_t selector, const struct sys_check *how,
                   struct sys_desc *d);
/* Reads the other 8 bytes of a system descriptor of long mode, whose type must be 0. */
bool sys_desc_read_high(struct sys_cpu *cpu, const struct sys_check *how, struct sys_desc *d);
void sys_desc_parse(uint64_t raw, struct sys_seg *seg);
/* Code segment d as CS with this RPL. 64-bit code has no base. */
void sys_desc_make_code(const struct sys_cpu *cpu, const struct sys_desc *d, unsigned cpl,
                        struct sys_seg_new *code);
/* What a gate leads to. Its offset is whole only with `high` read. */
static inline uint16_t sys_gate_selector(uint64_t raw)
{
    return (uint16_t)(raw >> 16);
}
static inline uint64_t sys_gate_offset(const struct sys_desc *d)
{
    return (d->raw & 0xffff) | (d->raw >> 48 << 16) | (d->high << 32);
}
/* Sets or clears bits of the type byte (accessed, busy) in the table, atomically
 * where it lies in RAM. */
bool sys_desc_change_type(struct sys_cpu *cpu, uint64_t desc_linear, uint8_t set, uint8_t clear);
bool sys_desc_probe_type(struct sys_cpu *cpu, uint64_t desc_linear);

/* DS, ES, FS, GS, null included. */
bool sys_seg_check_data(struct sys_cpu *cpu, uint16_t selector, const struct sys_check *how,
                        struct sys_seg_new *out);
/* SS for how->cpl; null only if null_ok. A not-present segment is #SS. */
bool sys_seg_check_stack(struct sys_cpu *cpu, uint16_t selector, const struct sys_check *how,
                         bool null_ok, struct sys_seg_new *out);
/* Sets the accessed bit if need be. False: #PF. The last step before what has been
 * checked is put to use. */
bool sys_seg_mark(struct sys_cpu *cpu, struct sys_seg_new *s);

/* After a return to a less privileged level: data segments that it may not use
 * become null. */
void sys_seg_drop_privileged(struct sys_cpu *cpu, unsigned cpl);

/* Whether an instruction pointer is inside the code segment (or canonical, in a
 * 64-bit one); raises #GP(ext). */
bool sys_check_ip(struct sys_cpu *cpu, const struct sys_seg *code, uint64_t ip, uint8_t ext);
/* Whether code in it is 64-bit code. */
static inline bool sys_seg_is_64(const struct sys_cpu *cpu, const struct sys_seg *code)
{
    return sys_long_mode(cpu) && code->attr & SYS_SEG_L;
}

#endif
