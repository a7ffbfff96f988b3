/* Two clients on one character device. Input goes to the one in front, output of
 * both goes out; Ctrl-A introduces a command to the multiplexer itself.
 *
 * What a client does not take waits here, so that a guest that has stopped reading does
 * not keep whoever types from the monitor. Only when that is full is no more read. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aio/bh.h"
#include "aio/main_loop.h"
#include "hw/chardev_internal.h"

#define ESCAPE  0x01
#define WAITING 4096u

struct mux_end {
    struct chardev c;
    struct mux *mux IMMUTABLE_AFTER_INIT;
    uint8_t waiting[WAITING] GUARDED_BY(bql);
    size_t head GUARDED_BY(bql), count GUARDED_BY(bql);
};

struct mux {
    struct chardev *back IMMUTABLE_AFTER_INIT;
    struct aio_bh *bh IMMUTABLE_AFTER_INIT; /* hands on what waits */
    struct mux_end *end[2] GUARDED_BY(bql); /* NULL: freed */
    unsigned front GUARDED_BY(bql);
    bool escaped GUARDED_BY(bql);
    void (*quit)(void *opaque) IMMUTABLE_AFTER_INIT;
    void *opaque IMMUTABLE_AFTER_INIT;
};

static struct mux *mux_of(const struct chardev *c)
{
    return ((const struct mux_end *)(const void *)c)->mux;
}

static size_t end_write(struct chardev *c, const uint8_t *buf, size_t len)
{
    bql_assert_locked();
    return chardev_write(mux_of(c)->back, buf, len);
}

static bool end_can_write(const struct chardev *c)
{
    bql_assert_locked();
    return chardev_can_write(mux_of(c)->back);
}

/* Whoever is not in front is told when it comes there. */
static bool end_is_open(const struct chardev *c)
{
    const struct mux *m = mux_of(c);
    bql_assert_locked();
    return m->end[m->front] && &m->end[m->front]->c == c && m->back->ops->is_open &&
           m->back->ops->is_open(m->back);
}

static void deliver(struct mux_end *end) REQUIRES(bql)
{
    const struct chardev *c = &end->c;
    while (c->client && end->count > 0) {
        const uint8_t *from = end->waiting + end->head;
        size_t n = WAITING - end->head < end->count ? WAITING - end->head : end->count;
        size_t room = c->client->can_receive(c->opaque);
        if (room == 0) {
            return;
        }
        n = room < n ? room : n;
        end->head = (end->head + n) % WAITING;
        end->count -= n;
        c->client->receive(c->opaque, from, n);
    }
}

static void deliver_all(void *opaque)
{
    const struct mux *m = opaque;
    bql_assert_locked();
    for (unsigned i = 0; i < 2; i++) {
        if (m->end[i]) {
            deliver(m->end[i]);
        }
    }
    chardev_accept_input(m->back); /* there may be room only now */
}

/* Who says this may hold a lock of its own, and does not expect input right here. */
static void end_accept_input(struct chardev *c)
{
    const struct mux *m = mux_of(c);
    bql_assert_locked();
    if (((const struct mux_end *)(const void *)c)->count > 0) {
        aio_bh_schedule(m->bh);
    }
    chardev_accept_input(m->back);
}

static void end_free(struct chardev *c)
{
    struct mux *m = mux_of(c);
    bql_assert_locked();
    for (unsigned i = 0; i < 2; i++) {
        if (m->end[i] && &m->end[i]->c == c) {
            m->end[i] = NULL;
        }
    }
    if (!m->end[0] && !m->end[1]) {
        chardev_free(m->back);
        aio_bh_delete(m->bh);
        free(m);
    }
}

static const struct chardev_ops end_ops = {
    .accept_input = end_accept_input,
    .write = end_write,
    .can_write = end_can_write,
    .is_open = end_is_open,
    .free = end_free,
};

/* NULL: nobody is there. */
static struct mux_end *front_of(struct mux *m) REQUIRES(bql)
{
    struct mux_end *end = m->end[m->front];
    return end && end->c.client ? end : NULL;
}

static size_t mux_can_receive(void *opaque)
{
    struct mux *m = opaque;
    bql_assert_locked();
    const struct mux_end *end = front_of(m);
    return end ? WAITING - end->count : 1;
}

static void say(struct mux *m, const char *text) REQUIRES(bql)
{
    (void)chardev_write(m->back, text, strlen(text));
}

static void tell_opened(struct mux *m, bool up) REQUIRES(bql)
{
    const struct mux_end *end = front_of(m);
    if (end && end->c.client->opened) {
        end->c.client->opened(end->c.opaque, up);
    }
}

/* A byte behind Ctrl-A. True: it is to be handed on. */
static bool command(struct mux *m, uint8_t byte) REQUIRES(bql)
{
    switch (byte) {
    case ESCAPE:
        return true;
    case 'x':
        say(m, "\r\nmortise: terminated\r\n");
        m->quit(m->opaque);
        return false;
    case 'c':
        m->front ^= 1;
        tell_opened(m, true);
        return false;
    case 'h':
    case '?':
        say(m, "\r\nC-a h    this help\r\nC-a x    quit\r\nC-a c    console or monitor\r\n"
               "C-a C-a  a C-a\r\n");
        return false;
    default:
        return false;
    }
}

static void mux_receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct mux *m = opaque;
    bql_assert_locked();
    for (size_t i = 0; i < len; i++) {
        bool pass = true;
        if (m->escaped) {
            m->escaped = false;
            pass = command(m, buf[i]);
        } else if (buf[i] == ESCAPE) {
            m->escaped = true;
            pass = false;
        }
        struct mux_end *end = front_of(m);
        if (pass && end && end->count < WAITING) {
            end->waiting[(end->head + end->count++) % WAITING] = buf[i];
            deliver(end);
        }
    }
}

static void mux_writable(void *opaque)
{
    struct mux *m = opaque;
    bql_assert_locked();
    for (unsigned i = 0; i < 2; i++) {
        const struct mux_end *e = m->end[i];
        if (e && e->c.client && e->c.client->writable) {
            e->c.client->writable(e->c.opaque);
        }
    }
}

static void mux_opened(void *opaque, bool up)
{
    bql_assert_locked();
    tell_opened(opaque, up);
}

static const struct chardev_client mux_client = {
    .can_receive = mux_can_receive,
    .receive = mux_receive,
    .writable = mux_writable,
    .opened = mux_opened,
};

int chardev_mux_new(struct chardev *back, void (*quit)(void *opaque), void *opaque,
                    struct chardev *front[2], struct error *err)
{
    struct mux *m = calloc(1, sizeof(*m));
    struct mux_end *end[2] = {calloc(1, sizeof(**end)), calloc(1, sizeof(**end))};
    if (!m || !end[0] || !end[1] || chardev_init(&end[0]->c, &end_ops, back->label, err)) {
        free(m);
        free(end[0]);
        free(end[1]);
        return error_set(err, ENOMEM, "%s: out of memory", back->label);
    }
    if (chardev_init(&end[1]->c, &end_ops, "monitor", err)) {
        free(end[0]->c.label);
        free(m);
        free(end[0]);
        free(end[1]);
        return -ENOMEM;
    }
    m->back = back;
    m->bh = aio_bh_new(main_loop_iohandler_context(), deliver_all, m);
    m->quit = quit;
    m->opaque = opaque;
    for (unsigned i = 0; i < 2; i++) {
        end[i]->mux = m;
        m->end[i] = end[i];
        front[i] = &end[i]->c;
    }
    chardev_attach(back, &mux_client, m);
    return 0;
}
