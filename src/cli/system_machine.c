/* Values of -machine, -accel and -m. A property of -machine that QEMU has, and that has one
 * setting only here, is taken with that one and refused with others. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/system_values.h"
#include "cli/user_options.h"

#define RAM_MIN (1UL << 20)
#define RAM_MAX (1UL << 39)

static int machine_type(struct system_command *c, const char *name, struct error *err)
{
    static const char *const names[] = {"pc", "q35", NULL};
    if (strcmp(name, "pc") == 0 || strncmp(name, "pc-i440fx", 9) == 0) {
        c->config.type = MACHINE_PC;
        return 0;
    }
    if (strcmp(name, "q35") == 0 || strncmp(name, "pc-q35", 6) == 0) {
        c->config.type = MACHINE_Q35;
        return 0;
    }
    const char *meant = suggest_name(name, names);
    return meant ? error_set(err, EINVAL, "unknown machine '%s'; did you mean '%s'?", name, meant)
                 : error_set(err, EINVAL, "unknown machine '%s' (-machine help lists them)", name);
}

/* One name of a list, the first that is there being taken: those of QEMU's that are not are
 * remembered, because another may follow. */
static int accel_name(struct system_command *c, const char *name, struct error *err)
{
    static const char *const others[] = {"kvm",  "xen", "hvf",  "whpx",
                                         "nvmm", "hax", "mshv", "nitro"};
    if (strcmp(name, "tcg") == 0 || strcmp(name, "dbt") == 0) {
        c->accel_found = true;
        return 0;
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strcmp(name, others[i]) == 0) {
            c->accel_missing = c->accel_found || c->accel_missing ? c->accel_missing : others[i];
            return 0;
        }
    }
    return error_set(err, EINVAL, "there is no accelerator '%s', only tcg (or dbt, the same)",
                     name);
}

static int accel_list(struct system_command *c, const char *names, struct error *err)
{
    char name[16];
    for (size_t n; *names; names += n + (names[n] == ':')) {
        n = strcspn(names, ":");
        (void)snprintf(name, sizeof(name), "%.*s", (int)(n < sizeof(name) ? n : sizeof(name)),
                       names);
        int rc = accel_name(c, name, err);
        if (rc) {
            return rc;
        }
    }
    return 0;
}

int value_accel_check(const struct system_command *c, struct error *err)
{
    if (!c->accel_missing) {
        return 0;
    }
    if (!c->accel_found) {
        return error_set(err, ENOTSUP, "there is no accelerator '%s' here, only tcg",
                         c->accel_missing);
    }
    value_warn("there is no accelerator '%s' here, tcg is used", c->accel_missing);
    return 0;
}

#define ON   1u
#define OFF  2u
#define AUTO 4u

/* The settings that are there, of those that QEMU has. */
static const struct {
    const char *name;
    unsigned settings;
    const char *otherwise;
} fixed[] = {
    {"smm", ON | AUTO, "system management mode is always there"},
    {"vmport", OFF | AUTO, "there is no vmport here"},
    {"usb", OFF, "there is no usb here"},
    {"nvdimm", OFF, "there are no NVDIMMs here"},
    {"hmat", OFF, "there is no HMAT here"},
    {"i8042", ON, "the keyboard controller is always there"},
    {"pit", ON, "the 8254 is always there"},
    {"sata", ON, "the AHCI controller is always there"},
    {"smbus", OFF, "there is no SMBus here"},
    {"graphics", ON | OFF, NULL}, /* there is no window either way */
    /* KVM's, and read with it only. */
    {"kernel-irqchip", ON | OFF | AUTO, NULL},
};
#define FIXED (sizeof(fixed) / sizeof(fixed[0]))

static int fixed_pair(size_t i, const char *value, struct error *err)
{
    bool on = false;
    unsigned asked = AUTO;
    bool split = strcmp(value, "split") == 0 && strcmp(fixed[i].name, "kernel-irqchip") == 0;
    if (!split && (!(fixed[i].settings & AUTO) || strcmp(value, "auto") != 0)) {
        int rc = value_bool(fixed[i].name, value, &on, err);
        if (rc) {
            return rc;
        }
        asked = on ? ON : OFF;
    }
    return fixed[i].settings & asked ? 0
                                     : error_set(err, EINVAL, "-machine %s=%s: %s", fixed[i].name,
                                                 value, fixed[i].otherwise);
}

static int unknown_property(const char *key, struct error *err)
{
    static const char *const others[] = {"type", "accel",           "hpet",
                                         "acpi", "dump-guest-core", "mem-merge"};
    const char *names[FIXED + sizeof(others) / sizeof(others[0]) + 1];
    size_t n = 0;
    for (size_t i = 0; i < FIXED; i++) {
        names[n++] = fixed[i].name;
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        names[n++] = others[i];
    }
    names[n] = NULL;
    return value_unknown_key("-machine", key, names, err);
}

