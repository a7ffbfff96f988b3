/* What a guest CPU claims to be: vendor, name, features. Made once per vCPU from
 * the text of -cpu, immutable afterwards. Features are bits of CPUID words; what
 * C code enforces (reserved bits of CR4, EFER, MSRs) follows from them. */
#ifndef MORTISE_X86SYS_MODEL_H
#define MORTISE_X86SYS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/annotations.h"
#include "base/error.h"
#include "x86/host.h"

/* Words of feature bits: leaf, subleaf, register. */
enum sys_feature_word {
    SYS_F_1_EDX,
    SYS_F_1_ECX,
    SYS_F_7_EBX,
    SYS_F_7_ECX,
    SYS_F_7_EDX,
    SYS_F_7_1_EAX,
    SYS_F_7_2_EDX,
    SYS_F_D_1_EAX,
    SYS_F_6_EAX,
    SYS_F_81_EDX,   /* 0x80000001 */
    SYS_F_81_ECX,   /* 0x80000001 */
    SYS_F_87_EDX,   /* 0x80000007 */
    SYS_F_88_EBX,   /* 0x80000008 */
    SYS_F_821_EAX,  /* 0x80000021 */
    SYS_F_ARCH_CAP, /* low half of MSR IA32_ARCH_CAPABILITIES */
    SYS_FEATURE_WORDS
};

/* A feature as one number: word * 32 + bit. */
#define SYS_FEATURE(word, bit) ((word) * 32u + (bit))
enum sys_feature {
    SYS_FEAT_VME = SYS_FEATURE(SYS_F_1_EDX, 1),
    SYS_FEAT_DE = SYS_FEATURE(SYS_F_1_EDX, 2),
    SYS_FEAT_PSE = SYS_FEATURE(SYS_F_1_EDX, 3),
    SYS_FEAT_TSC = SYS_FEATURE(SYS_F_1_EDX, 4),
    SYS_FEAT_PAE = SYS_FEATURE(SYS_F_1_EDX, 6),
    SYS_FEAT_MCE = SYS_FEATURE(SYS_F_1_EDX, 7),
    SYS_FEAT_APIC = SYS_FEATURE(SYS_F_1_EDX, 9),
    SYS_FEAT_SEP = SYS_FEATURE(SYS_F_1_EDX, 11),
    SYS_FEAT_MTRR = SYS_FEATURE(SYS_F_1_EDX, 12),
    SYS_FEAT_PGE = SYS_FEATURE(SYS_F_1_EDX, 13),
    SYS_FEAT_MCA = SYS_FEATURE(SYS_F_1_EDX, 14),
    SYS_FEAT_PAT = SYS_FEATURE(SYS_F_1_EDX, 16),
    SYS_FEAT_FXSR = SYS_FEATURE(SYS_F_1_EDX, 24),
    SYS_FEAT_SSE = SYS_FEATURE(SYS_F_1_EDX, 25),
    SYS_FEAT_MONITOR = SYS_FEATURE(SYS_F_1_ECX, 3),
    SYS_FEAT_PCID = SYS_FEATURE(SYS_F_1_ECX, 17),
    SYS_FEAT_X2APIC = SYS_FEATURE(SYS_F_1_ECX, 21),
    SYS_FEAT_TSC_DEADLINE = SYS_FEATURE(SYS_F_1_ECX, 24),
    SYS_FEAT_XSAVE = SYS_FEATURE(SYS_F_1_ECX, 26),
    SYS_FEAT_OSXSAVE = SYS_FEATURE(SYS_F_1_ECX, 27),
    SYS_FEAT_AVX = SYS_FEATURE(SYS_F_1_ECX, 28),
    SYS_FEAT_RDRAND = SYS_FEATURE(SYS_F_1_ECX, 30),
    SYS_FEAT_HYPERVISOR = SYS_FEATURE(SYS_F_1_ECX, 31),
    SYS_FEAT_FSGSBASE = SYS_FEATURE(SYS_F_7_EBX, 0),
    SYS_FEAT_TSC_ADJUST = SYS_FEATURE(SYS_F_7_EBX, 1),
    SYS_FEAT_SMEP = SYS_FEATURE(SYS_F_7_EBX, 7),
    SYS_FEAT_INVPCID = SYS_FEATURE(SYS_F_7_EBX, 10),
    SYS_FEAT_AVX512F = SYS_FEATURE(SYS_F_7_EBX, 16),
    SYS_FEAT_RDSEED = SYS_FEATURE(SYS_F_7_EBX, 18),
    SYS_FEAT_SMAP = SYS_FEATURE(SYS_F_7_EBX, 20),
    SYS_FEAT_UMIP = SYS_FEATURE(SYS_F_7_ECX, 2),
    SYS_FEAT_PKU = SYS_FEATURE(SYS_F_7_ECX, 3),
    SYS_FEAT_OSPKE = SYS_FEATURE(SYS_F_7_ECX, 4),
    SYS_FEAT_LA57 = SYS_FEATURE(SYS_F_7_ECX, 16),
    SYS_FEAT_RDPID = SYS_FEATURE(SYS_F_7_ECX, 22),
    SYS_FEAT_SPEC_CTRL = SYS_FEATURE(SYS_F_7_EDX, 26),
    SYS_FEAT_ARCH_CAP = SYS_FEATURE(SYS_F_7_EDX, 29),
    SYS_FEAT_XSAVEOPT = SYS_FEATURE(SYS_F_D_1_EAX, 0),
    SYS_FEAT_XSAVEC = SYS_FEATURE(SYS_F_D_1_EAX, 1),
    SYS_FEAT_XGETBV1 = SYS_FEATURE(SYS_F_D_1_EAX, 2),
    SYS_FEAT_SYSCALL = SYS_FEATURE(SYS_F_81_EDX, 11),
    SYS_FEAT_NX = SYS_FEATURE(SYS_F_81_EDX, 20),
    SYS_FEAT_FFXSR = SYS_FEATURE(SYS_F_81_EDX, 25),
    SYS_FEAT_PDPE1GB = SYS_FEATURE(SYS_F_81_EDX, 26),
    SYS_FEAT_RDTSCP = SYS_FEATURE(SYS_F_81_EDX, 27),
    SYS_FEAT_LM = SYS_FEATURE(SYS_F_81_EDX, 29),
    SYS_FEAT_TOPOEXT = SYS_FEATURE(SYS_F_81_ECX, 22),
    SYS_FEAT_INVTSC = SYS_FEATURE(SYS_F_87_EDX, 8),
    SYS_FEAT_IBPB = SYS_FEATURE(SYS_F_88_EBX, 12),
    SYS_FEAT_AUTO_IBRS = SYS_FEATURE(SYS_F_821_EAX, 8),
};

