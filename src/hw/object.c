/* The kernel's random numbers are what every source gives, so a source is its name. */
#include "hw/object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/props.h"

#define RNGS_MAX 16

static char *rngs[RNGS_MAX] GUARDED_BY(bql);
static unsigned rng_count GUARDED_BY(bql);

static int check(const struct device_props *p, struct error *err) REQUIRES(bql)
{
    const char *kind = p->first ? p->first : "", *id = device_props_get(p, "id");
    const char *file = device_props_get(p, "filename");
    bool random = strcmp(kind, "rng-random") == 0;

    if (!random && strcmp(kind, "rng-builtin") != 0) {
        return error_set(err, EINVAL, "-object: there is no '%s' (rng-random, rng-builtin)", kind);
    }
    for (unsigned i = 0; i < p->count; i++) {
        const char *name = p->pair[i].name;

        if (strcmp(name, "id") != 0 && !(random && strcmp(name, "filename") == 0)) {
            return error_set(err, EINVAL, "-object %s has no property \"%s\"", kind, name);
        }
    }
    if (file && strcmp(file, "/dev/urandom") != 0 && strcmp(file, "/dev/random") != 0) {
        return error_set(err, ENOTSUP,
                         "-object rng-random: filename=%s is not there, only /dev/urandom and "
                         "/dev/random",
                         file);
    }
    if (!id || !*id) {
        return error_set(err, EINVAL, "-object %s: id=ID expected", kind);
    }
    if (object_is_rng(id)) {
        return error_set(err, EEXIST, "-object: there are two with id=%s", id);
    }
    return rng_count == RNGS_MAX ? error_set(err, E2BIG, "more than %d of -object", RNGS_MAX) : 0;
}

int object_add(const char *text, struct error *err)
{
    struct device_props p;
    int ret = device_props_parse(&p, text, err);

    if (ret < 0) {
        return ret;
    }
    ret = check(&p, err);
    if (ret == 0) {
        rngs[rng_count] = strdup(device_props_get(&p, "id"));
        ret = rngs[rng_count] ? 0 : error_set(err, ENOMEM, "out of memory");
        rng_count += ret == 0;
    }
    device_props_free(&p);
    return ret;
}

bool object_is_rng(const char *id)
{
    for (unsigned i = 0; i < rng_count; i++) {
        if (strcmp(rngs[i], id) == 0) {
            return true;
        }
    }
    return false;
}

void objects_free(void)
{
    while (rng_count > 0) {
        free(rngs[--rng_count]);
    }
}
