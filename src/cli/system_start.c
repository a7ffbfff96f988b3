/* Values of -boot, -rtc and -name: what a guest and its firmware find at the start. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/system_values.h"

#define MILLISECONDS_MAX 65535

static int boot_letters(const char *value, char order[MACHINE_BOOT_LETTERS + 1], struct error *err)
{
    size_t n = 0;
    memset(order, 0, MACHINE_BOOT_LETTERS + 1);
    for (const char *p = value; *p; p++) {
        if (!strchr("acdn", *p)) {
            return error_set(err, EINVAL, "-boot %s: letters of a, c, d, n expected", value);
        }
        if (strchr(p + 1, *p)) {
            return error_set(err, EINVAL, "-boot %s: '%c' is there twice", value, *p);
        }
        if (n < MACHINE_BOOT_LETTERS && *p != 'n') { /* there is no network to boot from */
            order[n++] = *p;
        }
    }
    return 0;
}

static int boot_pair(void *opaque, const char *key, const char *value, struct error *err)
{
    struct system_command *c = opaque;
    struct machine_boot *b = &c->config.boot;
    static const char *const known[] = {"order",          "menu",        "strict", "once",
                                        "reboot-timeout", "splash-time", NULL};
    uint64_t ms = 0;
    if (!key || strcmp(key, "order") == 0) {
        return boot_letters(value, b->order, err);
    }
    if (strcmp(key, "once") == 0) {
        b->has_once = true;
        return boot_letters(value, b->once, err);
    }
    if (strcmp(key, "menu") == 0) {
        return value_bool("-boot menu", value, &b->menu, err);
    }
    if (strcmp(key, "strict") == 0) {
        return value_bool("-boot strict", value, &b->strict, err);
    }
    if (strcmp(key, "splash-time") == 0) {
        int rc = value_number("-boot splash-time", value, 0, MILLISECONDS_MAX, &ms, err);
        b->has_menu_wait = rc == 0;
        b->menu_wait_ms = (uint16_t)ms;
        return rc;
    }
    if (strcmp(key, "reboot-timeout") == 0) {
        int rc = strcmp(value, "-1") == 0
                     ? 0
                     : value_number("-boot reboot-timeout", value, 0, MILLISECONDS_MAX, &ms, err);
        b->has_fail_wait = rc == 0;
        b->fail_wait_ms = strcmp(value, "-1") == 0 ? -1 : (int32_t)ms;
        return rc;
    }
    return value_unknown_key("-boot", key, known, err);
}

int value_boot(struct system_command *c, const char *value, struct error *err)
{
    return value_list(value, boot_pair, c, err);
}

static int rtc_base(struct machine_config *c, const char *value, struct error *err)
{
    c->rtc_localtime = strcmp(value, "localtime") == 0;
    c->rtc_has_base = false;
    if (c->rtc_localtime || strcmp(value, "utc") == 0) {
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
    c->rtc_base = timegm(&tm);
    c->rtc_has_base = true;
    return 0;
}

/* The clock goes with guest time. With the host's it would go on while the guest stands
 * still, and with -icount it would not be the same again. */
static int rtc_clock(const char *value, struct error *err)
{
    if (strcmp(value, "vm") == 0) {
        return 0;
    }
    if (strcmp(value, "host") != 0 && strcmp(value, "rt") != 0) {
        return error_set(err, EINVAL, "-rtc clock=%s: vm, host or rt expected", value);
    }
    value_warn("-rtc clock=%s: the clock goes with guest time, and stops when the guest does",
               value);
    return 0;
}

static int rtc_driftfix(const char *value, struct error *err)
{
    if (strcmp(value, "slew") == 0) {
        value_warn("-rtc driftfix=slew: the clock's periodic interrupts that come late are not "
                   "made up for");
        return 0;
    }
    return strcmp(value, "none") == 0
               ? 0
               : error_set(err, EINVAL, "-rtc driftfix=%s: none or slew expected", value);
}

static int rtc_pair(void *opaque, const char *key, const char *value, struct error *err)
{
    struct system_command *c = opaque;
    static const char *const known[] = {"base", "clock", "driftfix", NULL};
    if (key && strcmp(key, "base") == 0) {
        return rtc_base(&c->config, value, err);
    }
    if (key && strcmp(key, "clock") == 0) {
        return rtc_clock(value, err);
    }
    if (key && strcmp(key, "driftfix") == 0) {
        return rtc_driftfix(value, err);
    }
    return value_unknown_key("-rtc", key ? key : value, known, err);
}

int value_rtc(struct system_command *c, const char *value, struct error *err)
{
    return value_list(value, rtc_pair, c, err);
}

static int name_pair(void *opaque, const char *key, const char *value, struct error *err)
{
    struct system_command *c = opaque;
    static const char *const known[] = {"guest", "process", "debug-threads", NULL};
    bool threads; /* each has its name anyway */
    if (!key || strcmp(key, "guest") == 0) {
        (void)snprintf(c->config.name, sizeof(c->config.name), "%s", value);
        return 0;
    }
    if (strcmp(key, "process") == 0) {
        (void)snprintf(c->process_name, sizeof(c->process_name), "%s", value);
        return 0;
    }
    if (strcmp(key, "debug-threads") == 0) {
        return value_bool("-name debug-threads", value, &threads, err);
    }
    return value_unknown_key("-name", key, known, err);
}

int value_name(struct system_command *c, const char *value, struct error *err)
{
    return value_list(value, name_pair, c, err);
}
