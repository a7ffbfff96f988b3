/* Character devices: where the bytes of a serial port, a console or the monitor
 * come from and go to. All of it runs with the BQL.
 *
 * Output never blocks: what the other side does not take at once waits in a
 * buffer, and when that is full chardev_write takes less than it was given; the
 * client's `writable` is called when there is room again. Input is read only as
 * far as the client says that it can take it. */
#ifndef MORTISE_HW_CHARDEV_H
#define MORTISE_HW_CHARDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "locks/bql.h"

struct chardev;

/* Called on the main loop with the BQL held. */
struct chardev_client {
    size_t (*can_receive)(void *opaque); /* how many bytes it would take now */
    void (*receive)(void *opaque, const uint8_t *buf, size_t len);
    void (*writable)(void *opaque);        /* may be NULL */
    void (*opened)(void *opaque, bool up); /* somebody connected or left; may be NULL */
};

/* From a specification as `-serial` takes it:
 *
 *   null  stdio  file:PATH  pty  pipe:PATH (PATH.in and PATH.out, or PATH)
 *   unix:PATH[,server=on][,wait=off]  tcp:HOST:PORT[,server=on][,wait=off]
 *   telnet:HOST:PORT[,...] (the same for telnet clients)
 *   /dev/NAME (a terminal)  chardev:ID (hw/chardev_named.h)  vc (no display: null)
 *
 * `label` is for messages. In stdio, `signals` leaves Ctrl-C to the terminal
 * instead of handing it to the guest. wait=off: does not wait for a client at
 * start. Fails with a sentence. */
NODISCARD int chardev_new(const char *spec, const char *label, bool signals, struct chardev **out,
                          struct error *err) REQUIRES(bql);
void chardev_free(struct chardev *c) REQUIRES(bql);

/* A descriptor that becomes readable when whoever waits for a client should rather end: then
 * chardev_new fails. -1: there is none. The main thread. */
void chardev_set_interrupt(int fd);

/* `opened` comes from within, if somebody is there. */
void chardev_attach(struct chardev *c, const struct chardev_client *client, void *opaque)
    REQUIRES(bql);

/* Returns how many bytes were taken. Nobody at the other end takes everything. */
size_t chardev_write(struct chardev *c, const void *buf, size_t len) REQUIRES(bql);
bool chardev_can_write(const struct chardev *c) REQUIRES(bql);

/* From now on what is written goes to a file, too: behind what is there if `append`, else the
 * file is emptied. */
NODISCARD int chardev_log(struct chardev *c, const char *path, bool append, struct error *err)
    REQUIRES(bql);

/* The client can take input again. */
void chardev_accept_input(struct chardev *c) REQUIRES(bql);

/* Two clients on one character device, the monitor and a serial port, with
 * Ctrl-A to choose: Ctrl-A c switches, Ctrl-A x quits, Ctrl-A h lists. The front
 * ends are character devices themselves. Frees `back` with the last of them. */
NODISCARD int chardev_mux_new(struct chardev *back, void (*quit)(void *opaque), void *opaque,
                              struct chardev *front[2], struct error *err) REQUIRES(bql);

#endif
