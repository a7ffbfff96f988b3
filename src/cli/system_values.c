/* Option values made of pairs: -machine, -smp, -m, -accel, -icount and -rtc. */
#include "base/suggest.h"
#include "cli/system_values.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/user_options.h"

#define TEXT_MAX   1024
#define RAM_MIN    (1UL << 20)
#define RAM_MAX    (1UL << 39)
#define CPUS_MAX   255
#define SHIFT_AUTO 3 /* 8 ns for an instruction, as QEMU begins with */

int value_list(const char *text, value_fn *fn, void *opaque, struct error *err)
{
    char copy[TEXT_MAX];
    char *save = NULL;
    if (strlen(text) >= sizeof(copy)) {
        return error_set(err, EINVAL, "'%.40s...': too long", text);
    }
    memcpy(copy, text, strlen(text) + 1);
    bool first = true;
    for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
        char *equals = strchr(word, '=');
        if (equals) {
            *equals = '\0';
        }
        int rc = equals  ? fn(opaque, word, equals + 1, err)
                 : first ? fn(opaque, NULL, word, err)
                         : fn(opaque, word, "on", err);
        if (rc) {
            return rc;
        }
        first = false;
    }
    return 0;
}

int value_bool(const char *option, const char *value, bool *out, struct error *err)
{
    static const char *const on[] = {"on", "yes", "true", "y"};
    static const char *const off[] = {"off", "no", "false", "n"};
    for (size_t i = 0; i < sizeof(on) / sizeof(on[0]); i++) {
        if (strcmp(value, on[i]) == 0 || strcmp(value, off[i]) == 0) {
            *out = strcmp(value, on[i]) == 0;
            return 0;
        }
    }
    return error_set(err, EINVAL, "%s=%s: on or off expected", option, value);
}

int value_number(const char *option, const char *value, uint64_t min, uint64_t max, uint64_t *out,
                 struct error *err)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(value, &end, 0);
    if (errno || end == value || *end || value[0] == '-' || n < min || n > max) {
        return error_set(err, EINVAL, "%s: '%s' is not a number from %llu to %llu", option, value,
                         (unsigned long long)min, (unsigned long long)max);
    }
    *out = n;
    return 0;
}

static int unknown_key(const char *option, const char *key, const char *const *known,
                       struct error *err)
{
    const char *meant = suggest_name(key, known);
    return meant ? error_set(err, EINVAL, "%s: unknown property '%s'; did you mean '%s'?", option,
                             key, meant)
                 : error_set(err, EINVAL, "%s: unknown property '%s'", option, key);
}

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

static int accel_name(const char *name, struct error *err)
{
    if (strcmp(name, "tcg") == 0 || strcmp(name, "dbt") == 0) {
        return 0;
    }
    return error_set(err, EINVAL, "there is no accelerator '%s', only tcg (or dbt, the same)",
                     name);
}

static int machine_pair(void *opaque, const char *key, const char *value, struct error *err)
{
    struct system_command *c = opaque;
    static const char *const known[] = {"type",   "accel", "hpet",     "acpi", "smm",
                                        "vmport", "usb",   "graphics", NULL};
    bool ignored;
    if (!key || strcmp(key, "type") == 0) {
        return machine_type(c, value, err);
    }
    if (strcmp(key, "accel") == 0) {
        return accel_name(value, err);
    }
    if (strcmp(key, "hpet") == 0) {
        return value_bool(key, value, &c->config.hpet, err);
    }
    if (strcmp(key, "acpi") == 0) {
        return value_bool(key, value, &c->config.acpi, err);
    }
    if (strcmp(key, "vmport") == 0 || strcmp(key, "usb") == 0 || strcmp(key, "graphics") == 0) {
        int rc = value_bool(key, value, &ignored, err);
        if (rc == 0 && ignored && strcmp(key, "graphics") != 0) {
            return error_set(err, EINVAL, "-machine: there is no %s here", key);
        }
        return rc;
    }
    return unknown_key("-machine", key, known, err);
}

int value_machine(struct system_command *c, const char *value, struct error *err)
{
    return value_list(value, machine_pair, c, err);
}

static int smp_pair(void *opaque, const char *key, const char *value, struct error *err)
{
    struct system_command *c = opaque;
    static const char *const known[] = {"cpus", "sockets", "cores", "threads", "maxcpus", NULL};
    uint64_t n = 0;
    int rc = value_number("-smp", value, 1, CPUS_MAX, &n, err);
    if (rc) {
        return rc;
    }
    if (!key || strcmp(key, "cpus") == 0) {
        c->config.cpus = (unsigned)n;
    } else if (strcmp(key, "sockets") == 0) {
        c->config.sockets = (unsigned)n;
    } else if (strcmp(key, "cores") == 0) {
        c->config.cores = (unsigned)n;
    } else if (strcmp(key, "threads") == 0) {
        c->config.threads = (unsigned)n;
    } else if (strcmp(key, "maxcpus") != 0) {
        return unknown_key("-smp", key, known, err);
    }
    return 0;
}

/* What is not given follows from what is: first sockets, then cores, as in QEMU. */
int value_smp(struct system_command *c, const char *value, struct error *err)
{
    struct machine_config *m = &c->config;
    m->cpus = m->sockets = m->cores = m->threads = 0;
    int rc = value_list(value, smp_pair, c, err);
    if (rc) {
        return rc;
    }
    unsigned threads = m->threads ? m->threads : 1;
    if (m->cpus == 0) {
        m->cpus = (m->sockets ? m->sockets : 1) * (m->cores ? m->cores : 1) * threads;
    }
    if (m->cores == 0) {
        unsigned sockets = m->sockets ? m->sockets : 1;
        m->cores = m->cpus / (sockets * threads);
    }
    if (m->sockets == 0) {
        m->sockets = m->cores ? m->cpus / (m->cores * threads) : 0;
    }
    m->threads = threads;
    if (m->cpus > CPUS_MAX || m->sockets * m->cores * threads != m->cpus) {
        return error_set(err, EINVAL, "-smp %s: %u sockets * %u cores * %u threads are not %u CPUs",
                         value, m->sockets, m->cores, threads, m->cpus);
    }
    return 0;
}

