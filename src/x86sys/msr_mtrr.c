/* Memory type range registers. Memory types make no difference here; what is
 * written is checked and remembered, as firmware and kernels compare. */
#include "x86sys/msr.h"

#define VARIABLE 8u
/* 8 variable ranges, fixed ranges, write-combining */
#define MTRR_CAP (VARIABLE | 1u << 8 | 1u << 10)

static bool type_is_good(uint64_t type)
{
    return type < 7 && type != 2 && type != 3;
}

static int fixed_index(uint32_t index)
{
    if (index == 0x250) {
        return 0;
    }
    if (index == 0x258 || index == 0x259) {
        return (int)(index - 0x258) + 1;
    }
    return index >= 0x268 && index <= 0x26f ? (int)(index - 0x268) + 3 : -1;
}

static bool is_good(const struct sys_cpu *cpu, uint32_t index, uint64_t value)
{
    if (index == SYS_MSR_MTRR_DEF_TYPE) {
        return !(value & ~0xcffULL) && type_is_good(value & 0xff);
    }
    if (fixed_index(index) >= 0) {
        for (unsigned i = 0; i < 8; i++) {
            if (!type_is_good(value >> 8 * i & 0xff)) {
                return false;
            }
        }
        return true;
    }
    if (index & 1) {
        return !(value & ~(cpu->phys_mask | 0xfff)) && !(value & 0x7ff);
    }
    return !(value & ~(cpu->phys_mask | 0xfff)) && !(value & 0xf00) && type_is_good(value & 0xff);
}

static uint64_t *field(struct sys_cpu *cpu, uint32_t index)
{
    if (index == SYS_MSR_MTRR_DEF_TYPE) {
        return &cpu->mtrr_def_type;
    }
    int fixed = fixed_index(index);
    if (fixed >= 0) {
        return &cpu->mtrr_fixed[fixed];
    }
    if (index >= SYS_MSR_MTRR_PHYS && index < SYS_MSR_MTRR_PHYS + 2 * VARIABLE) {
        uint32_t n = (index - SYS_MSR_MTRR_PHYS) / 2;
        return index & 1 ? &cpu->mtrr_mask[n] : &cpu->mtrr_base[n];
    }
    return NULL;
}

int sys_msr_mtrr(struct sys_cpu *cpu, uint32_t index, uint64_t *value, bool write)
{
    if (index == SYS_MSR_MTRR_CAP) {
        *value = write ? *value : MTRR_CAP;
        return !write;
    }
    uint64_t *f = field(cpu, index);
    if (!f) {
        return -1;
    }
    if (!write) {
        *value = *f;
        return 1;
    }
    if (!is_good(cpu, index, *value)) {
        return 0;
    }
    *f = *value;
    return 1;
}
