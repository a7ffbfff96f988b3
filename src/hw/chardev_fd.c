/* Character devices on file descriptors: what all of them share, and files and pipes.
 * Descriptors that we have opened are made non-blocking: that poll(2) says there is room
 * is a promise for some bytes only, of a terminal or a socket. Standard input and output
 * are shared with other processes, so they are not; output to them is written in pieces
 * that a pipe takes if it polls writable. (Of a terminal that is another description.) */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aio/bh.h"
#include "aio/main_loop.h"
#include "hw/chardev_internal.h"

#define PIECE         4096 /* PIPE_BUF: a pipe that polls writable takes so much */
#define LAST_WORDS_NS 2000000000

static struct chardev_fd *fd_of(struct chardev *c)
{
    return (struct chardev_fd *)(void *)c;
}

static const struct chardev_fd *const_fd_of(const struct chardev *c)
{
    return (const struct chardev_fd *)(const void *)c;
}

static void update_watches(struct chardev_fd *c) REQUIRES(bql);

static bool output_ready(const struct chardev_fd *c) REQUIRES(bql)
{
    struct pollfd p = {.fd = c->out, .events = POLLOUT};
    return c->out_always_ready || (poll(&p, 1, 0) == 1 && (p.revents & (POLLOUT | POLLERR)));
}

/* Writes what can be written at once. Returns how much; what an error swallows
 * counts as written. */
static size_t write_now(struct chardev_fd *c, const uint8_t *buf, size_t len) REQUIRES(bql)
{
    size_t done = 0;
    while (done < len && output_ready(c)) {
        size_t piece = len - done < PIECE ? len - done : PIECE;
        ssize_t n = write(c->out, buf + done, piece);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
            break;
        }
        done += n > 0 ? (size_t)n : piece;
    }
    return done;
}

static void flush(struct chardev_fd *c) REQUIRES(bql)
{
    while (c->used > 0) {
        size_t n = CHARDEV_BUFFER - c->start < c->used ? CHARDEV_BUFFER - c->start : c->used;
        size_t done = write_now(c, c->buffer + c->start, n);
        c->start = (c->start + done) % CHARDEV_BUFFER;
        c->used -= done;
        if (done < n) {
            break;
        }
    }
}

static size_t fd_write(struct chardev *base, const uint8_t *buf, size_t len)
{
    struct chardev_fd *c = fd_of(base);
    bql_assert_locked();
    if (c->out < 0) {
        return len;
    }
    size_t done = c->used == 0 ? write_now(c, buf, len) : 0;
    for (; done < len && c->used < CHARDEV_BUFFER; done++, c->used++) {
        c->buffer[(c->start + c->used) % CHARDEV_BUFFER] = buf[done];
    }
    update_watches(c);
    return done;
}

static bool fd_can_write(const struct chardev *base)
{
    const struct chardev_fd *c = const_fd_of(base);
    bql_assert_locked();
    return c->out < 0 || c->used < CHARDEV_BUFFER;
}

static bool fd_is_open(const struct chardev *base)
{
    const struct chardev_fd *c = const_fd_of(base);
    bql_assert_locked();
    return c->out >= 0;
}

static void on_writable(void *opaque)
{
    struct chardev_fd *c = opaque;
    bql_assert_locked();
    bool full = c->used == CHARDEV_BUFFER;
    flush(c);
    update_watches(c);
    if (full && c->used < CHARDEV_BUFFER && c->c.client && c->c.client->writable) {
        c->c.client->writable(c->c.opaque);
    }
}

static size_t room_of_client(const struct chardev_fd *c) REQUIRES(bql)
{
    return c->c.client ? c->c.client->can_receive(c->c.opaque) : 0;
}

