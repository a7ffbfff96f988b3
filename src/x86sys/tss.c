/* What the processor looks up in the TSS: stacks, the I/O permission bitmap, the
 * interrupt redirection bitmap. Read as a supervisor, within the TSS's limit. */
#include "x86sys/tss.h"
#include "x86sys/system_insns.h"

#define TSS_IO_MAP_BASE 0x66

static bool tss_is_32(const struct sys_cpu *cpu)
{
    return (cpu->tr.attr & 8) != 0;
}

static bool tss_read(struct sys_cpu *cpu, uint32_t offset, void *buf, uint32_t size)
{
    uint64_t linear = cpu->tr.base + offset;
    if (!sys_long_mode(cpu)) {
        linear = (uint32_t)linear;
    }
    return sys_mem_read(cpu, linear, buf, size, SYS_READ | SYS_IMPLICIT);
}

static bool tss_too_short(struct sys_cpu *cpu, uint8_t ext)
{
    return sys_raise_error(cpu, SYS_TS, (cpu->tr.selector & 0xfffcu) | ext);
}

bool sys_tss_stack(struct sys_cpu *cpu, unsigned level, uint8_t ext, uint16_t *ss, uint32_t *sp)
{
    uint32_t offset = 2 + 4 * level;
    uint32_t pointer_size = 2;
    if (tss_is_32(cpu)) {
        offset = 4 + 8 * level;
        pointer_size = 4;
    }
    if (offset + pointer_size + 1 > cpu->tr.limit) {
        return tss_too_short(cpu, ext);
    }
    *sp = 0;
    return tss_read(cpu, offset, sp, pointer_size) && tss_read(cpu, offset + pointer_size, ss, 2);
}

bool sys_tss_stack_64(struct sys_cpu *cpu, unsigned level, unsigned ist, uint8_t ext, uint64_t *rsp)
{
    uint32_t offset = ist ? 0x24 + 8 * (ist - 1) : 4 + 8 * level;
    if (offset + 7 > cpu->tr.limit) {
        return tss_too_short(cpu, ext);
    }
    return tss_read(cpu, offset, rsp, 8);
}

bool sys_tss_redirects(struct sys_cpu *cpu, uint8_t vector, bool *to_program)
{
    const uint32_t bitmap_bytes = 32;
    uint16_t base;
    uint8_t bits;
    *to_program = false;
    if (!tss_is_32(cpu) || cpu->tr.limit < TSS_IO_MAP_BASE + 1) {
        return sys_raise_error(cpu, SYS_GP, 0);
    }
    if (!tss_read(cpu, TSS_IO_MAP_BASE, &base, 2)) {
        return false;
    }
    uint32_t offset = base - bitmap_bytes + vector / 8;
    if (base < bitmap_bytes || offset > cpu->tr.limit) {
        return sys_raise_error(cpu, SYS_GP, 0);
    }
    if (!tss_read(cpu, offset, &bits, 1)) {
        return false;
    }
    *to_program = !(bits >> vector % 8 & 1);
    return true;
}

bool sys_io_allowed(struct sys_cpu *cpu, uint16_t port, unsigned size)
{
    uint32_t m = cpu->mode;
    if (!(m & SYS_MODE_PE) || (!(m & SYS_MODE_VM) && m & SYS_MODE_IOPL)) {
        return true;
    }
    uint16_t base;
    uint16_t bits;
    if (!tss_is_32(cpu) || cpu->tr.limit < TSS_IO_MAP_BASE + 1) {
        return sys_raise_error(cpu, SYS_GP, 0);
    }
    if (!tss_read(cpu, TSS_IO_MAP_BASE, &base, 2)) {
        return false;
    }
    /* Two bytes are read always, hence the byte of ones behind the map. */
    uint32_t offset = base + port / 8u;
    if (offset + 1 > cpu->tr.limit) {
        return sys_raise_error(cpu, SYS_GP, 0);
    }
    if (!tss_read(cpu, offset, &bits, 2)) {
        return false;
    }
    unsigned mask = ((1u << size) - 1) << port % 8;
    return !(bits & mask) || sys_raise_error(cpu, SYS_GP, 0);
}
