/* -global: what devices of a type have unless they say otherwise. The last one that names a
 * property counts. One for a device that cannot be asked for is no error, since command lines
 * carry many that matter to one chipset only; but it is said. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/device_fixed.h"
#include "hw/device_internal.h"

#define GLOBALS_MAX 64

struct global {
    char *text; /* that property and value point into */
    const struct device_type *type;
    const char *property, *value;
};

static struct global globals[GLOBALS_MAX] GUARDED_BY(bql);
static unsigned global_count GUARDED_BY(bql);

/* "DRIVER.PROPERTY=VALUE", cut in place; the value is all the rest. */
static bool cut_short_form(char *text, const char **driver, struct global *g)
{
    char *dot = text + strcspn(text, ".=,");
    char *equals = strchr(text, '=');

    if (*dot != '.' || !equals || dot == text || equals == dot + 1) {
        return false;
    }
    *dot = *equals = '\0';
    *driver = text;
    g->property = dot + 1;
    g->value = equals + 1;
    return true;
}

static void warn_unknown(const char *driver, const char *property)
{
    const char *meant = device_type_suggest(driver);

    fprintf(stderr,
            "mortise: warning: -global %s.%s has no effect: no such device can be asked for",
            driver, property);
    fprintf(stderr, meant ? "; did you mean '%s'?\n" : "\n", meant);
}

/* Takes g->text over if it works and there is such a device. */
static int keep(const char *driver, struct global *g, bool *kept, struct error *err) REQUIRES(bql)
{
    g->type = device_type_find(driver);
    if (!g->type) {
        warn_unknown(driver, g->property);
        return 0;
    }
    if (!device_type_has(g->type, g->property)) {
        return error_set(err, EINVAL, "-global: %s has no property \"%s\"", g->type->name,
                         g->property);
    }
    int ret = device_fixed_check(g->type->name, g->property, g->value, err);

    if (ret < 0) {
        return ret;
    }
    if (global_count == GLOBALS_MAX) {
        return error_set(err, E2BIG, "more than %d of -global", GLOBALS_MAX);
    }
    globals[global_count++] = *g;
    *kept = true;
    return 0;
}

/* driver=DRIVER,property=PROPERTY,value=VALUE */
static int add_long_form(const char *text, struct error *err) REQUIRES(bql)
{
    struct device_props p;
    struct global g = {.text = NULL};
    const char *driver;
    bool kept = false;
    int ret = device_props_parse(&p, text, err);

    if (ret < 0) {
        return ret;
    }
    driver = device_props_get(&p, "driver");
    g.property = device_props_get(&p, "property");
    g.value = device_props_get(&p, "value");
    g.text = p.text;
    ret = p.first || p.count != 3 || !driver || !g.property || !g.value
              ? error_set(err, EINVAL, "-global %s: DEVICE.PROPERTY=VALUE expected", text)
              : keep(driver, &g, &kept, err);
    if (!kept) {
        device_props_free(&p);
    }
    return ret;
}

int device_global_add(const char *text, struct error *err)
{
    struct global g = {.text = strdup(text)};
    const char *driver;
    bool kept = false;
    int ret = 0;

    if (!g.text) {
        return error_set(err, ENOMEM, "out of memory");
    }
    ret = cut_short_form(g.text, &driver, &g) ? keep(driver, &g, &kept, err)
                                              : add_long_form(text, err);
    if (!kept) {
        free(g.text);
    }
    return ret;
}

int device_globals_apply(const struct device_type *t, struct device_props *p, struct error *err)
{
    for (unsigned i = global_count; i-- > 0;) {
        const struct global *g = &globals[i];

        if (g->type != t || device_props_get(p, g->property)) {
            continue;
        }
        if (p->count == PROPS_MAX) {
            return error_set(err, E2BIG, "-device %s: too many properties", t->name);
        }
        p->pair[p->count].name = g->property;
        p->pair[p->count++].value = g->value;
    }
    return 0;
}

void device_globals_free(void)
{
    while (global_count > 0) {
        free(globals[--global_count].text);
    }
}