static int memory_pair(void *opaque, const char *key, const char *value, struct error *err)
{
    struct system_command *c = opaque;
    static const char *const known[] = {"size", NULL};
    if (key && strcmp(key, "size") != 0) {
        return unknown_key("-m", key, known, err);
    }
    uint64_t n;
    if (!parse_size(value, 1UL << 20, &n) || n < RAM_MIN || n > RAM_MAX) {
        return error_set(err, EINVAL, "-m %s: a size from 1M to 512G expected", value);
    }
    c->config.ram_size = (n + 4095) & ~4095UL;
    return 0;
}

int value_memory(struct system_command *c, const char *value, struct error *err)
{
    return value_list(value, memory_pair, c, err);
}

static int accel_pair(void *opaque, const char *key, const char *value, struct error *err)
{
    struct system_command *c = opaque;
    static const char *const known[] = {"accel", "thread", "tb-size", "one-insn-per-tb", NULL};
    if (!key || strcmp(key, "accel") == 0) {
        return accel_name(value, err);
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
    return unknown_key("-accel", key, known, err);
}

int value_accel(struct system_command *c, const char *value, struct error *err)
{
    return value_list(value, accel_pair, c, err);
}

static int icount_shift(struct system_command *c, const char *value, struct error *err)
{
    uint64_t shift = SHIFT_AUTO;
    if (strcmp(value, "auto") != 0) {
        int rc = value_number("-icount shift", value, 0, ICOUNT_SHIFT_MAX, &shift, err);
        if (rc) {
            return rc;
        }
    }
    c->icount.shift = (unsigned)shift;
    return 0;
}

static int icount_pair(void *opaque, const char *key, const char *value, struct error *err)
{
    struct system_command *c = opaque;
    static const char *const known[] = {"shift", "sleep", "align", "rr", "rrfile", NULL};
    if (!key || strcmp(key, "shift") == 0) {
        return icount_shift(c, value, err);
    }
    if (strcmp(key, "sleep") == 0) {
        return value_bool("-icount sleep", value, &c->icount.sleep, err);
    }
    if (strcmp(key, "align") == 0) {
        bool align = false;
        int rc = value_bool("-icount align", value, &align, err);
        return rc == 0 && align
                   ? error_set(err, ENOTSUP, "-icount align=on: guest time is not held back")
                   : rc;
    }
    if (strncmp(key, "rr", 2) == 0) {
        return error_set(err, ENOTSUP, "-icount %s: input is neither recorded nor replayed", key);
    }
    return unknown_key("-icount", key, known, err);
}

int value_icount(struct system_command *c, const char *value, struct error *err)
{
    c->icount_on = true;
    c->icount.shift = SHIFT_AUTO;
    c->icount.sleep = true;
    return value_list(value, icount_pair, c, err);
}

int value_seed(struct system_command *c, const char *value, struct error *err)
{
    c->seeded = true;
    return value_number("-seed", value, 0, UINT64_MAX, &c->icount.seed, err);
}

static int boot_pair(void *opaque, const char *key, const char *value, struct error *err)
{
    struct system_command *c = opaque;
    static const char *const known[] = {"order", "menu", "strict", "once", NULL};
    if (key && (strcmp(key, "menu") == 0 || strcmp(key, "strict") == 0)) {
        bool on;
        return value_bool(key, value, &on, err);
    }
    if (key && strcmp(key, "order") != 0 && strcmp(key, "once") != 0) {
        return unknown_key("-boot", key, known, err);
    }
    char order[sizeof(c->config.boot_order)] = "";
    size_t n = 0;
    for (const char *p = value; *p; p++) {
        if (!strchr("acdn", *p)) {
            return error_set(err, EINVAL, "-boot %s: letters of a, c, d, n expected", value);
        }
        if (n < sizeof(order) - 1 && *p != 'n') { /* there is no network to boot from */
            order[n++] = *p;
        }
    }
    memcpy(c->config.boot_order, order, sizeof(order));
    return 0;
}

int value_boot(struct system_command *c, const char *value, struct error *err)
{
    return value_list(value, boot_pair, c, err);
}

static int rtc_pair(void *opaque, const char *key, const char *value, struct error *err)
{
    struct system_command *c = opaque;
    static const char *const known[] = {"base", "clock", "driftfix", NULL};
    if (key && (strcmp(key, "clock") == 0 || strcmp(key, "driftfix") == 0)) {
        return 0;
    }
    if (!key || strcmp(key, "base") != 0) {
        return unknown_key("-rtc", key ? key : value, known, err);
    }
    if (strcmp(value, "utc") == 0) {
        return 0;
    }
    if (strcmp(value, "localtime") == 0) {
        c->config.rtc_localtime = true;
        return 0;
    }
    struct tm tm = {.tm_isdst = 0};
    const char *end = strptime(value, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!end) {
        end = strptime(value, "%Y-%m-%d", &tm);
    }
    if (!end || *end) {
        return error_set(err, EINVAL, "-rtc base=%s: utc, localtime or a date expected", value);
    }
    c->config.rtc_base = timegm(&tm);
    return 0;
}

int value_rtc(struct system_command *c, const char *value, struct error *err)
{
    return value_list(value, rtc_pair, c, err);
}
