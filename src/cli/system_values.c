/* Option values made of pairs: what they share, -icount and -seed. */
#include "cli/system_values.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

#define TEXT_MAX   1024
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

int value_unknown_key(const char *option, const char *key, const char *const *known,
                      struct error *err)
{
    const char *meant = suggest_name(key, known);
    return meant ? error_set(err, EINVAL, "%s: unknown property '%s'; did you mean '%s'?", option,
                             key, meant)
                 : error_set(err, EINVAL, "%s: unknown property '%s'", option, key);
}

void value_warn(const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    fprintf(stderr, "mortise: warning: %s\n", text);
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
    return value_unknown_key("-icount", key, known, err);
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
