/* What -cpu says behind the model's name: features that are added and taken away, and numbers.
 * What is known and cannot be had is left out, as it is where QEMU translates, unless the text
 * says `enforce`: features that the host lacks, and those that are nowhere here. */
#include "x86sys/cpu_model_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_MAX     64
#define PHYS_BITS_MIN 36
#define PHYS_BITS_MAX 52
#define FAMILY_MAX    (15 + 255)

struct options {
    struct sys_cpu_model *model;
    bool enforce, check;
    char missing[256]; /* names, each behind a space; as many as fit */
};

/* Of words that end with a zero each. */
static bool is_one_of(const char *text, const char *words)
{
    while (*words && strcmp(text, words) != 0) {
        words += strlen(words) + 1;
    }
    return *words;
}

/* Features of other CPUs, and of hypervisors, that are not there whatever the host has. Names
 * that end with a dash are a family. */
static const char *const absent[] = {"3dnow",
                                     "3dnowext",
                                     "amd-psfd",
                                     "amd-ssbd",
                                     "amd-stibp",
                                     "amx-",
                                     "arch-lbr",
                                     "avic",
                                     "avx-ifma",
                                     "avx-ne-convert",
                                     "avx-vnni-int16",
                                     "avx-vnni-int8",
                                     "bus-lock-detect",
                                     "cid",
                                     "core-capability",
                                     "dca",
                                     "decodeassists",
                                     "ds",
                                     "ds-cpl",
                                     "dtes64",
                                     "est",
                                     "extapic",
                                     "flush-l1d",
                                     "flushbyasid",
                                     "fma4",
                                     "fred",
                                     "hle",
                                     "hv-",
                                     "ibrs",
                                     "ibs",
                                     "intel-pt",
                                     "kvm-",
                                     "kvmclock",
                                     "kvmclock-stable-bit",
                                     "lam",
                                     "lbrv",
                                     "lmce",
                                     "lwp",
                                     "mpx",
                                     "nodeid-msr",
                                     "npt",
                                     "nrip-save",
                                     "osvw",
                                     "overflow-recov",
                                     "pause-filter",
                                     "pbe",
                                     "pcommit",
                                     "pdcm",
                                     "perfctr-core",
                                     "perfctr-nb",
                                     "pfthreshold",
                                     "pks",
                                     "pmu",
                                     "rsba",
                                     "rtm",
                                     "sgx",
                                     "sgx-",
                                     "skinit",
                                     "smx",
                                     "split-lock-detect",
                                     "ssbd",
                                     "stibp",
                                     "stibp-always-on",
                                     "succor",
                                     "svm",
                                     "svm-lock",
                                     "svme-addr-chk",
                                     "tbm",
                                     "tce",
                                     "tm",
                                     "tm2",
                                     "tsc-scale",
                                     "tsx-ctrl",
                                     "tsx-ldtrk",
                                     "v-vmsave-vmload",
                                     "vgif",
                                     "virt-ssbd",
                                     "vmcb-clean",
                                     "vmx",
                                     "vmx-",
                                     "vnmi",
                                     "waitpkg",
                                     "wdt",
                                     "xfd",
                                     "xop",
                                     "xsaves",
                                     "xtpr"};

/* Switches that make no difference where there is no KVM, or no migration. */
static const char *const without_effect[] = {"kvm", "migratable", "l3-cache", "legacy-cache",
                                             "host-cache-info"};

static int plain(char c)
{
    return c == '_' ? '-' : c;
}

/* Dashes and underscores are the same; a name that ends with a dash begins others. */
static bool is_named(const char *given, const char *name)
{
    while (*name && plain(*given) == *name) {
        given++;
        name++;
    }
    return !*name && (!*given || name[-1] == '-');
}

static bool is_in(const char *given, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_named(given, names[i])) {
            return true;
        }
    }
    return false;
}

bool sys_model_next_piece(const char **text, char *piece, size_t size)
{
    size_t len = strcspn(*text, ",");
    if (len >= size) {
        return false;
    }
    memcpy(piece, *text, len);
    piece[len] = 0;
    *text += len;
    if (**text == ',') {
        ++*text;
    }
    return true;
}

static int unknown_feature(const char *name, struct error *err)
{
    const char *like = sys_feature_like(name);
    if (like) {
        return error_set(err, EINVAL, "-cpu: there is no feature \"%s\"; did you mean \"%s\"?",
                         name, like);
    }
    return error_set(err, EINVAL, "-cpu: there is no feature \"%s\"; see -cpu help", name);
}

static int number(const char *name, const char *value, unsigned min, unsigned max, unsigned *out,
                  struct error *err)
{
    char *end;
    errno = 0;
    unsigned long n = strtoul(value, &end, 0);
    if (errno || end == value || *end || *value == '-' || n < min || n > max) {
        return error_set(err, EINVAL, "-cpu: %s=%s: a number from %u to %u expected", name, value,
                         min, max);
    }
    *out = (unsigned)n;
    return 0;
}

/* Family, model and stepping as leaf 1 has them, and back. */
static int set_signature(struct sys_cpu_model *m, const char *name, const char *value,
                         struct error *err)
{
    bool is_family = strcmp(name, "family") == 0, is_stepping = strcmp(name, "stepping") == 0;
    unsigned n = 0, max = is_family ? FAMILY_MAX : is_stepping ? 15 : 255;
    int r = number(name, value, 0, max, &n, err);
    if (r < 0) {
        return r;
    }
    if (is_family) {
        uint32_t extended = n > 15 ? n - 15 : 0;
        m->signature = (m->signature & ~0x0ff00f00u) | extended << 20 | (n - extended) << 8;
    } else if (is_stepping) {
        m->signature = (m->signature & ~0xfu) | n;
    } else {
        m->signature = (m->signature & ~0x000f00f0u) | (n >> 4) << 16 | (n & 0xf) << 4;
    }
    return 0;
}

