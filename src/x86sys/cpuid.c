/* CPUID as the guest sees it: the model's features, what the current state makes of
 * them (APIC, OSXSAVE, OSPKE, the size of the XSAVE area), and the topology.
 * (Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E.) */
#include "x86sys/model.h"
#include "x86sys/state.h"
#include "x86sys/interrupt.h"

#define HYPERVISOR_LEAF 0x40000000u
/* The input clock of the local APIC's timer: one tick per nanosecond. */
#define APIC_BUS_KHZ 1000000u

#define APIC_BASE_ENABLE (1u << 11)

static uint32_t little_endian(const char *s)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < 4; i++) {
        v |= (uint32_t)(uint8_t)s[i] << 8 * i;
    }
    return v;
}

/* Bits that number n things. */
static uint32_t bits_for(uint32_t n)
{
    uint32_t bits = 0;
    while (bits < 31 && 1u << bits < n) {
        bits++;
    }
    return bits;
}

/* EDX of leaf 1, parts of which AMD repeats: there is no local APIC while it is off. */
static uint32_t features_1_edx(const struct sys_cpu *cpu)
{
    uint32_t edx = cpu->model->features[SYS_F_1_EDX];
    if (cpu->apic_ops && !(cpu->apic_ops->get_base(cpu->apic) & APIC_BASE_ENABLE)) {
        edx &= ~(1u << (SYS_FEAT_APIC % 32));
    }
    return edx;
}

static struct x86_cpuid leaf_1(const struct sys_cpu *cpu)
{
    const struct sys_cpu_model *m = cpu->model;
    uint32_t logical = m->cores * m->threads;
    struct x86_cpuid r = {m->signature, 8u << 8 | (cpu->apic_id & 0xff) << 24,
                          m->features[SYS_F_1_ECX], features_1_edx(cpu)};
    r.ebx |= (logical > 255 ? 255 : logical) << 16;
    r.edx &= ~(1u << 28); /* HTT says that there is more than one */
    r.edx |= logical > 1 ? 1u << 28 : 0;
    if (cpu->cr4 & SYS_CR4_OSXSAVE) {
        r.ecx |= 1u << (SYS_FEAT_OSXSAVE % 32);
    }
    return r;
}

static struct x86_cpuid leaf_7(const struct sys_cpu *cpu, uint32_t subleaf)
{
    const uint32_t *f = cpu->model->features;
    if (subleaf == 0) {
        struct x86_cpuid r = {2, f[SYS_F_7_EBX], f[SYS_F_7_ECX], f[SYS_F_7_EDX]};
        if (cpu->cr4 & SYS_CR4_PKE) {
            r.ecx |= 1u << (SYS_FEAT_OSPKE % 32);
        }
        return r;
    }
    return (struct x86_cpuid){subleaf == 1 ? f[SYS_F_7_1_EAX] : 0, 0, 0,
                              subleaf == 2 ? f[SYS_F_7_2_EDX] : 0};
}

static struct x86_cpuid leaf_topology(const struct sys_cpu *cpu, uint32_t subleaf)
{
    const struct sys_cpu_model *m = cpu->model;
    struct x86_cpuid r = {0, 0, subleaf & 0xff, cpu->apic_id};
    if (subleaf == 0) {
        r.eax = bits_for(m->threads);
        r.ebx = m->threads;
        r.ecx |= 1u << 8; /* SMT */
    } else if (subleaf == 1) {
        r.eax = bits_for(m->threads) + bits_for(m->cores);
        r.ebx = m->threads * m->cores;
        r.ecx |= 2u << 8; /* core */
    }
    return r;
}

static struct x86_cpuid leaf_d(const struct sys_cpu *cpu, uint32_t subleaf)
{
    const struct sys_cpu_model *m = cpu->model;
    struct x86_cpuid r = {0, 0, 0, 0};
    if (!sys_model_has(m, SYS_FEAT_XSAVE)) {
        return r;
    }
    if (subleaf == 0) {
        r = (struct x86_cpuid){(uint32_t)m->xcr0, sys_xsave_size(cpu->xcr0),
                               sys_xsave_size(m->xcr0), 0};
    } else if (subleaf == 1) {
        r.eax = m->features[SYS_F_D_1_EAX];
        r.ebx = sys_model_has(m, SYS_FEAT_XSAVEC) ? sys_xsave_compact_size(cpu->xcr0) : 0;
    } else if (subleaf < 63 && m->xcr0 >> subleaf & 1) {
        struct sys_xsave_part part = sys_xsave_part(subleaf);
        r.eax = part.size;
        r.ebx = part.offset;
        r.ecx = part.align64 ? 2 : 0;
    }
    return r;
}

