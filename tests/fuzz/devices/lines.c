#include "devices/lines.h"

#include <stdlib.h>

#include "hw/chardev_internal.h"

struct line {
    struct chardev c;
    bool blocked;
};

static struct line *lines[FUZZ_LINES] GUARDED_BY(bql);

static struct line *line_of(const struct chardev *c)
{
    return (struct line *)(void *)c;
}

static size_t line_write(struct chardev *c, const uint8_t *buf, size_t len)
{
    (void)buf;
    return line_of(c)->blocked ? 0 : len;
}

static bool line_can_write(const struct chardev *c)
{
    return !line_of(c)->blocked;
}

static const struct chardev_ops ops = {.write = line_write, .can_write = line_can_write};

void fuzz_lines_make(void)
{
    static const char *const names[FUZZ_LINES] = {"serial0", "serial1", "debugcon", "console"};
    struct error err = {""};

    for (unsigned n = 0; n < FUZZ_LINES; n++) {
        lines[n] = calloc(1, sizeof(*lines[n]));
        if (!lines[n] || chardev_init(&lines[n]->c, &ops, names[n], &err) < 0) {
            fuzz_fail(names[n], err.text);
        }
    }
}

void fuzz_lines_free(void)
{
    for (unsigned n = 0; n < FUZZ_LINES; n++) {
        chardev_free(&lines[n]->c);
        lines[n] = NULL;
    }
}

struct chardev *fuzz_line_of(enum fuzz_line line)
{
    return &lines[line]->c;
}

/* Never more than the client says that it takes. */
void fuzz_line_input(enum fuzz_line line, const uint8_t *bytes, size_t len)
{
    const struct chardev *c = fuzz_line_of(line);
    size_t room = c->client && c->client->can_receive ? c->client->can_receive(c->opaque) : 0;

    if (room && len) {
        c->client->receive(c->opaque, bytes, len < room ? len : room);
    }
}

void fuzz_line_block(enum fuzz_line line, bool blocked)
{
    const struct chardev *c = fuzz_line_of(line);

    lines[line]->blocked = blocked;
    if (!blocked && c->client && c->client->writable) {
        c->client->writable(c->opaque);
    }
}
