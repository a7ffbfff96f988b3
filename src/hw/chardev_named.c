/* What -chardev says becomes a specification as -serial takes it, so that both mean the same;
 * only stdio has a switch that no specification has, and a terminal a path that may be any. */
#include "hw/chardev_named.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/chardev_internal.h"
#include "hw/props.h"

#define NAMED_MAX 32
#define SPEC_MAX  1024

struct named {
    char *id;
    struct chardev *front[2]; /* NULL: taken, or not multiplexed */
    unsigned taken, count;    /* of the front ends */
};

static struct named named[NAMED_MAX] GUARDED_BY(bql);
static unsigned named_count GUARDED_BY(bql);

/* Kinds and the properties that they have beside those of all. */
static const struct kind {
    const char *name;
    const char *spec; /* what begins the specification; NULL: a terminal by its path */
    const char *properties[9];
    bool path; /* it needs a path */
} kinds[] = {
    {"null", "null", {NULL}, false},
    {"vc", "vc", {NULL}, false},
    {"pty", "pty", {NULL}, false},
    {"stdio", "stdio", {"signal", NULL}, false},
    {"file", "file:", {"path", NULL}, true},
    {"pipe", "pipe:", {"path", NULL}, true},
    {"serial", NULL, {"path", NULL}, true},
    {"tty", NULL, {"path", NULL}, true},
    /* "delay" is what "nodelay" without a value is read as */
    {"socket",
     "",
     {"path", "host", "port", "server", "wait", "telnet", "nodelay", "delay", NULL},
     false},
};

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; name && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

static struct named *find(const char *id) REQUIRES(bql)
{
    for (unsigned i = 0; i < named_count; i++) {
        if (strcmp(named[i].id, id) == 0) {
            return &named[i];
        }
    }
    return NULL;
}

static bool is_known(const struct kind *k, const char *property)
{
    static const char *const all[] = {"id", "mux", "logfile", "logappend"};
    bool known = false;

    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        known = known || strcmp(all[i], property) == 0;
    }
    for (unsigned i = 0; k->properties[i]; i++) {
        known = known || strcmp(k->properties[i], property) == 0;
    }
    return known;
}

static int check(const struct device_props *p, const struct kind *k, struct error *err)
    REQUIRES(bql)
{
    const char *id = device_props_get(p, "id");

    if (!id || !*id) {
        return error_set(err, EINVAL, "-chardev %s: id=ID expected", k->name);
    }
    if (find(id)) {
        return error_set(err, EEXIST, "-chardev: there are two with id=%s", id);
    }
    if (named_count == NAMED_MAX) {
        return error_set(err, E2BIG, "more than %d of -chardev", NAMED_MAX);
    }
    for (unsigned i = 0; i < p->count; i++) {
        if (!is_known(k, p->pair[i].name)) {
            return error_set(err, EINVAL, "-chardev %s has no property \"%s\"", k->name,
                             p->pair[i].name);
        }
    }
    return k->path && !device_props_get(p, "path")
               ? error_set(err, EINVAL, "-chardev %s: path=PATH expected", k->name)
               : 0;
}

/* Of a socket: the address, and whether it waits for others. */
static int socket_spec(const struct device_props *p, char *spec, size_t size, struct error *err)
{
    const char *path = device_props_get(p, "path"), *port = device_props_get(p, "port");
    const char *host = device_props_get(p, "host");
    bool server = false, wait = false, telnet = false, ignored;
    int n, ret = device_props_bool(p, "server", false, &server, err);

    if (ret == 0) {
        ret = device_props_bool(p, "wait", server, &wait, err);
    }
    if (ret == 0) {
        ret = device_props_bool(p, "telnet", false, &telnet, err);
    }
    if (ret == 0) {
        ret = device_props_bool(p, "nodelay", true, &ignored, err); /* it is so */
    }
    if (ret == 0) {
        ret = device_props_bool(p, "delay", false, &ignored, err);
    }
    if (ret < 0) {
        return ret;
    }
    if (!path == !port || (path && (host || telnet)) || strchr(path ? path : port, ',')) {
        return error_set(err, EINVAL,
                         "-chardev socket: path=PATH, or host=HOST,port=PORT expected");
    }
    n = path ? snprintf(spec, size, "unix:%s,server=%s,wait=%s", path, server ? "on" : "off",
                        wait ? "on" : "off")
             : snprintf(spec, size, "%s:%s:%s,server=%s,wait=%s", telnet ? "telnet" : "tcp",
                        host ? host : "", port, server ? "on" : "off", wait ? "on" : "off");
    return n < (int)size ? 0 : error_set(err, ENAMETOOLONG, "-chardev socket: too long");
}

