/* Properties are cut out of a copy of the text, in place. */
#include "hw/props.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Ends the item that begins at `at`, doubled commas made single; where the next one
 * begins, or NULL. */
static char *cut(char *at)
{
    char *to = at;

    for (; *at; at++) {
        if (*at == ',' && at[1] != ',') {
            *to = 0;
            return at + 1;
        }
        at += *at == ',';
        *to++ = *at;
    }
    *to = 0;
    return NULL;
}

/* "name=value"; "name" is name=on, "noname" name=off. */
static void add(struct device_props *p, char *item, char *equals)
{
    bool no = !equals && strncmp(item, "no", 2) == 0 && item[2];

    if (equals) {
        *equals = 0;
    }
    p->pair[p->count].name = no ? item + 2 : item;
    p->pair[p->count++].value = equals ? equals + 1 : no ? "off" : "on";
}

int device_props_parse(struct device_props *p, const char *text, struct error *err)
{
    char *item, *next;

    *p = (struct device_props){.text = strdup(text)};
    if (!p->text) {
        return error_set(err, ENOMEM, "out of memory");
    }
    for (item = p->text; item; item = next) {
        char *equals;

        next = cut(item);
        equals = strchr(item, '=');
        if (!equals && item == p->text) {
            p->first = item;
            continue;
        }
        if (!*item || equals == item || p->count == PROPS_MAX) {
            int ret = error_set(err, EINVAL, "\"%s\": \"%s\" is not property=value", text, item);

            device_props_free(p);
            return ret;
        }
        add(p, item, equals);
    }
    return 0;
}

void device_props_free(struct device_props *p)
{
    free(p->text);
    p->text = NULL;
    p->count = 0;
}

const char *device_props_get(const struct device_props *p, const char *name)
{
    for (unsigned i = p->count; i-- > 0;) {
        if (strcmp(p->pair[i].name, name) == 0) {
            return p->pair[i].value;
        }
    }
    return NULL;
}

int device_props_bool(const struct device_props *p, const char *name, bool otherwise, bool *value,
                      struct error *err)
{
    static const char *const yes[] = {"on", "yes", "true"}, *const no[] = {"off", "no", "false"};
    const char *text = device_props_get(p, name);

    *value = otherwise;
    for (unsigned i = 0; text && i < 3; i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *value = strcmp(text, yes[i]) == 0;
            return 0;
        }
    }
    return text ? error_set(err, EINVAL, "%s=%s: on or off expected", name, text) : 0;
}

int device_props_number(const struct device_props *p, const char *name, uint64_t otherwise,
                        uint64_t max, uint64_t *value, struct error *err)
{
    const char *text = device_props_get(p, name);
    char *end;

    *value = otherwise;
    if (!text) {
        return 0;
    }
    errno = 0;
    *value = strtoull(text, &end, 0);
    if (errno || end == text || *end || *text == '-' || *value > max) {
        return error_set(err, EINVAL, "%s=%s: a number up to %llu expected", name, text,
                         (unsigned long long)max);
    }
    return 0;
}
