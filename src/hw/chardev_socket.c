/* Character devices on sockets: unix:PATH and tcp:HOST:PORT, as a client or
 * (server=on) waiting for one client at a time. A server takes the place of a socket
 * that an earlier one has left, but of no other file. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "aio/main_loop.h"
#include "hw/chardev_internal.h"

struct socket_spec {
    char address[256];
    bool unix_domain, server, wait, nodelay;
};

/* NAME, NAME=on or NAME=off. */
static bool parse_switch(const char *text, const char *name, bool *value)
{
    size_t n = strlen(name);
    if (strncmp(text, name, n) != 0) {
        return false;
    }
    *value = strcmp(text + n, "=off") != 0;
    return text[n] == '\0' || strcmp(text + n, "=on") == 0 || !*value;
}

static int parse(const char *label, const char *spec, struct socket_spec *s, struct error *err)
{
    const char *colon = strchr(spec, ':');
    char options[256];
    *s = (struct socket_spec){.unix_domain = strncmp(spec, "unix:", 5) == 0, .wait = true};
    size_t n = strcspn(colon + 1, ",");
    if (n == 0) {
        return error_set(err, EINVAL, "%s: no address in '%s'", label, spec);
    }
    if (n >= sizeof(s->address) || strlen(colon + 1 + n) >= sizeof(options)) {
        return error_set(err, ENAMETOOLONG, "%s: too long for a socket: '%.64s...'", label, spec);
    }
    memcpy(s->address, colon + 1, n);
    memcpy(options, colon + 1 + n, strlen(colon + 1 + n) + 1);
    char *save = NULL;
    for (char *o = strtok_r(options, ",", &save); o; o = strtok_r(NULL, ",", &save)) {
        if (strcmp(o, "nowait") == 0) {
            s->wait = false;
        } else if (!parse_switch(o, "server", &s->server) && !parse_switch(o, "wait", &s->wait) &&
                   !parse_switch(o, "nodelay", &s->nodelay)) { /* which is so anyway */
            return error_set(err, EINVAL,
                             "%s: unknown socket option '%s' (server=on|off, wait=on|off)", label,
                             o);
        }
    }
    return 0;
}

static void remove_socket(const char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        (void)unlink(path);
    }
}

static int open_unix(const struct socket_spec *s)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(s->address) >= sizeof(a.sun_path)) {
        return -ENAMETOOLONG;
    }
    memcpy(a.sun_path, s->address, strlen(s->address) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (s->server) {
        remove_socket(s->address);
    }
    int rc = 0;
    if (!s->server) {
        rc = chardev_connect(fd, (struct sockaddr *)&a, sizeof(a));
    } else if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1)) {
        rc = -errno;
    }
    if (rc) {
        (void)close(fd);
        return rc;
    }
    return fd;
}

static int open_one(const struct addrinfo *a, bool server)
{
    int one = 1;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0) {
        return -errno;
    }
    int rc = 0;
    if (!server) {
        rc = chardev_connect(fd, a->ai_addr, a->ai_addrlen);
    } else if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
               bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, 1)) {
        rc = -errno;
    }
    if (rc) {
        (void)close(fd);
        return rc;
    }
    return fd;
}

static int open_tcp(const struct socket_spec *s)
{
    char host[256];
    const char *colon = strrchr(s->address, ':');
    if (!colon) {
        return -EINVAL;
    }
    (void)snprintf(host, sizeof(host), "%.*s", (int)(colon - s->address), s->address);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = s->server ? AI_PASSIVE : 0};
    struct addrinfo *list;
    if (getaddrinfo(*host ? host : NULL, colon + 1, &hints, &list) != 0) {
        return -EHOSTUNREACH;
    }
    int fd = -EHOSTUNREACH;
    for (const struct addrinfo *a = list; a && fd < 0 && fd != -EINTR; a = a->ai_next) {
        fd = open_one(a, s->server);
    }
    freeaddrinfo(list);
    return fd;
}

/* While the client takes no input, nobody waits for the descriptor. */
static bool has_left(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    return poll(&p, 1, 0) == 1;
}

/* What is typed and shown goes out at once. */
static void set_no_delay(int fd)
{
    int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* unless it is no TCP */
}

static void on_connect(void *opaque)
{
    struct chardev_fd *c = opaque;
    bql_assert_locked();
    int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    set_no_delay(fd);
    if (c->in >= 0 && has_left(c->in)) {
        chardev_fd_drain(c); /* last words first; at their end it hangs up by itself */
        if (c->in >= 0) {
            chardev_fd_hang_up(c);
        }
    }
    if (c->in >= 0) { /* one at a time */
        (void)close(fd);
        return;
    }
    chardev_fd_start(c, fd, fd);
    chardev_tell_opened(&c->c, true);
}

static void on_hang_up(struct chardev_fd *c)
{
    bql_assert_locked();
    chardev_fd_hang_up(c);
}

static int start_server(struct chardev_fd *c, const struct socket_spec *s, struct error *err)
    REQUIRES(bql)
{
    static const struct aio_fd_ops ops = {.io_read = on_connect};
    if (s->wait) {
        fprintf(stderr, "mortise: %s: waiting for a connection on %s\n", c->c.label, s->address);
        if (chardev_wait(c->listener, POLLIN, -1)) {
            return error_set(err, EINTR, "%s: interrupted before somebody connected", c->c.label);
        }
        on_connect(c);
    }
    return aio_set_fd_handler(main_loop_iohandler_context(), c->listener, 0, &ops, c, err);
}

int chardev_socket_new(const char *label, const char *spec, struct chardev **out, struct error *err)
{
    struct socket_spec s;
    int rc = parse(label, spec, &s, err);
    if (rc) {
        return rc;
    }
    int fd = s.unix_domain ? open_unix(&s) : open_tcp(&s);
    if (fd < 0) {
        return error_set(err, -fd, "%s: cannot %s %s: %s", label,
                         s.server ? "listen on" : "connect to", s.address, error_text(-fd));
    }
    struct chardev_fd *c = chardev_fd_new(label, err);
    if (!c) {
        (void)close(fd);
        return -ENOMEM;
    }
    c->hung_up = on_hang_up;
    if (s.server) {
        c->listener = fd;
        rc = start_server(c, &s, err);
    } else {
        set_no_delay(fd);
        chardev_fd_start(c, fd, fd);
    }
    if (rc) {
        chardev_free(&c->c);
        return rc;
    }
    *out = &c->c;
    return 0;
}
