/* The telnet protocol (RFC 854, 856 to 858) on a socket, so that a telnet client is a terminal:
 * it is told that we echo, that nobody waits for a turn, and that bytes are bytes; what it says
 * about that is left out of the input. A byte 255 is sent, and comes, twice. */
#include <errno.h>
#include <stdlib.h>

#include "hw/chardev_internal.h"

enum { SE = 240, SB = 250, WILL = 251, DONT = 254, DO = 253, IAC = 255 };
enum { OPTION_BINARY = 0, OPTION_ECHO = 1, OPTION_SUPPRESS_GO_AHEAD = 3 };

/* Where in the input a byte is. */
enum state {
    DATA,
    COMMAND,    /* behind IAC */
    OPTION,     /* behind WILL, WONT, DO or DONT */
    PARAMETERS, /* within SB ... IAC SE */
    PARAMETERS_COMMAND
};

struct telnet {
    struct chardev c;
    struct chardev *back IMMUTABLE_AFTER_INIT;
    enum state state GUARDED_BY(bql);
    bool owed GUARDED_BY(bql); /* the second one of two bytes 255 */
};

static struct telnet *telnet_of(const struct chardev *c)
{
    return (struct telnet *)(void *)c;
}

static bool pay(struct telnet *t) REQUIRES(bql)
{
    static const uint8_t iac = IAC;

    t->owed = t->owed && chardev_write(t->back, &iac, 1) == 0;
    return !t->owed;
}

static size_t telnet_write(struct chardev *c, const uint8_t *buf, size_t len)
{
    struct telnet *t = telnet_of(c);
    size_t done = 0;

    bql_assert_locked();
    while (done < len && pay(t)) {
        size_t run = 0, taken;

        while (done + run < len && buf[done + run] != IAC) {
            run++;
        }
        taken = chardev_write(t->back, buf + done, run ? run : 1);
        t->owed = run == 0 && taken == 1;
        done += taken;
        if (taken < run || taken == 0) {
            break;
        }
    }
    (void)pay(t);
    return done;
}

static bool telnet_can_write(const struct chardev *c)
{
    bql_assert_locked();
    return chardev_can_write(telnet_of(c)->back);
}

static bool telnet_is_open(const struct chardev *c)
{
    const struct chardev *back = telnet_of(c)->back;

    return back->ops->is_open && back->ops->is_open(back);
}

static void telnet_accept_input(struct chardev *c)
{
    bql_assert_locked();
    chardev_accept_input(telnet_of(c)->back);
}

static void telnet_free(struct chardev *c)
{
    bql_assert_locked();
    chardev_free(telnet_of(c)->back);
}

static const struct chardev_ops ops = {.accept_input = telnet_accept_input,
                                       .write = telnet_write,
                                       .can_write = telnet_can_write,
                                       .is_open = telnet_is_open,
                                       .free = telnet_free};

/* Whether the byte is input. */
static bool take(struct telnet *t, uint8_t byte) REQUIRES(bql)
{
    switch (t->state) {
    case DATA:
        t->state = byte == IAC ? COMMAND : DATA;
        return byte != IAC;
    case COMMAND:
        t->state = byte == SB ? PARAMETERS : byte >= WILL && byte <= DONT ? OPTION : DATA;
        return byte == IAC;
    case OPTION:
        t->state = DATA;
        return false;
    case PARAMETERS:
        t->state = byte == IAC ? PARAMETERS_COMMAND : PARAMETERS;
        return false;
    case PARAMETERS_COMMAND:
        t->state = byte == SE ? DATA : PARAMETERS;
        return false;
    }
    return false;
}

static size_t can_receive(void *opaque)
{
    const struct telnet *t = opaque;

    bql_assert_locked();
    return t->c.client ? t->c.client->can_receive(t->c.opaque) : 0;
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct telnet *t = opaque;

    bql_assert_locked();
    for (size_t i = 0; i < len; i++) {
        if (take(t, buf[i]) && t->c.client) {
            t->c.client->receive(t->c.opaque, &buf[i], 1);
        }
    }
}

static void writable(void *opaque)
{
    struct telnet *t = opaque;

    bql_assert_locked();
    if (pay(t) && t->c.client && t->c.client->writable) {
        t->c.client->writable(t->c.opaque);
    }
}

static void opened(void *opaque, bool up)
{
    static const uint8_t terms[] = {IAC, WILL, OPTION_ECHO,   IAC, WILL, OPTION_SUPPRESS_GO_AHEAD,
                                    IAC, WILL, OPTION_BINARY, IAC, DO,   OPTION_BINARY};
    struct telnet *t = opaque;

    bql_assert_locked();
    t->state = DATA;
    t->owed = false;
    if (up) {
        (void)chardev_write(t->back, terms, sizeof(terms));
    }
    chardev_tell_opened(&t->c, up);
}

static const struct chardev_client client = {
    .can_receive = can_receive, .receive = receive, .writable = writable, .opened = opened};

int chardev_telnet_new(struct chardev *back, struct chardev **out, struct error *err)
{
    struct telnet *t = calloc(1, sizeof(*t));
    int ret;

    if (!t) {
        return error_set(err, ENOMEM, "%s: out of memory", back->label);
    }
    ret = chardev_init(&t->c, &ops, back->label, err);
    if (ret < 0) {
        free(t);
        return ret;
    }
    t->back = back;
    chardev_attach(back, &client, t);
    *out = &t->c;
    return 0;
}
