/* The monitor's end of a terminal. Lines are edited here, because the terminal is in raw
 * mode: what is typed comes back, backspace and Ctrl-U work. Output of a command goes
 * through a memory stream, so that what other rooms print can be shown; what the terminal
 * does not take at once waits, and no more is typed meanwhile. */
#include "cli/monitor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/monitor_internal.h"

#define LINE_MAX_BYTES 256
#define PROMPT         "(mortise) "

struct monitor {
    struct monitor_view view;
    struct chardev *chardev IMMUTABLE_AFTER_INIT;
    char line[LINE_MAX_BYTES] GUARDED_BY(bql);
    size_t len GUARDED_BY(bql);
    char *pending GUARDED_BY(bql); /* output; NULL: none */
    size_t pending_at GUARDED_BY(bql), pending_len GUARDED_BY(bql);
};

static void drop_pending(struct monitor *mon) REQUIRES(bql)
{
    free(mon->pending);
    mon->pending = NULL;
    mon->pending_at = mon->pending_len = 0;
}

static void flush(struct monitor *mon) REQUIRES(bql)
{
    mon->pending_at += chardev_write(mon->chardev, mon->pending + mon->pending_at,
                                     mon->pending_len - mon->pending_at);
    if (mon->pending_at == mon->pending_len) {
        drop_pending(mon);
        chardev_accept_input(mon->chardev);
    }
}

/* Without memory for it, it is not shown. */
static void put(struct monitor *mon, const char *text, size_t len) REQUIRES(bql)
{
    char *all = realloc(mon->pending, mon->pending_len + 2 * len + 1);
    if (!all) {
        return;
    }
    mon->pending = all;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n') {
            all[mon->pending_len++] = '\r';
        }
        all[mon->pending_len++] = text[i];
    }
    flush(mon);
}

static void execute(struct monitor *mon) REQUIRES(bql)
{
    char *text = NULL;
    size_t size = 0;
    char line[LINE_MAX_BYTES];
    memcpy(line, mon->line, mon->len);
    line[mon->len] = '\0';
    mon->len = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return;
    }
    monitor_run_line(&mon->view, line, out);
    if (fclose(out) == 0 && text) {
        put(mon, text, size);
    }
    free(text);
    put(mon, PROMPT, sizeof(PROMPT) - 1);
}

static void type(struct monitor *mon, uint8_t byte) REQUIRES(bql)
{
    if (byte == '\r' || byte == '\n') {
        put(mon, "\n", 1);
        execute(mon);
    } else if ((byte == 0x7f || byte == '\b') && mon->len > 0) {
        mon->len--;
        put(mon, "\b \b", 3);
    } else if (byte == 0x15) { /* Ctrl-U */
        for (; mon->len > 0; mon->len--) {
            put(mon, "\b \b", 3);
        }
    } else if (byte >= ' ' && byte < 0x7f && mon->len < sizeof(mon->line) - 1) {
        char c = (char)byte;
        mon->line[mon->len++] = c;
        put(mon, &c, 1);
    }
}

static size_t can_receive(void *opaque)
{
    const struct monitor *mon = opaque;
    bql_assert_locked();
    /* One by one: what comes next may be the end, and the answer has to be out first. */
    return mon->pending ? 0 : 1;
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    bql_assert_locked();
    for (size_t i = 0; i < len; i++) {
        type(opaque, buf[i]);
    }
}

static void writable(void *opaque)
{
    struct monitor *mon = opaque;
    bql_assert_locked();
    if (mon->pending) {
        flush(mon);
    }
}

static void opened(void *opaque, bool up)
{
    struct monitor *mon = opaque;
    bql_assert_locked();
    mon->len = 0; /* half a line is no part of the next one's */
    if (up) {
        static const char hello[] =
            "\nMortise " MORTISE_VERSION " monitor - 'help' lists commands\n" PROMPT;
        put(mon, hello, sizeof(hello) - 1);
    } else {
        drop_pending(mon); /* it was for who has left */
    }
}

static const struct chardev_client client = {
    .can_receive = can_receive, .receive = receive, .writable = writable, .opened = opened};

int monitor_new(struct machine *m, struct chardev *c, struct monitor **out, struct error *err)
{
    struct monitor *mon = calloc(1, sizeof(*mon));
    if (!mon) {
        return error_set(err, ENOMEM, "monitor: out of memory");
    }
    mon->view.machine = m;
    mon->chardev = c;
    chardev_attach(c, &client, mon);
    *out = mon;
    return 0;
}

void monitor_free(struct monitor *monitor)
{
    if (monitor) {
        free(monitor->pending);
        free(monitor);
    }
}
