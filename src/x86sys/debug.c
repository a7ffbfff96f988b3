/* Breakpoints of DR0 to DR3 and single steps. Instruction breakpoints are faults,
 * raised before the instruction unless RF is set; the others are traps behind it. */
#include "x86sys/emulate.h"

#define DR6_BS (1u << 14)

enum kind { ON_EXECUTE, ON_WRITE, ON_IO, ON_ACCESS };

static bool raise_debug(struct sys_cpu *cpu, uint64_t dr6)
{
    sys_raise(cpu, SYS_DB);
    if (cpu->exception.vector == SYS_DB) {
        cpu->exception.addr |= dr6;
    }
    return false;
}

/* LEN: 1, 2, 8, 4 bytes. */
static uint32_t length_of(uint64_t dr7, unsigned n)
{
    static const uint8_t length[] = {1, 2, 8, 4};
    return length[dr7 >> (18 + 4 * n) & 3];
}

static bool kind_matches(const struct sys_cpu *cpu, enum kind kind, uint32_t access)
{
    if (access & SYS_PORT) {
        return kind == ON_IO && cpu->cr4 & SYS_CR4_DE;
    }
    switch (kind) {
    case ON_EXECUTE:
        return (access & SYS_FETCH) != 0;
    case ON_WRITE:
        return (access & SYS_WRITE) != 0;
    case ON_ACCESS:
        return (access & (SYS_READ | SYS_WRITE)) != 0;
    default:
        return false;
    }
}

static uint64_t hits(const struct sys_cpu *cpu, uint64_t linear, uint32_t size, uint32_t access)
{
    uint64_t dr7 = cpu->dr[7];
    uint64_t found = 0;
    for (unsigned n = 0; n < 4; n++) {
        uint32_t length = length_of(dr7, n);
        uint64_t first = cpu->dr[n] & ~(uint64_t)(length - 1);
        bool enabled = dr7 >> 2 * n & 3;
        bool overlap = linear - first < length || first - linear < size;
        if (enabled && overlap && kind_matches(cpu, (enum kind)(dr7 >> (16 + 4 * n) & 3), access)) {
            found |= 1ull << n;
        }
    }
    return found;
}

bool sys_debug_watches(const struct sys_cpu *cpu, uint64_t linear)
{
    const uint64_t page = 4096;
    if (!(cpu->mode & SYS_MODE_DEBUG)) {
        return false;
    }
    return hits(cpu, linear & ~(page - 1), (uint32_t)page, SYS_READ | SYS_WRITE) != 0;
}

bool sys_debug_check(struct sys_cpu *cpu, uint64_t linear, uint32_t size, uint32_t access)
{
    if (!(access & SYS_FETCH)) {
        cpu->debug_hits |= hits(cpu, linear, size, access);
        return true;
    }
    if (cpu->rflags & X86_RF) {
        return true;
    }
    uint64_t found = hits(cpu, linear, 1, SYS_FETCH);
    /* Traps that the last instruction held off come with it. */
    return !found || raise_debug(cpu, found | cpu->debug_hits);
}

void sys_debug_port(struct sys_cpu *cpu, uint16_t port, uint32_t size)
{
    if (cpu->mode & SYS_MODE_DEBUG) {
        sys_debug_check(cpu, port, size, SYS_PORT);
    }
}

bool sys_debug_after(struct sys_cpu *cpu, uint32_t mode_before)
{
    if (!cpu->rf_loaded) {
        cpu->rflags &= ~(uint64_t)X86_RF;
    }
    cpu->rf_loaded = false;
    if (cpu->no_step) {
        cpu->no_step = false;
        return true;
    }
    uint64_t found = cpu->debug_hits;
    cpu->debug_hits = 0;
    if (mode_before & SYS_MODE_TF) {
        found |= DR6_BS;
    }
    return !found || raise_debug(cpu, found);
}
