/* The character device on standard input and output: the terminal is made raw, and given
 * back as it was. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "hw/chardev_internal.h"

/* The terminal as it was: given back at the end, whatever end that is. */
static struct termios saved_terminal OWNED_BY(the main thread);
static bool terminal_saved OWNED_BY(the main thread);

void chardev_stdio_restore_terminal(void)
{
    if (terminal_saved) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &saved_terminal);
        terminal_saved = false;
    }
}

static void make_terminal_raw(bool signals)
{
    struct termios t;
    if (tcgetattr(STDIN_FILENO, &t) != 0) {
        return;
    }
    saved_terminal = t;
    terminal_saved = true;
    (void)atexit(chardev_stdio_restore_terminal);
    t.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    t.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN);
    t.c_cflag = (t.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    if (!signals) {
        t.c_lflag &= ~(tcflag_t)ISIG;
    }
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

/* A terminal that polls writable takes some bytes and blocks for the rest, and with it
 * everything that wants the BQL. Non-blocking it would be for whoever shares it too, the
 * shell say: so it is opened once more. Where that cannot be, it is what it was. A master
 * of a pseudo terminal is a terminal as well, but opening it makes another one. */
static int open_output(void)
{
    char name[64];
    if (!isatty(STDOUT_FILENO) || ptsname_r(STDOUT_FILENO, name, sizeof(name)) == 0) {
        return STDOUT_FILENO;
    }
    int own = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own < 0) {
        return STDOUT_FILENO;
    }
    return own;
}

int chardev_stdio_new(const char *label, bool signals, struct chardev **out, struct error *err)
{
    static bool taken OWNED_BY(the main thread);
    if (taken) {
        return error_set(err, EBUSY, "%s: standard input and output are taken", label);
    }
    struct chardev_fd *c = chardev_fd_new(label, err);
    if (!c) {
        return -ENOMEM;
    }
    taken = true;
    c->restore_tty = true;
    make_terminal_raw(signals);
    chardev_fd_start(c, STDIN_FILENO, open_output());
    *out = &c->c;
    return 0;
}
