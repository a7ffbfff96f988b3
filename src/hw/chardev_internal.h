/* What the kinds of character devices share with each other and nobody else. */
#ifndef MORTISE_HW_CHARDEV_INTERNAL_H
#define MORTISE_HW_CHARDEV_INTERNAL_H

#include <sys/socket.h>

#include "aio/timer.h"
#include "hw/chardev.h"

#define CHARDEV_BUFFER 16384

struct aio_bh;
struct chardev;

/* A kind. Each may be NULL. */
struct chardev_ops {
    void (*accept_input)(struct chardev *c);
    size_t (*write)(struct chardev *c, const uint8_t *buf, size_t len);
    bool (*can_write)(const struct chardev *c);
    bool (*is_open)(const struct chardev *c); /* somebody is at the other end already */
    void (*free)(struct chardev *c);          /* its own part; the struct goes afterwards */
};

struct chardev {
    const struct chardev_ops *ops IMMUTABLE_AFTER_INIT;
    char *label IMMUTABLE_AFTER_INIT;
    const struct chardev_client *client GUARDED_BY(bql);
    void *opaque GUARDED_BY(bql);
    bool logging GUARDED_BY(bql);
    int log_fd GUARDED_BY(bql); /* gets what is written, too */
};

/* Descriptor-based kinds: in and out may be the same, or -1. */
struct chardev_fd {
    struct chardev c;
    int in GUARDED_BY(bql);
    int out GUARDED_BY(bql);
    bool out_always_ready GUARDED_BY(bql);       /* a file: written at once */
    struct aio_bh *read_bh IMMUTABLE_AFTER_INIT; /* reads on where nothing can be waited for */
    bool watching_in GUARDED_BY(bql);
    bool watching_out GUARDED_BY(bql);
    int master GUARDED_BY(bql); /* a pseudo terminal's, whoever is at it; -1: it is none */
    struct aio_timer look;      /* whether somebody is */
    bool restore_tty GUARDED_BY(bql);
    size_t start GUARDED_BY(bql), used GUARDED_BY(bql);
    uint8_t buffer[CHARDEV_BUFFER] GUARDED_BY(bql);
    void (*hung_up)(struct chardev_fd *c) GUARDED_BY(bql); /* input ended */
    int listener GUARDED_BY(bql);                          /* sockets: -1 if none */
};

NODISCARD int chardev_init(struct chardev *c, const struct chardev_ops *ops, const char *label,
                           struct error *err) REQUIRES(bql);

void chardev_tell_opened(struct chardev *c, bool up) REQUIRES(bql);

struct chardev_fd *chardev_fd_new(const char *label, struct error *err) REQUIRES(bql);
void chardev_fd_start(struct chardev_fd *c, int in, int out) REQUIRES(bql);
void chardev_fd_stop(struct chardev_fd *c) REQUIRES(bql);
/* For a descriptor whose other side has left: hands on what has come from it, as far as the
 * client takes it, and its end. */
void chardev_fd_drain(struct chardev_fd *c) REQUIRES(bql);
/* Stops, and tells the client that nobody is there and that there is room. */
void chardev_fd_hang_up(struct chardev_fd *c) REQUIRES(bql);

/* Until the descriptor (-1: none) is ready, or the time is up (-1: never). -EINTR: the process
 * is to end. */
NODISCARD int chardev_wait(int fd, short events, int ms);
/* As connect(2) and open(2), ended by that too; the descriptor does not block afterwards.
 * What is in the file stays if `append`. */
NODISCARD int chardev_connect(int fd, const struct sockaddr *address, socklen_t len);
NODISCARD int chardev_open_output(const char *path, bool append);

/* As it was before stdio, if there is one. */
void chardev_stdio_restore_terminal(void);

/* One kind each. */
NODISCARD int chardev_stdio_new(const char *label, bool signals, struct chardev **out,
                                struct error *err) REQUIRES(bql);
NODISCARD int chardev_pty_new(const char *label, struct chardev **out, struct error *err)
    REQUIRES(bql);
/* On a socket, which is freed with it. */
NODISCARD int chardev_telnet_new(struct chardev *back, struct chardev **out, struct error *err)
    REQUIRES(bql);
NODISCARD int chardev_tty_new(const char *label, const char *path, struct chardev **out,
                              struct error *err) REQUIRES(bql);
NODISCARD int chardev_file_new(const char *label, const char *path, struct chardev **out,
                               struct error *err) REQUIRES(bql);
NODISCARD int chardev_pipe_new(const char *label, const char *path, struct chardev **out,
                               struct error *err) REQUIRES(bql);
NODISCARD int chardev_socket_new(const char *label, const char *spec, struct chardev **out,
                                 struct error *err) REQUIRES(bql);

#endif
