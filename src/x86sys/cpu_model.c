/* The CPU models of -cpu (cpu_model_table.h), which the text after the name changes
 * (cpu_model_options.h). A model never promises what can't be had. */
#include <errno.h>
#include <string.h>

#include "base/suggest.h"
#include "x86sys/cpu_model_options.h"
#include "x86sys/cpu_model_table.h"
#include "x86sys/machine.h"
#include "x86sys/model.h"

static void add(struct sys_cpu_model *m, const char *const *names)
{
    for (; names && *names; names++) {
        int f = sys_feature_by_name(*names);
        if (f >= 0) {
            m->features[f / 32] |= 1u << f % 32;
        }
    }
}

static uint32_t signature_of(const struct sys_model_entry *def)
{
    uint32_t family = def->family, model = def->model;
    uint32_t extended = family > 15 ? family - 15 : 0;
    return extended << 20 | (model >> 4) << 16 | (family - extended) << 8 | (model & 0xf) << 4 |
           def->stepping;
}

static void vendor_of_host(struct sys_cpu_model *m)
{
    struct x86_cpuid r = x86_host_cpuid(0, 0);
    m->vendor = r.ebx == 0x756e6547 ? SYS_VENDOR_INTEL : SYS_VENDOR_AMD; /* "Genu" */
    m->signature = x86_host_cpuid(1, 0).eax;
}

static void put_register(char *to, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        to[i] = (char)(value >> 8 * i);
    }
}

static void brand_of_host(struct sys_cpu_model *m)
{
    if (x86_host_cpuid(0x80000000u, 0).eax < 0x80000004u) {
        return;
    }
    for (uint32_t i = 0; i < 3; i++) {
        struct x86_cpuid r = x86_host_cpuid(0x80000002u + i, 0);
        put_register(m->brand + 16UL * i, r.eax);
        put_register(m->brand + 16UL * i + 4, r.ebx);
        put_register(m->brand + 16UL * i + 8, r.ecx);
        put_register(m->brand + 16UL * i + 12, r.edx);
    }
}

/* A cache as leaves 4 and 0x8000001d describe it; ways and sets say its size. */
static struct x86_cpuid cache(uint32_t type, uint32_t level, uint32_t ways, uint32_t sets)
{
    return (struct x86_cpuid){.eax = type | level << 5 | 1u << 8,
                              .ebx = 63 | (ways - 1) << 22,
                              .ecx = sets - 1,
                              .edx = level == 3 ? 1u << 2 : 0};
}

static void caches(struct sys_cpu_model *m)
{
    m->cache_leaves = 4;
    m->cache_leaf[0] = cache(1, 1, 8, 64);     /* 32 KiB data */
    m->cache_leaf[1] = cache(2, 1, 8, 64);     /* 32 KiB code */
    m->cache_leaf[2] = cache(3, 2, 16, 1024);  /* 1 MiB */
    m->cache_leaf[3] = cache(3, 3, 16, 16384); /* 16 MiB */
    m->amd_cache[0] = (struct x86_cpuid){0x01ff01ff, 0x01ff01ff, 0x20080140, 0x20080140};
    m->amd_cache[1] = (struct x86_cpuid){0, 0x42004200, 0x04008140, 0x00808140};
}

static void caches_of_host(struct sys_cpu_model *m)
{
    uint32_t leaf = m->vendor == SYS_VENDOR_INTEL ? 4 : 0x8000001du;
    if (x86_host_cpuid(leaf & 0x80000000u, 0).eax < leaf) {
        return;
    }
    struct x86_cpuid first = x86_host_cpuid(leaf, 0);
    if (!(first.eax & 0x1f)) {
        return;
    }
    m->cache_leaves = 0;
    for (uint32_t i = 0; i < 8; i++) {
        struct x86_cpuid r = x86_host_cpuid(leaf, i);
        if (!(r.eax & 0x1f)) {
            break;
        }
        m->cache_leaf[m->cache_leaves++] = r;
    }
    if (m->vendor == SYS_VENDOR_AMD) {
        m->amd_cache[0] = x86_host_cpuid(0x80000005u, 0);
        m->amd_cache[1] = x86_host_cpuid(0x80000006u, 0);
    }
}

