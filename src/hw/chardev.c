/* Character devices: the common part, and the choice of a kind. */
#include "hw/chardev.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hw/chardev_internal.h"
#include "hw/chardev_named.h"

int chardev_init(struct chardev *c, const struct chardev_ops *ops, const char *label,
                 struct error *err)
{
    c->ops = ops;
    c->label = strdup(label);
    return c->label ? 0 : error_set(err, ENOMEM, "%s: out of memory", label);
}

static const struct chardev_ops null_ops = {0};

static int null_new(const char *label, struct chardev **out, struct error *err) REQUIRES(bql)
{
    struct chardev *c = calloc(1, sizeof(*c));
    if (!c) {
        return error_set(err, ENOMEM, "%s: out of memory", label);
    }
    int rc = chardev_init(c, &null_ops, label, err);
    if (rc) {
        free(c);
        return rc;
    }
    *out = c;
    return 0;
}

static const char *after(const char *spec, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(spec, prefix, n) == 0 ? spec + n : NULL;
}

/* telnet:HOST:PORT is tcp:HOST:PORT and what is agreed on there. */
static int telnet_new(const char *label, const char *address, struct chardev **out,
                      struct error *err) REQUIRES(bql)
{
    struct chardev *back;
    char spec[512];
    if (snprintf(spec, sizeof(spec), "tcp:%s", address) >= (int)sizeof(spec)) {
        return error_set(err, ENAMETOOLONG, "%s: too long for a socket: '%.64s...'", label,
                         address);
    }
    int rc = chardev_socket_new(label, spec, &back, err);
    if (rc) {
        return rc;
    }
    rc = chardev_telnet_new(back, out, err);
    if (rc) {
        chardev_free(back);
    }
    return rc;
}

int chardev_new(const char *spec, const char *label, bool signals, struct chardev **out,
                struct error *err)
{
    const char *rest;
    if (strcmp(spec, "null") == 0 || strcmp(spec, "vc") == 0 || after(spec, "vc:")) {
        return null_new(label, out, err);
    }
    if (strcmp(spec, "stdio") == 0) {
        return chardev_stdio_new(label, signals, out, err);
    }
    if (strcmp(spec, "pty") == 0) {
        return chardev_pty_new(label, out, err);
    }
    if ((rest = after(spec, "chardev:")) && *rest) {
        return chardev_named_take(rest, label, out, err);
    }
    if (after(spec, "/dev/")) {
        return chardev_tty_new(label, spec, out, err);
    }
    if ((rest = after(spec, "file:")) && *rest) {
        return chardev_file_new(label, rest, out, err);
    }
    if ((rest = after(spec, "pipe:")) && *rest) {
        return chardev_pipe_new(label, rest, out, err);
    }
    if (after(spec, "unix:") || after(spec, "tcp:")) {
        return chardev_socket_new(label, spec, out, err);
    }
    if ((rest = after(spec, "telnet:")) && *rest) {
        return telnet_new(label, rest, out, err);
    }
    return error_set(err, EINVAL,
                     "%s: unknown character device '%s' (null, stdio, pty, file:PATH, pipe:PATH, "
                     "unix:PATH, tcp:HOST:PORT, telnet:HOST:PORT, /dev/NAME, chardev:ID)",
                     label, spec);
}

void chardev_free(struct chardev *c)
{
    if (!c) {
        return;
    }
    if (c->ops->free) {
        c->ops->free(c);
    }
    if (c->logging) {
        (void)close(c->log_fd);
    }
    free(c->label);
    free(c);
}

int chardev_log(struct chardev *c, const char *path, bool append, struct error *err)
{
    int fd = chardev_open_output(path, append);
    if (fd < 0) {
        return error_set(err, -fd, "%s: cannot open %s: %s", c->label, path, error_text(-fd));
    }
    c->log_fd = fd;
    c->logging = true;
    return 0;
}

/* A log that takes no more is no reason to keep the guest. */
static void write_log(const struct chardev *c, const uint8_t *buf, size_t len) REQUIRES(bql)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = write(c->log_fd, buf + done, len - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return;
        }
        done += (size_t)n;
    }
}

void chardev_attach(struct chardev *c, const struct chardev_client *client, void *opaque)
{
    c->client = client;
    c->opaque = opaque;
    if (c->ops->is_open && c->ops->is_open(c)) {
        chardev_tell_opened(c, true);
    }
}

void chardev_tell_opened(struct chardev *c, bool up)
{
    if (c->client && c->client->opened) {
        c->client->opened(c->opaque, up);
    }
    if (up) { /* what it may have taken no input for, a greeting say, has gone by now */
        chardev_accept_input(c);
    }
}

size_t chardev_write(struct chardev *c, const void *buf, size_t len)
{
    size_t taken = c->ops->write ? c->ops->write(c, buf, len) : len;
    if (c->logging) {
        write_log(c, buf, taken);
    }
    return taken;
}

bool chardev_can_write(const struct chardev *c)
{
    return !c->ops->can_write || c->ops->can_write(c);
}

void chardev_accept_input(struct chardev *c)
{
    if (c->ops->accept_input) {
        c->ops->accept_input(c);
    }
}
