/* MSRs without an effect here that firmware and kernels read, or write and read
 * back: each has a value after reset, and which bits a write changes. */
#include <stddef.h>

#include "x86sys/model.h"
#include "x86sys/msr.h"

enum who { BOTH, AMD, INTEL };

struct kept {
    uint32_t first, count;
    uint64_t reset;
    uint64_t writable; /* 0: writes are ignored */
    enum who who;
    bool read_only; /* writes are #GP */
};

static const struct kept kept[] = {
    {0x17, 1, 0, 0, INTEL, true},           /* PLATFORM_ID */
    {0x2a, 1, 0, UINT64_MAX, INTEL, false}, /* EBL_CR_POWERON */
    {0x34, 1, 0, 0, INTEL, true},           /* SMI_COUNT */
    {0x3a, 1, 1, 0, INTEL, true},           /* FEATURE_CONTROL: locked, nothing on */
    {0x79, 1, 0, 0, INTEL, false},          /* microcode update */
    {0xc1, 2, 0, 0, INTEL, false}, /* P6 counters: they do not count, and a kernel sees it */
    {0x186, 2, 0, 0, INTEL, false},
    {0xe2, 1, 0, UINT64_MAX, INTEL, false},     /* C states */
    {0x140, 1, 0, 0, INTEL, false},             /* MISC_FEATURES_ENABLES */
    {0x198, 1, 0, 0, BOTH, false},              /* PERF_STATUS */
    {0x199, 1, 0, 0, INTEL, false},             /* PERF_CTL */
    {0x19a, 3, 0, UINT64_MAX, INTEL, false},    /* clock modulation, thermal interrupts */
    {0x1a2, 1, 100 << 16, 0, INTEL, false},     /* TEMPERATURE_TARGET */
    {0x1ad, 1, 0, 0, INTEL, true},              /* turbo ratios */
    {0x1b0, 1, 0, 0xf, INTEL, false},           /* ENERGY_PERF_BIAS */
    {0x1db, 4, 0, 0, BOTH, false},              /* last branches and interrupts */
    {0x1fc, 1, 0, UINT64_MAX, INTEL, false},    /* POWER_CTL */
    {0x606, 1, 0, 0, INTEL, true},              /* RAPL units */
    {0xc0010000, 8, 0, 0, AMD, false},          /* K7 counters, likewise */
    {0xc001001f, 1, 0, UINT64_MAX, AMD, false}, /* NB_CFG */
    {0xc0010020, 1, 0, 0, AMD, false},          /* microcode patch */
    {0xc0010041, 2, 0, 0, AMD, false},          /* FIDVID */
    {0xc0010055, 1, 0, 0, AMD, false},          /* interrupt pending message, C1E */
    {0xc0010058, 1, 0, 0, AMD, false},          /* MMIO configuration space: none */
    {0xc0010061, 1, 0, 0, AMD, false},          /* P-states */
    {0xc0010062, 2, 0, 0, AMD, false},
    {0xc0010064, 8, 0, 0, AMD, false},
    {0xc0010112, 2, 0, UINT64_MAX, AMD, false},      /* TSEG */
    {0xc0010114, 1, 1 << 4 | 1 << 3, 0, AMD, false}, /* VM_CR: SVM is off, for good */
    {0xc0010117, 1, 0, 0, AMD, false},
    {0xc0010140, 2, 0, 0, AMD, false},          /* OSVW */
    {0xc0010293, 1, 0, 0, AMD, false},          /* the hardware's P-state */
    {0xc0011020, 1, 0, UINT64_MAX, AMD, false}, /* LS_CFG */
    {0xc0011021, 1, 0, UINT64_MAX, AMD, false}, /* IC_CFG */
    {0xc0011022, 1, 0, UINT64_MAX, AMD, false}, /* DC_CFG */
    {0xc0011023, 1, 0, UINT64_MAX, AMD, false}, /* BU_CFG */
    {0xc0011029, 1, 2, 0, AMD, false},          /* DE_CFG: LFENCE serialises */
    {0xc001102a, 1, 0, UINT64_MAX, AMD, false}, /* BU_CFG2 */
    {0xc001102d, 1, 0, UINT64_MAX, AMD, false}, /* LS_CFG2 */
};
#define KEPT (sizeof kept / sizeof kept[0])

#define HWCR_TSC_FREQ_SEL (1u << 24)

/* Where an MSR of the table is remembered: those of one line share a place. */
static const struct kept *find(const struct sys_cpu *cpu, uint32_t index, size_t *place)
{
    bool intel = cpu->model->vendor == SYS_VENDOR_INTEL;
    for (size_t i = 0; i < KEPT; i++) {
        const struct kept *k = &kept[i];
        if (index - k->first < k->count && k->who != (intel ? AMD : INTEL)) {
            *place = i;
            return k;
        }
    }
    return NULL;
}

static uint64_t *amd_field(struct sys_cpu *cpu, uint32_t index)
{
    switch (index) {
    case 0xc0010010:
        return &cpu->syscfg;
    case 0xc0010015:
        return &cpu->hwcr;
    case 0xc001001a:
        return &cpu->top_mem;
    case 0xc001001d:
        return &cpu->top_mem2;
    default:
        return NULL;
    }
}

static int smbase(const struct sys_cpu *cpu, uint64_t *value, bool write)
{
    if (write || !cpu->in_smm) {
        return 0;
    }
    *value = cpu->smbase;
    return 1;
}

int sys_msr_kept(struct sys_cpu *cpu, uint32_t index, uint64_t *value, bool write)
{
    bool amd = cpu->model->vendor == SYS_VENDOR_AMD;
    if (amd && index == SYS_MSR_SMBASE) {
        return smbase(cpu, value, write);
    }
    uint64_t *field = amd ? amd_field(cpu, index) : NULL;
    if (field) {
        if (write) {
            *field = *value;
        } else {
            *value = *field;
        }
        return 1;
    }
    size_t place;
    const struct kept *k = find(cpu, index, &place);
    if (!k) {
        return -1;
    }
    if (!write) {
        *value = cpu->msr_kept[place];
        return 1;
    }
    if (k->read_only) {
        return 0;
    }
    cpu->msr_kept[place] = (cpu->msr_kept[place] & ~k->writable) | (*value & k->writable);
    return 1;
}

void sys_msr_kept_reset(struct sys_cpu *cpu)
{
    _Static_assert(KEPT <= SYS_MSRS_KEPT, "a place for each line");
    for (size_t i = 0; i < KEPT; i++) {
        cpu->msr_kept[i] = kept[i].reset;
    }
    cpu->hwcr = HWCR_TSC_FREQ_SEL;
    cpu->syscfg = cpu->top_mem = cpu->top_mem2 = 0;
}