/* Leaves 4 and 0x8000001d: who shares a cache is a matter of topology. */
static struct x86_cpuid leaf_cache(const struct sys_cpu *cpu, uint32_t subleaf, bool intel)
{
    const struct sys_cpu_model *m = cpu->model;
    if (subleaf >= m->cache_leaves) {
        return (struct x86_cpuid){0, 0, 0, 0};
    }
    struct x86_cpuid r = m->cache_leaf[subleaf];
    uint32_t level = r.eax >> 5 & 7;
    uint32_t threads = 1u << bits_for(m->threads), cores = 1u << bits_for(m->cores);
    uint32_t sharing = level >= 3 ? threads * cores : threads;
    r.eax &= 0x3ff;
    if (intel) {
        r.eax |= (sharing - 1) << 14 | (cores - 1) << 26;
    } else {
        uint32_t n = level >= 3 ? m->threads * m->cores : m->threads;
        r.eax |= (n - 1) << 14;
    }
    return r;
}

static struct x86_cpuid leaf_frequency(uint32_t leaf)
{
    uint64_t hz = sys_tsc_hz();
    uint32_t mhz = (uint32_t)((hz + 500000) / 1000000);
    if (leaf == 0x16) {
        return (struct x86_cpuid){mhz, mhz, 100, 0};
    }
    /* The ratio to the crystal's clock, if a whole number of MHz tells the truth: a
     * guest that believes it doesn't measure any more. */
    uint64_t told = (uint64_t)mhz * 1000000;
    uint64_t off = told > hz ? told - hz : hz - told;
    if (off > hz / 1000000) {
        return (struct x86_cpuid){0, 0, 0, 0};
    }
    return (struct x86_cpuid){1000, mhz, APIC_BUS_KHZ * 1000, 0};
}

static struct x86_cpuid leaf_hypervisor(const struct sys_cpu *cpu, uint32_t leaf)
{
    struct x86_cpuid r = {0, 0, 0, 0};
    if (!sys_model_has(cpu->model, SYS_FEAT_HYPERVISOR)) {
        return r;
    }
    if (leaf == HYPERVISOR_LEAF) {
        r = (struct x86_cpuid){HYPERVISOR_LEAF + 0x10, little_endian("Mort"), little_endian("iseM"),
                               little_endian("orti")};
    } else if (leaf == HYPERVISOR_LEAF + 0x10) {
        r.eax = (uint32_t)(sys_tsc_hz() / 1000);
        r.ebx = APIC_BUS_KHZ;
    }
    return r;
}

/* Interrupts end MWAIT though masked, if it is asked to; C0 and C1 have a state each. */
static struct x86_cpuid leaf_mwait(const struct sys_cpu_model *m)
{
    if (!sys_model_has(m, SYS_FEAT_MONITOR)) {
        return (struct x86_cpuid){0, 0, 0, 0};
    }
    return (struct x86_cpuid){SYS_MONITOR_LINE, SYS_MONITOR_LINE, 3, 0x11};
}

static struct x86_cpuid leaf_basic(const struct sys_cpu *cpu, uint32_t leaf, uint32_t subleaf)
{
    const struct sys_cpu_model *m = cpu->model;
    bool intel = m->vendor == SYS_VENDOR_INTEL;
    switch (leaf) {
    case 0:
        return (struct x86_cpuid){m->level, little_endian(m->vendor_id),
                                  little_endian(m->vendor_id + 8), little_endian(m->vendor_id + 4)};
    case 1:
        return leaf_1(cpu);
    case 2: /* "leaf 4 knows" */
        return (struct x86_cpuid){intel ? 0x00ff0001u : 0, 0, 0, 0};
    case 4:
        return intel ? leaf_cache(cpu, subleaf, true) : (struct x86_cpuid){0, 0, 0, 0};
    case 5:
        return leaf_mwait(m);
    case 6:
        return (struct x86_cpuid){m->features[SYS_F_6_EAX], 0, 0, 0};
    case 7:
        return leaf_7(cpu, subleaf);
    case 0xb:
    case 0x1f:
        return leaf_topology(cpu, subleaf);
    case 0xd:
        return leaf_d(cpu, subleaf);
    case 0x15:
    case 0x16:
        return leaf_frequency(leaf);
    default:
        return (struct x86_cpuid){0, 0, 0, 0};
    }
}