/* Of machines' names dashes and underscores are the same. */
static void normalize(const char *key, char *name, size_t size)
{
    (void)snprintf(name, size, "%s", key);
    for (char *p = name; *p; p++) {
        if (*p == '_') {
            *p = '-';
        }
    }
}

static int machine_pair(void *opaque, const char *key, const char *value, struct error *err)
{
    struct system_command *c = opaque;
    char name[32];
    if (!key || strcmp(key, "type") == 0) {
        return machine_type(c, value, err);
    }
    normalize(key, name, sizeof(name));
    if (strcmp(name, "accel") == 0) {
        return accel_list(c, value, err);
    }
    if (strcmp(name, "hpet") == 0) {
        return value_bool(name, value, &c->config.hpet, err);
    }
    if (strcmp(name, "acpi") == 0) {
        return value_bool(name, value, &c->config.acpi, err);
    }
    if (strcmp(name, "dump-guest-core") == 0) {
        return value_bool(name, value, &c->dump_ram, err);
    }
    if (strcmp(name, "mem-merge") == 0) {
        return value_bool(name, value, &c->merge_ram, err);
    }
    for (size_t i = 0; i < FIXED; i++) {
        if (strcmp(name, fixed[i].name) == 0) {
            return fixed_pair(i, value, err);
        }
    }
    return unknown_property(key, err);
}

int value_machine(struct system_command *c, const char *value, struct error *err)
{
    return value_list(value, machine_pair, c, err);
}

/* The properties of an accelerator that is not there are its own. */
static int accel_pair(void *opaque, const char *key, const char *value, struct error *err)
{
    struct system_command *c = opaque;
    static const char *const known[] = {"accel", "thread", "tb-size", "one-insn-per-tb", NULL};
    if (!key || strcmp(key, "accel") == 0) {
        c->accel_other = strcmp(value, "tcg") != 0 && strcmp(value, "dbt") != 0;
        return accel_list(c, value, err);
    }
    if (c->accel_other) {
        return 0;
    }
    if (strcmp(key, "thread") == 0) {
        c->round_robin = strcmp(value, "single") == 0;
        c->one_thread_each = strcmp(value, "multi") == 0;
        return c->round_robin || c->one_thread_each
                   ? 0
                   : error_set(err, EINVAL, "-accel thread=%s: single or multi expected", value);
    }
    if (strcmp(key, "one-insn-per-tb") == 0) {
        return value_bool(key, value, &c->one_insn_per_tb, err);
    }
    if (strcmp(key, "tb-size") == 0) {
        uint64_t mib = 0;
        int rc = value_number("-accel tb-size", value, 1, 2047, &mib, err);
        c->cache_size = rc ? 0 : mib << 20;
        return rc;
    }
    return value_unknown_key("-accel", key, known, err);
}

int value_accel(struct system_command *c, const char *value, struct error *err)
{
    c->accel_other = false;
    return value_list(value, accel_pair, c, err);
}

struct memory_value {
    uint64_t size, max; /* 0: not given */
};

static int memory_pair(void *opaque, const char *key, const char *value, struct error *err)
{
    struct memory_value *m = opaque;
    static const char *const known[] = {"size", "slots", "maxmem", NULL};
    uint64_t slots;
    if (key && strcmp(key, "slots") == 0) {
        return value_number("-m slots", value, 0, 256, &slots, err);
    }
    if (key && strcmp(key, "maxmem") == 0) {
        return parse_size(value, 1UL << 20, &m->max) && m->max > 0
                   ? 0
                   : error_set(err, EINVAL, "-m maxmem=%s: a size expected", value);
    }
    if (key && strcmp(key, "size") != 0) {
        return value_unknown_key("-m", key, known, err);
    }
    if (!parse_size(value, 1UL << 20, &m->size) || m->size < RAM_MIN || m->size > RAM_MAX) {
        return error_set(err, EINVAL, "-m %s: a size from 1M to 512G expected", value);
    }
    return 0;
}

/* Room for memory that is plugged in later is nothing that a guest sees before. */
int value_memory(struct system_command *c, const char *value, struct error *err)
{
    struct memory_value m = {.size = 0};
    int rc = value_list(value, memory_pair, &m, err);
    if (rc) {
        return rc;
    }
    if (m.size) {
        c->config.ram_size = (m.size + 4095) & ~4095UL;
    }
    return m.max && m.max < c->config.ram_size
               ? error_set(err, EINVAL, "-m %s: maxmem is less than the memory there is", value)
               : 0;
}