enum sys_vendor { SYS_VENDOR_AMD, SYS_VENDOR_INTEL };

struct IMMUTABLE_AFTER_INIT sys_cpu_model {
    char name[32];
    char brand[49];     /* 0x80000002..4 */
    char vendor_id[13]; /* "AuthenticAMD" */
    uint8_t vendor;     /* enum sys_vendor: decides where the two differ */
    bool pass_host;     /* caches and the like as the host has them */
    uint32_t signature; /* leaf 1 EAX: family, model, stepping */
    uint32_t level, xlevel;
    uint32_t features[SYS_FEATURE_WORDS];
    uint8_t phys_bits, virt_bits;
    unsigned sockets, cores, threads; /* topology */
    uint64_t xcr0;                    /* what XSETBV may set */
    struct x86_cpuid cache_leaf[8];   /* 4, or 0x8000001d: by subleaf */
    unsigned cache_leaves;
    struct x86_cpuid amd_cache[2]; /* 0x80000005, 0x80000006 */
};

static inline bool sys_model_has(const struct sys_cpu_model *m, unsigned feature)
{
    return m->features[feature / 32] >> feature % 32 & 1;
}

/* Features that this build translates or emulates and the host has, where they
 * need it. After x86_host_detect. */
void sys_features_supported(uint32_t out[SYS_FEATURE_WORDS]);
/* The feature of that name, or -1; names take '-' and '_' alike. */
int sys_feature_by_name(const char *name);
/* The name most like it, or NULL. */
const char *sys_feature_like(const char *name);
/* By number; NULL: it has none. */
const char *sys_feature_name(unsigned feature);

/* Makes the model of a -cpu text: NAME[,+FEATURE|,-FEATURE|,FEATURE=on|off]... Features that
 * can't be had are left out. */
NODISCARD int sys_model_parse(struct sys_cpu_model *m, const char *text, struct error *err);

struct sys_cpu;
/* CPUID as the guest sees it now. */
struct x86_cpuid sys_cpuid(const struct sys_cpu *cpu, uint32_t leaf, uint32_t subleaf);

/* Layout of XSAVE areas: a component's place in the standard format, and sizes with
 * these components, 0 and 1 always included. sys_xsave_layout_init, by whoever makes a
 * vCPU, before the rest. */
struct IMMUTABLE_AFTER_INIT sys_xsave_part {
    uint32_t offset, size;
    bool align64; /* in the compacted format */
};
void sys_xsave_layout_init(void);
struct sys_xsave_part sys_xsave_part(unsigned component);
uint32_t sys_xsave_size(uint64_t components);
uint32_t sys_xsave_compact_size(uint64_t components);
uint32_t sys_xsave_compact_offset(uint64_t components, unsigned component);
/* Bits of MXCSR that may be set. */
uint32_t sys_mxcsr_mask(void);
#define SYS_XSAVE_LEGACY 576u /* with the header */

#endif