static void on_readable(void *opaque)
{
    struct chardev_fd *c = opaque;
    uint8_t buf[1024];
    bql_assert_locked();
    size_t room = room_of_client(c);
    if (room > 0 && c->in >= 0) {
        ssize_t n = read(c->in, buf, room < sizeof(buf) ? room : sizeof(buf));
        if (n > 0) {
            c->c.client->receive(c->c.opaque, buf, (size_t)n);
        } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            int in = c->in;
            bool shared = in == c->out;
            c->in = -1; /* ended */
            if (c->watching_in || (shared && c->watching_out)) {
                aio_clear_fd_handler(main_loop_iohandler_context(), in);
                c->watching_in = false;
                c->watching_out = c->watching_out && !shared; /* it was one registration */
            }
            if (c->hung_up) {
                c->in = in;
                c->hung_up(c);
                return;
            }
        }
    }
    update_watches(c);
}

/* Registers what has to be waited for. One descriptor for both directions has one
 * registration. */
static void update_watches(struct chardev_fd *c)
{
    bool in = c->in >= 0 && room_of_client(c) > 0;
    bool out = c->out >= 0 && c->used > 0 && !c->out_always_ready;
    if (in == c->watching_in && out == c->watching_out) {
        return;
    }
    struct aio_context *ctx = main_loop_iohandler_context();
    bool shared = c->in == c->out;
    struct aio_fd_ops in_ops = {.io_read = in ? on_readable : NULL,
                                .io_write = shared && out ? on_writable : NULL};
    struct aio_fd_ops out_ops = {.io_write = on_writable};
    struct error err;
    int rc = 0;
    if (c->in >= 0 && (in || (shared && out))) {
        rc = aio_set_fd_handler(ctx, c->in, 0, &in_ops, c, &err);
    } else if (c->in >= 0 && (c->watching_in || (shared && c->watching_out))) {
        aio_clear_fd_handler(ctx, c->in);
    }
    if (!shared && out && !c->watching_out) {
        rc = aio_set_fd_handler(ctx, c->out, 0, &out_ops, c, &err);
    } else if (!shared && !out && c->watching_out) {
        aio_clear_fd_handler(ctx, c->out);
    }
    c->watching_in = in;
    c->watching_out = out;
    if (rc == -EPERM && in && !shared) { /* a file as input is always readable */
        c->watching_in = false;
        aio_bh_schedule(c->read_bh);
    }
}

void chardev_fd_drain(struct chardev_fd *c)
{
    while (c->in >= 0 && room_of_client(c) > 0) {
        on_readable(c);
    }
}

static void fd_accept_input(struct chardev *base)
{
    bql_assert_locked();
    update_watches(fd_of(base));
}

void chardev_fd_stop(struct chardev_fd *c)
{
    struct aio_context *ctx = main_loop_iohandler_context();
    if (c->out >= 0) {
        flush(c);
    }
    if (c->watching_in || (c->watching_out && c->in == c->out)) {
        aio_clear_fd_handler(ctx, c->in);
    }
    if (c->watching_out && c->in != c->out) {
        aio_clear_fd_handler(ctx, c->out);
    }
    if (c->in > STDERR_FILENO) {
        (void)close(c->in);
    }
    if (c->out > STDERR_FILENO && c->out != c->in) {
        (void)close(c->out);
    }
    c->in = c->out = -1;
    c->watching_in = c->watching_out = false;
    c->start = c->used = 0;
}

void chardev_fd_hang_up(struct chardev_fd *c)
{
    bool full = c->used == CHARDEV_BUFFER;
    chardev_fd_stop(c);
    chardev_tell_opened(&c->c, false);
    if (full && c->c.client && c->c.client->writable) { /* it waits for room: now there is */
        c->c.client->writable(c->c.opaque);
    }
}

/* What is in the buffer at the end, a slow reader still gets, one that reads nothing costs
 * two seconds. */
static void say_last_words(struct chardev_fd *c) REQUIRES(bql)
{
    int64_t end = aio_clock_get_ns(AIO_CLOCK_HOST) + LAST_WORDS_NS;
    struct pollfd p = {.fd = c->out, .events = POLLOUT};
    while (c->out >= 0 && c->used > 0) {
        int64_t left = end - aio_clock_get_ns(AIO_CLOCK_HOST);
        if (left <= 0 || (poll(&p, 1, (int)(left / 1000000) + 1) < 0 && errno != EINTR)) {
            break;
        }
        flush(c);
    }
}