/* NAME=VALUE where the value is no switch. False: it is none of these. */
static bool apply_value(struct sys_cpu_model *m, const char *name, const char *value, int *result,
                        struct error *err)
{
    unsigned bits = 0;
    *result = 0;
    if (strcmp(name, "vendor") == 0) {
        return true; /* it has been heeded: sys_model_vendor_option */
    }
    if (strcmp(name, "family") == 0 || strcmp(name, "model") == 0 ||
        strcmp(name, "stepping") == 0) {
        *result = set_signature(m, name, value, err);
        return true;
    }
    if (strcmp(name, "model-id") == 0) {
        (void)snprintf(m->brand, sizeof m->brand, "%s", value);
        return true;
    }
    if (is_named(name, "phys-bits")) {
        *result = strcmp(value, "0") == 0
                      ? 0
                      : number(name, value, PHYS_BITS_MIN, PHYS_BITS_MAX, &bits, err);
        m->phys_bits = bits ? (uint8_t)bits : m->phys_bits;
        return true;
    }
    return false;
}

/* A list that is full ends before the first name that does not fit. */
static void note_missing(struct options *o, const char *name)
{
    size_t used = strlen(o->missing);
    if (used + 1 + strlen(name) < sizeof o->missing) {
        (void)snprintf(o->missing + used, sizeof o->missing - used, " %s", name);
    }
}

static void host_phys_bits(struct sys_cpu_model *m)
{
    if (x86_host_cpuid(0x80000000u, 0).eax >= 0x80000008u) {
        m->phys_bits = (uint8_t)x86_host_cpuid(0x80000008u, 0).eax;
    }
}

/* A switch; false: there is none of that name. */
static bool apply_switch(struct options *o, const char *name, bool on)
{
    if (strcmp(name, "enforce") == 0) {
        o->enforce = on;
    } else if (strcmp(name, "check") == 0) {
        o->check = on;
    } else if (is_named(name, "host-phys-bits")) {
        if (on) {
            host_phys_bits(o->model);
        }
    } else if (is_in(name, absent, sizeof absent / sizeof absent[0])) {
        if (on) {
            note_missing(o, name);
        }
    } else if (!is_in(name, without_effect, sizeof without_effect / sizeof without_effect[0])) {
        return false;
    }
    return true;
}

static int apply(struct options *o, char *piece, struct error *err)
{
    struct sys_cpu_model *m = o->model;
    bool on = true;
    const char *name = piece;
    char *value = NULL;
    if (*piece == '+' || *piece == '-') {
        on = *piece == '+';
        name++;
    } else if ((value = strchr(piece, '='))) {
        int r;
        *value++ = 0;
        if (apply_value(m, name, value, &r, err)) {
            return r;
        }
        on = is_one_of(value, "on\0yes\0true\0y\0");
        if (!on && !is_one_of(value, "off\0no\0false\0n\0")) {
            if (!is_named(name, "hv-")) { /* some of which have numbers */
                return error_set(err, EINVAL, "-cpu: %s can be on or off, not \"%s\"", name, value);
            }
            on = true;
        }
    }
    int f = sys_feature_by_name(name);
    if (f < 0) {
        return apply_switch(o, name, on) ? 0 : unknown_feature(name, err);
    }
    if (on) {
        m->features[f / 32] |= 1u << f % 32;
    } else {
        m->features[f / 32] &= ~(1u << f % 32);
    }
    return 0;
}

/* Takes away what the host lacks. */
static void take_unavailable(struct options *o)
{
    uint32_t supported[SYS_FEATURE_WORDS];
    sys_features_supported(supported);
    for (unsigned f = 0; f < SYS_FEATURE_WORDS * 32; f++) {
        if (sys_model_has(o->model, f) && !(supported[f / 32] >> f % 32 & 1)) {
            const char *name = sys_feature_name(f);
            note_missing(o, name ? name : "a feature");
            o->model->features[f / 32] &= ~(1u << f % 32);
        }
    }
}

int sys_model_vendor_option(const char *text, char vendor[13], struct error *err)
{
    char piece[PIECE_MAX];
    vendor[0] = 0;
    while (*text && sys_model_next_piece(&text, piece, sizeof piece)) {
        if (strncmp(piece, "vendor=", 7) != 0) {
            continue;
        }
        if (strlen(piece + 7) != 12) {
            return error_set(err, EINVAL, "-cpu: %s: 12 characters expected", piece);
        }
        memcpy(vendor, piece + 7, 13);
    }
    return 0;
}

int sys_model_apply_options(struct sys_cpu_model *m, const char *text, bool report,
                            struct error *err)
{
    struct options o = {.model = m, .check = true, .missing = ""};
    char piece[PIECE_MAX];
    while (*text) {
        if (!sys_model_next_piece(&text, piece, sizeof piece)) {
            return error_set(err, EINVAL, "-cpu: a feature's name is too long");
        }
        int r = *piece ? apply(&o, piece, err) : 0;
        if (r < 0) {
            return r;
        }
    }
    take_unavailable(&o);
    if (o.missing[0] && o.enforce) {
        return error_set(err, ENOTSUP, "-cpu %s: features that can't be had here:%s", m->name,
                         o.missing);
    }
    if (o.missing[0] && o.check && report) {
        fprintf(stderr, "mortise: warning: -cpu %s: without features that can't be had here:%s\n",
                m->name, o.missing);
    }
    return 0;
}