/* Another vendor's name is only a name. */
static void set_vendor(struct sys_cpu_model *m, const char *vendor)
{
    if (strcmp(vendor, "GenuineIntel") == 0) {
        m->vendor = SYS_VENDOR_INTEL;
    } else if (strcmp(vendor, "AuthenticAMD") == 0 || strcmp(vendor, "HygonGenuine") == 0) {
        m->vendor = SYS_VENDOR_AMD;
    }
}

static void start(struct sys_cpu_model *m, const struct sys_model_entry *def, const char *vendor)
{
    *m = (struct sys_cpu_model){.level = 0x1f, .xlevel = 0x80000021u, .phys_bits = 40};
    m->sockets = m->cores = m->threads = 1;
    strncpy(m->name, def->name, sizeof m->name - 1);
    m->pass_host = def->pass_host;
    m->vendor = (uint8_t)def->vendor;
    m->signature = signature_of(def);
    if (def->brand) {
        strncpy(m->brand, def->brand, sizeof m->brand - 1);
    }
    if (def->everything) {
        vendor_of_host(m);
        sys_features_supported(m->features);
        /* What costs more than it gives: deeper page tables, and a sleep that is polled. */
        m->features[SYS_FEAT_LA57 / 32] &= ~(1u << SYS_FEAT_LA57 % 32);
        m->features[SYS_FEAT_MONITOR / 32] &= ~(1u << SYS_FEAT_MONITOR % 32);
        m->features[SYS_F_87_EDX] |= 1u << 8;
    }
    set_vendor(m, vendor);
    caches(m);
    if (def->pass_host) {
        brand_of_host(m);
        caches_of_host(m);
        if (x86_host_cpuid(0x80000000u, 0).eax >= 0x80000008u) {
            m->phys_bits = (uint8_t)x86_host_cpuid(0x80000008u, 0).eax;
        }
    }
    for (unsigned i = 0; i < def->level; i++) {
        add(m, sys_model_levels[i]);
    }
    add(m, sys_model_all);
    add(m, m->vendor == SYS_VENDOR_AMD ? sys_model_all_amd : sys_model_all_intel);
    for (unsigned i = 0; i < SYS_MODEL_LISTS; i++) {
        add(m, def->more[i]);
    }
    if (def->everything && m->vendor == SYS_VENDOR_AMD) {
        m->features[SYS_F_7_EDX] &= ~(1u << 26); /* SPEC_CTRL is Intel's way */
        m->features[SYS_F_7_2_EDX] = 0;
    }
    memcpy(m->vendor_id,
           *vendor                       ? vendor
           : m->vendor == SYS_VENDOR_AMD ? "AuthenticAMD"
                                         : "GenuineIntel",
           13);
}

/* Versions that QEMU tells apart by what is the same here: TSX, which is not there, and
 * SPEC_CTRL, which all of Intel's have. */
static bool is_version(const struct sys_model_entry *e, const char *suffix)
{
    static const char *const variants[] = {"-IBRS", "-noTSX", "-noTSX-IBRS"};
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        if (e->versions > 1 && e->vendor == SYS_VENDOR_INTEL && strcmp(suffix, variants[i]) == 0) {
            return true;
        }
    }
    return suffix[0] == '-' && suffix[1] == 'v' && suffix[2] >= '1' &&
           suffix[2] <= '0' + e->versions && !suffix[3];
}

static const struct sys_model_entry *find(const char *name)
{
    for (size_t i = 0; i < SYS_MODELS; i++) {
        const struct sys_model_entry *e = &sys_model_table[i];
        size_t len = strlen(e->name);
        if (strncmp(e->name, name, len) == 0 && (!name[len] || is_version(e, name + len))) {
            return e;
        }
    }
    return NULL;
}

static void clear(struct sys_cpu_model *m, unsigned feature)
{
    m->features[feature / 32] &= ~(1u << feature % 32);
}