static struct x86_cpuid leaf_amd_topology(const struct sys_cpu *cpu)
{
    const struct sys_cpu_model *m = cpu->model;
    uint32_t core = cpu->apic_id >> bits_for(m->threads) & ((1u << bits_for(m->cores)) - 1);
    uint32_t socket = cpu->apic_id >> (bits_for(m->threads) + bits_for(m->cores));
    return (struct x86_cpuid){cpu->apic_id, core | (m->threads - 1) << 8, socket & 0xff, 0};
}

static struct x86_cpuid leaf_extended(const struct sys_cpu *cpu, uint32_t leaf, uint32_t subleaf)
{
    const struct sys_cpu_model *m = cpu->model;
    bool intel = m->vendor == SYS_VENDOR_INTEL;
    const uint32_t *f = m->features;
    uint32_t logical = m->cores * m->threads;
    struct x86_cpuid zero = {0, 0, 0, 0};
    switch (leaf) {
    case 0x80000000u:
        return intel ? (struct x86_cpuid){0x80000008u, 0, 0, 0}
                     : (struct x86_cpuid){m->xlevel, little_endian(m->vendor_id),
                                          little_endian(m->vendor_id + 8),
                                          little_endian(m->vendor_id + 4)};
    case 0x80000001u: {
        struct x86_cpuid r = {intel ? 0 : m->signature, 0, f[SYS_F_81_ECX], f[SYS_F_81_EDX]};
        if (!intel) { /* AMD repeats what leaf 1 says */
            r.edx |= features_1_edx(cpu) & 0x0183f3ffu;
            r.ecx |= logical > 1 ? 2u : 0;
        }
        return r;
    }
    case 0x80000002u:
    case 0x80000003u:
    case 0x80000004u: {
        const char *s = m->brand + 16UL * (leaf - 0x80000002u);
        return (struct x86_cpuid){little_endian(s), little_endian(s + 4), little_endian(s + 8),
                                  little_endian(s + 12)};
    }
    case 0x80000005u:
        return intel ? zero : m->amd_cache[0];
    case 0x80000006u:
        return intel ? (struct x86_cpuid){0, 0, 0x04008040, 0} : m->amd_cache[1];
    case 0x80000007u:
        return (struct x86_cpuid){0, 0, 0, f[SYS_F_87_EDX]};
    case 0x80000008u:
        return (struct x86_cpuid){m->phys_bits | (uint32_t)m->virt_bits << 8, f[SYS_F_88_EBX],
                                  intel ? 0 : (logical - 1) | bits_for(logical) << 12, 0};
    case 0x8000001du:
        return !intel && sys_model_has(m, SYS_FEAT_TOPOEXT) ? leaf_cache(cpu, subleaf, false)
                                                            : zero;
    case 0x8000001eu:
        return !intel && sys_model_has(m, SYS_FEAT_TOPOEXT) ? leaf_amd_topology(cpu) : zero;
    case 0x80000021u:
        return (struct x86_cpuid){intel ? 0 : f[SYS_F_821_EAX], 0, 0, 0};
    default:
        return zero;
    }
}

struct x86_cpuid sys_cpuid(const struct sys_cpu *cpu, uint32_t leaf, uint32_t subleaf)
{
    if (leaf >= 0x80000000u) {
        return leaf_extended(cpu, leaf, subleaf);
    }
    if (leaf >= HYPERVISOR_LEAF) {
        return leaf_hypervisor(cpu, leaf);
    }
    return leaf <= cpu->model->level ? leaf_basic(cpu, leaf, subleaf)
                                     : (struct x86_cpuid){0, 0, 0, 0};
}