static int open_back(const struct device_props *p, const struct kind *k, struct chardev **back,
                     struct error *err) REQUIRES(bql)
{
    const char *id = device_props_get(p, "id"), *path = device_props_get(p, "path");
    char spec[SPEC_MAX];
    bool signal;
    int ret = device_props_bool(p, "signal", true, &signal, err);

    if (ret == 0 && !k->spec) {
        return chardev_tty_new(id, path, back, err);
    }
    if (ret == 0 && strcmp(k->name, "socket") == 0) {
        ret = socket_spec(p, spec, sizeof(spec), err);
    } else if (ret == 0 &&
               snprintf(spec, sizeof(spec), "%s%s", k->spec, path ? path : "") >= SPEC_MAX) {
        ret = error_set(err, ENAMETOOLONG, "-chardev %s: too long", k->name);
    }
    return ret < 0 ? ret : chardev_new(spec, id, signal, back, err);
}

static int start_log(const struct device_props *p, struct chardev *back, struct error *err)
    REQUIRES(bql)
{
    const char *file = device_props_get(p, "logfile");
    bool append;
    int ret = device_props_bool(p, "logappend", false, &append, err);

    return ret < 0 || !file ? ret : chardev_log(back, file, append, err);
}

int chardev_named_add(const char *text, void (*quit)(void *opaque), void *opaque, struct error *err)
{
    struct named n = {.count = 1};
    struct device_props p;
    const struct kind *k;
    struct chardev *back = NULL;
    bool mux = false;
    int ret = device_props_parse(&p, text, err);

    if (ret < 0) {
        return ret;
    }
    k = find_kind(p.first);
    if (!k) {
        ret = error_set(err, EINVAL,
                        "-chardev: there is no '%s' (null, vc, pty, stdio, file, pipe, serial, "
                        "socket)",
                        p.first ? p.first : "");
        device_props_free(&p);
        return ret;
    }
    ret = check(&p, k, err);
    if (ret == 0) {
        ret = device_props_bool(&p, "mux", false, &mux, err);
    }
    if (ret == 0) {
        n.id = strdup(device_props_get(&p, "id"));
        ret = n.id ? open_back(&p, k, &back, err) : error_set(err, ENOMEM, "out of memory");
    }
    if (ret == 0) {
        ret = start_log(&p, back, err);
    }
    if (ret == 0 && mux) {
        n.count = 2;
        ret = chardev_mux_new(back, quit, opaque, n.front, err);
    } else {
        n.front[0] = back;
    }
    if (ret == 0) {
        named[named_count++] = n;
    } else {
        chardev_free(back);
        free(n.id);
    }
    device_props_free(&p);
    return ret;
}

bool chardev_named_is(const char *id)
{
    return find(id) != NULL;
}

int chardev_named_take(const char *id, const char *user, struct chardev **out, struct error *err)
{
    struct named *n = find(id);

    if (!n) {
        return error_set(err, ENOENT, "%s: there is no -chardev with id=%s", user, id);
    }
    if (n->taken == n->count) {
        return error_set(err, EBUSY, "%s: -chardev id=%s is in use%s", user, id,
                         n->count == 1 ? " (mux=on is for two)" : "");
    }
    *out = n->front[n->taken];
    n->front[n->taken++] = NULL;
    return 0;
}

void chardevs_named_free(void)
{
    for (; named_count > 0; named_count--) {
        struct named *n = &named[named_count - 1];

        chardev_free(n->front[0]);
        chardev_free(n->front[1]);
        free(n->id);
        *n = (struct named){.id = NULL};
    }
}