/* What goes together: XCR0 and the features that need others. */
static void conclude(struct sys_cpu_model *m)
{
    if (!sys_model_has(m, SYS_FEAT_XSAVE)) {
        m->features[SYS_F_D_1_EAX] = 0;
        clear(m, SYS_FEAT_AVX);
        m->features[SYS_F_1_ECX] &= ~(1u << 12 | 1u << 29); /* FMA, F16C */
    }
    if (!sys_model_has(m, SYS_FEAT_AVX)) {
        m->features[SYS_F_7_EBX] &= ~(1u << 5); /* AVX2 */
        clear(m, SYS_FEAT_AVX512F);
    }
    if (!sys_model_has(m, SYS_FEAT_AVX512F)) {
        m->features[SYS_F_7_EBX] &=
            ~(1u << 17 | 1u << 21 | 1u << 28 | 1u << 30 | 1u << 31 | 1u << 16);
        m->features[SYS_F_7_ECX] &= ~(1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14);
        m->features[SYS_F_7_EDX] &= ~(1u << 2 | 1u << 3 | 1u << 8 | 1u << 23);
        m->features[SYS_F_7_1_EAX] &= ~(1u << 5);
    }
    if (!sys_model_has(m, SYS_FEAT_PCID)) {
        clear(m, SYS_FEAT_INVPCID);
    }
    m->xcr0 = 0;
    if (sys_model_has(m, SYS_FEAT_XSAVE)) {
        m->xcr0 = 3;
        m->xcr0 |= sys_model_has(m, SYS_FEAT_AVX) ? 4 : 0;
        m->xcr0 |= sys_model_has(m, SYS_FEAT_AVX512F) ? 0xe0 : 0;
        m->xcr0 |= sys_model_has(m, SYS_FEAT_PKU) ? 0x200 : 0;
    }
    m->virt_bits = sys_model_has(m, SYS_FEAT_LA57) ? 57 : 48;
}

static int unknown_model(const char *name, struct error *err)
{
    const char *names[SYS_MODELS + 1];
    for (size_t i = 0; i < SYS_MODELS; i++) {
        names[i] = sys_model_table[i].name;
    }
    names[SYS_MODELS] = NULL;
    const char *like = suggest_name(name, names);
    return like ? error_set(err, EINVAL, "-cpu: there is no model \"%s\"; did you mean \"%s\"?",
                            name, like)
                : error_set(err, EINVAL, "-cpu: there is no model \"%s\"; see -cpu help", name);
}

static int parse(struct sys_cpu_model *m, const char *text, bool report, struct error *err)
{
    int r = x86_host.xsave_size ? 0 : x86_host_detect(err);
    if (r < 0) {
        return r;
    }
    char name[64], vendor[13];
    text = text ? text : "max";
    if (!sys_model_next_piece(&text, name, sizeof name)) {
        return error_set(err, EINVAL, "-cpu: the model's name is too long");
    }
    const struct sys_model_entry *def = find(name);
    if (!def) {
        return unknown_model(name, err);
    }
    r = sys_model_vendor_option(text, vendor, err);
    if (r < 0) {
        return r;
    }
    start(m, def, vendor);
    r = sys_model_apply_options(m, text, report, err);
    conclude(m);
    return r;
}

int sys_model_parse(struct sys_cpu_model *m, const char *text, struct error *err)
{
    return parse(m, text, false, err);
}

int sys_cpu_model_check(const char *model, struct error *err)
{
    struct sys_cpu_model m;
    return parse(&m, model, true, err);
}

void sys_cpu_model_help(FILE *out)
{
    fputs("CPU models (with -v1 and the like, -IBRS or -noTSX behind the name, the same):\n", out);
    for (size_t i = 0; i < SYS_MODELS; i++) {
        fprintf(out, "  %-18s %s\n", sys_model_table[i].name, sys_model_table[i].help);
    }
    fputs("Features, to be added (+NAME) or taken away (-NAME) behind the model:\n", out);
    uint32_t supported[SYS_FEATURE_WORDS];
    struct error ignored;
    if (x86_host_detect(&ignored) < 0) {
        return;
    }
    sys_features_supported(supported);
    unsigned column = 0;
    for (unsigned f = 0; f < SYS_FEATURE_WORDS * 32; f++) {
        const char *name = sys_feature_name(f);
        if (!name || !(supported[f / 32] >> f % 32 & 1)) {
            continue;
        }
        if (column + strlen(name) > 76) {
            fputc('\n', out);
            column = 0;
        }
        column += (unsigned)fprintf(out, column ? " %s" : "  %s", name);
    }
    fputc('\n', out);
}
