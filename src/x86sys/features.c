/* Features of the guest CPU by name, and which of them can be had: those whose
 * instructions run as themselves need the host's consent, those that C code or
 * the softmmu makes are always there, the rest can't be switched on. Names are
 * the customary ones of -cpu. */
#include <stddef.h>
#include <string.h>

#include "base/suggest.h"
#include "x86sys/model.h"

#define BIT(n) (1u << (n))

struct word {
    uint32_t leaf, subleaf;
    uint8_t reg;          /* 0..3: EAX, EBX, ECX, EDX */
    uint32_t passthrough; /* if the host has it */
    uint32_t emulated;    /* whatever the host has */
    const char *names[32];
};

static const struct word words[SYS_FEATURE_WORDS] = {
    [SYS_F_1_EDX] =
        {
            .leaf = 1,
            .reg = 3,
            .passthrough =
                BIT(0) | BIT(8) | BIT(15) | BIT(19) | BIT(23) | BIT(24) | BIT(25) | BIT(26),
            .emulated = BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(9) |
                        BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(16) | BIT(17) | BIT(28),
            .names = {"fpu",  "vme",   "de",   "pse",     "tsc",  "msr", "pae",  "mce",
                      "cx8",  "apic",  NULL,   "sep",     "mtrr", "pge", "mca",  "cmov",
                      "pat",  "pse36", NULL,   "clflush", NULL,   NULL,  "acpi", "mmx",
                      "fxsr", "sse",   "sse2", "ss",      "ht",   NULL,  NULL,   NULL},
        },
    [SYS_F_1_ECX] =
        {
            .leaf = 1,
            .reg = 2,
            .passthrough = BIT(0) | BIT(1) | BIT(9) | BIT(12) | BIT(13) | BIT(19) | BIT(20) |
                           BIT(22) | BIT(23) | BIT(25) | BIT(26) | BIT(28) | BIT(29) | BIT(30),
            .emulated = BIT(3) | BIT(17) | BIT(21) | BIT(24) | BIT(31),
            .names = {"pni",    "pclmulqdq", NULL,     "monitor",      NULL,  NULL,     NULL,
                      NULL,     NULL,        "ssse3",  NULL,           NULL,  "fma",    "cx16",
                      NULL,     NULL,        NULL,     "pcid",         NULL,  "sse4.1", "sse4.2",
                      "x2apic", "movbe",     "popcnt", "tsc-deadline", "aes", "xsave",  NULL,
                      "avx",    "f16c",      "rdrand", "hypervisor"},
        },
    [SYS_F_7_EBX] =
        {
            .leaf = 7,
            .reg = 1,
            .passthrough = BIT(3) | BIT(5) | BIT(8) | BIT(9) | BIT(16) | BIT(17) | BIT(18) |
                           BIT(19) | BIT(21) | BIT(23) | BIT(24) | BIT(28) | BIT(29) | BIT(30) |
                           BIT(31),
            .emulated = BIT(0) | BIT(1) | BIT(7) | BIT(10) | BIT(13) | BIT(20),
            .names = {"fsgsbase", "tsc-adjust",   NULL,   "bmi1",       NULL,       "avx2",
                      NULL,       "smep",         "bmi2", "erms",       "invpcid",  NULL,
                      NULL,       "zero-fcs-fds", NULL,   NULL,         "avx512f",  "avx512dq",
                      "rdseed",   "adx",          "smap", "avx512ifma", NULL,       "clflushopt",
                      "clwb",     NULL,           NULL,   NULL,         "avx512cd", "sha-ni",
                      "avx512bw", "avx512vl"},
        },
    [SYS_F_7_ECX] =
        {
            .leaf = 7,
            .reg = 2,
            .passthrough =
                BIT(1) | BIT(6) | BIT(8) | BIT(9) | BIT(10) | BIT(11) | BIT(12) | BIT(14) | BIT(27),
            .emulated = BIT(2) | BIT(3) | BIT(22),
            .names = {NULL,         "avx512vbmi",  "umip",         "pku",      NULL,
                      NULL,         "avx512vbmi2", NULL,           "gfni",     "vaes",
                      "vpclmulqdq", "avx512vnni",  "avx512bitalg", NULL,       "avx512-vpopcntdq",
                      NULL,         "la57",        NULL,           NULL,       NULL,
                      NULL,         NULL,          "rdpid",        NULL,       NULL,
                      "cldemote",   NULL,          "movdiri",      "movdir64b"},
        },
    [SYS_F_7_EDX] =
        {
            .leaf = 7,
            .reg = 3,
            .passthrough = BIT(4) | BIT(8) | BIT(23),
            .emulated = BIT(10) | BIT(26) | BIT(29),
            .names = {NULL,
                      NULL,
                      "avx512-4vnniw",
                      "avx512-4fmaps",
                      "fsrm",
                      NULL,
                      NULL,
                      NULL,
                      "avx512-vp2intersect",
                      NULL,
                      "md-clear",
                      NULL,
                      NULL,
                      NULL,
                      "serialize",
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      "avx512-fp16",
                      NULL,
                      NULL,
                      "spec-ctrl",
                      NULL,
                      NULL,
                      "arch-capabilities"},
        },
    [SYS_F_7_1_EAX] =
        {
            .leaf = 7,
            .subleaf = 1,
            .reg = 0,
            .passthrough = BIT(4) | BIT(5) | BIT(10) | BIT(11) | BIT(12),
            .names = {NULL, NULL, NULL, NULL, "avx-vnni", "avx512-bf16", NULL, NULL, NULL, NULL,
                      "fzrm", "fsrs", "fsrc"},
        },
    [SYS_F_7_2_EDX] =
        {
            .leaf = 7,
            .subleaf = 2,
            .reg = 3,
            .emulated = BIT(4),
            .names = {NULL, NULL, NULL, NULL, "bhi-ctrl"},
        },
    [SYS_F_D_1_EAX] =
        {
            .leaf = 0xd,
            .subleaf = 1,
            .reg = 0,
            .passthrough = BIT(1) | BIT(2),
            .emulated = BIT(0),
            .names = {"xsaveopt", "xsavec", "xgetbv1"},
        },
    [SYS_F_6_EAX] = {.leaf = 6, .reg = 0, .emulated = BIT(2), .names = {NULL, NULL, "arat"}},
    [SYS_F_81_EDX] =
        {
            .leaf = 0x80000001,
            .reg = 3,
            .passthrough = BIT(22) | BIT(25),
            .emulated = BIT(11) | BIT(20) | BIT(26) | BIT(27) | BIT(29),
            .names = {NULL, NULL,       NULL,      NULL,      NULL, NULL, NULL,     NULL,
                      NULL, NULL,       NULL,      "syscall", NULL, NULL, NULL,     NULL,
                      NULL, NULL,       NULL,      NULL,      "nx", NULL, "mmxext", NULL,
                      NULL, "fxsr-opt", "pdpe1gb", "rdtscp",  NULL, "lm"},
        },
    [SYS_F_81_ECX] =
        {
            .leaf = 0x80000001,
            .reg = 2,
            .passthrough = BIT(0) | BIT(5) | BIT(6) | BIT(7) | BIT(8),
            .emulated = BIT(1) | BIT(4) | BIT(22),
            .names = {"lahf-lm", "cmp-legacy",  NULL,
                      NULL,      "cr8legacy",   "abm",
                      "sse4a",   "misalignsse", "3dnowprefetch",
                      NULL,      NULL,          NULL,
                      NULL,      NULL,          NULL,
                      NULL,      NULL,          NULL,
                      NULL,      NULL,          NULL,
                      NULL,      "topoext"},
        },
    [SYS_F_87_EDX] =
        {
            .leaf = 0x80000007,
            .reg = 3,
            .emulated = BIT(8),
            .names = {NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "invtsc"},
        },
    [SYS_F_88_EBX] =
        {
            .leaf = 0x80000008,
            .reg = 1,
            .emulated = BIT(2) | BIT(12) | BIT(26),
            .names = {"clzero",   NULL, "xsaveerptr", NULL,   NULL, NULL, NULL, NULL, NULL,
                      "wbnoinvd", NULL, NULL,         "ibpb", NULL, NULL, NULL, NULL, NULL,
                      NULL,       NULL, NULL,         NULL,   NULL, NULL, NULL, NULL, "amd-no-ssb"},
        },
    [SYS_F_821_EAX] =
        {
            .leaf = 0x80000021,
            .reg = 0,
            .emulated = BIT(0) | BIT(2) | BIT(6) | BIT(8) | BIT(29),
            .names = {"no-nested-data-bp",
                      NULL,
                      "lfence-always-serializing",
                      NULL,
                      NULL,
                      NULL,
                      "null-sel-clr-base",
                      NULL,
                      "auto-ibrs",
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      "srso-no"},
        },
    /* What a guest asks before it mitigates: it is not the guest that runs on the
     * speculating CPU, but the emulator, whose host mitigates for it. */
    [SYS_F_ARCH_CAP] =
        {
            .emulated = BIT(0) | BIT(1) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(13) |
                        BIT(14) | BIT(15) | BIT(17) | BIT(20) | BIT(24) | BIT(26) | BIT(27),
            .names = {"rdctl-no",
                      "ibrs-all",
                      NULL,
                      "skip-l1dfl-vmentry",
                      "ssb-no",
                      "mds-no",
                      "pschange-mc-no",
                      NULL,
                      "taa-no",
                      NULL,
                      NULL,
                      NULL,
                      NULL,
                      "sbdr-ssdp-no",
                      "fbsdp-no",
                      "psdp-no",
                      NULL,
                      "fb-clear",
                      NULL,
                      NULL,
                      "bhi-no",
                      NULL,
                      NULL,
                      NULL,
                      "pbrsb-no",
                      NULL,
                      "gds-no",
                      "rfds-no"},
        },
};