static void fd_free(struct chardev *base)
{
    struct chardev_fd *c = fd_of(base);
    bql_assert_locked();
    say_last_words(c);
    chardev_fd_stop(c);
    if (c->listener >= 0) {
        aio_clear_fd_handler(main_loop_iohandler_context(), c->listener);
        (void)close(c->listener);
    }
    if (c->master >= 0) {
        aio_timer_del(&c->look);
        (void)close(c->master);
    }
    aio_bh_delete(c->read_bh);
    if (c->restore_tty) {
        chardev_stdio_restore_terminal();
    }
}

static const struct chardev_ops fd_ops = {
    .accept_input = fd_accept_input,
    .write = fd_write,
    .can_write = fd_can_write,
    .is_open = fd_is_open,
    .free = fd_free,
};

struct chardev_fd *chardev_fd_new(const char *label, struct error *err)
{
    struct chardev_fd *c = calloc(1, sizeof(*c));
    if (!c) {
        (void)error_set(err, ENOMEM, "%s: out of memory", label);
        return NULL;
    }
    if (chardev_init(&c->c, &fd_ops, label, err)) {
        free(c);
        return NULL;
    }
    c->in = c->out = c->listener = c->master = -1;
    c->read_bh = aio_bh_new(main_loop_iohandler_context(), on_readable, c);
    return c;
}

static void set_nonblocking(int fd)
{
    int flags = fd > STDERR_FILENO ? fcntl(fd, F_GETFL) : -1;
    if (flags >= 0) {
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    }
}

void chardev_fd_start(struct chardev_fd *c, int in, int out)
{
    struct stat st;
    set_nonblocking(in);
    set_nonblocking(out);
    c->in = in;
    c->out = out;
    c->out_always_ready = out >= 0 && fstat(out, &st) == 0 && S_ISREG(st.st_mode);
    update_watches(c);
}

static int open_or_say(const char *label, const char *path, int flags, struct error *err)
{
    int fd = open(path, flags | O_CLOEXEC, 0666);
    return fd >= 0
               ? fd
               : error_set(err, errno, "%s: cannot open %s: %s", label, path, error_text(errno));
}

int chardev_file_new(const char *label, const char *path, struct chardev **out, struct error *err)
{
    int fd = chardev_open_output(path, false);
    if (fd < 0) {
        return error_set(err, -fd, "%s: cannot open %s: %s", label, path, error_text(-fd));
    }
    struct chardev_fd *c = chardev_fd_new(label, err);
    if (!c) {
        (void)close(fd);
        return -ENOMEM;
    }
    chardev_fd_start(c, -1, fd);
    *out = &c->c;
    return 0;
}

/* PATH.in and PATH.out if they exist, else PATH for both. */
int chardev_pipe_new(const char *label, const char *path, struct chardev **out, struct error *err)
{
    char name[PATH_MAX];
    if (snprintf(name, sizeof(name), "%s.out", path) >= (int)sizeof(name)) {
        return error_set(err, ENAMETOOLONG, "%s: the name of the pipe is too long", label);
    }
    int fd_out = open(name, O_RDWR | O_CLOEXEC);
    (void)snprintf(name, sizeof(name), "%s.in", path);
    int fd_in = open(name, O_RDWR | O_CLOEXEC);
    if (fd_out < 0 || fd_in < 0) {
        if (fd_out >= 0) {
            (void)close(fd_out);
        }
        if (fd_in >= 0) {
            (void)close(fd_in);
        }
        fd_in = fd_out = open_or_say(label, path, O_RDWR, err);
        if (fd_in < 0) {
            return fd_in;
        }
    }
    struct chardev_fd *c = chardev_fd_new(label, err);
    if (!c) {
        (void)close(fd_in);
        if (fd_out != fd_in) {
            (void)close(fd_out);
        }
        return -ENOMEM;
    }
    chardev_fd_start(c, fd_in, fd_out);
    *out = &c->c;
    return 0;
}