void sys_features_supported(uint32_t out[SYS_FEATURE_WORDS])
{
    for (unsigned i = 0; i < SYS_FEATURE_WORDS; i++) {
        const struct word *w = &words[i];
        uint32_t host = 0;
        if (w->passthrough) {
            uint32_t max = x86_host_cpuid(w->leaf & 0x80000000u, 0).eax;
            struct x86_cpuid r = {0, 0, 0, 0};
            if (w->leaf <= max) {
                r = x86_host_cpuid(w->leaf, w->subleaf);
            }
            const uint32_t regs[4] = {r.eax, r.ebx, r.ecx, r.edx};
            host = regs[w->reg];
        }
        out[i] = (host & w->passthrough) | w->emulated;
    }
    /* Vector extensions need their registers to be saved. */
    const uint64_t avx512 = 0xe0;
    if (!(x86_host.xcr0 & 4)) {
        out[SYS_F_1_ECX] &= ~(BIT(12) | BIT(28) | BIT(29));
        out[SYS_F_7_EBX] &= ~BIT(5);
        out[SYS_F_7_ECX] &= ~(BIT(9) | BIT(10));
        out[SYS_F_7_1_EAX] &= ~BIT(4);
    }
    if ((x86_host.xcr0 & avx512) != avx512) {
        out[SYS_F_7_EBX] &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(28) | BIT(30) | BIT(31));
        out[SYS_F_7_ECX] &= ~(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14));
        out[SYS_F_7_EDX] &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(23));
        out[SYS_F_7_1_EAX] &= ~BIT(5);
    }
}

const char *sys_feature_name(unsigned feature)
{
    return words[feature / 32].names[feature % 32];
}

static int plain(char c)
{
    return c == '_' || c == '.' ? '-' : c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static bool same_name(const char *a, const char *b)
{
    while (*a && plain(*a) == plain(*b)) {
        a++;
        b++;
    }
    return plain(*a) == plain(*b);
}

/* Other names in use for the same bits. */
static const struct {
    const char *alias, *name;
} aliases[] = {{"sse3", "pni"},
               {"fxsr_opt", "fxsr-opt"},
               {"ffxsr", "fxsr-opt"},
               {"lzcnt", "abm"},
               {"i64", "lm"},
               {"xd", "nx"},
               {"pclmuldq", "pclmulqdq"},
               {"sse4-1", "sse4.1"},
               {"sse4-2", "sse4.2"},
               {"sha", "sha-ni"}};

int sys_feature_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        if (same_name(aliases[i].alias, name)) {
            name = aliases[i].name;
            break;
        }
    }
    for (unsigned f = 0; f < SYS_FEATURE_WORDS * 32; f++) {
        const char *n = sys_feature_name(f);
        if (n && same_name(n, name)) {
            return (int)f;
        }
    }
    return -1;
}

const char *sys_feature_like(const char *name)
{
    const char *all[SYS_FEATURE_WORDS * 32 + 1];
    unsigned n = 0;
    for (unsigned f = 0; f < SYS_FEATURE_WORDS * 32; f++) {
        const char *known = sys_feature_name(f);
        if (known) {
            all[n++] = known;
        }
    }
    all[n] = NULL;
    return suggest_name(name, all);
}
