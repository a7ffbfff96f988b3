/* Standard input and output on a terminal whose reader is slow: the emulator goes on. In
 * a program of its own, as standard input and output are there once. */
#include "chardev_test.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>

#define MUCH 100000u /* more than a terminal and our buffer take */

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
    (void)sig;
    alarms++;
    (void)alarm(1);
}

static const char *letters(void)
{
    static char text[MUCH];
    for (size_t i = 0; i < MUCH; i++) {
        text[i] = (char)('a' + i * 7 / 8 % 23);
    }
    return text;
}

/* A pair: what the terminal's user has, and where its programs are. */
static int make_terminal(int *slave)
{
    char name[64];
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
    *slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(*slave >= 0);
    return master;
}

/* What was written, and nothing else. Returns how much of it has come. */
static size_t read_letters(int fd, size_t from)
{
    char buf[4096];
    ssize_t n;
    while ((n = read(fd, buf, sizeof(buf))) > 0) {
        assert_true((size_t)n <= MUCH - from);
        assert_memory_equal(buf, letters() + from, (size_t)n);
        from += (size_t)n;
    }
    return from;
}

static void test_a_terminal_that_nobody_reads_stops_nobody(void **state)
{
    const struct sigaction action = {.sa_handler = on_alarm}; /* interrupts a write */
    int slave, kept[2] = {dup(STDIN_FILENO), dup(STDOUT_FILENO)};
    int master = make_terminal(&slave);
    struct test_client client = {.room = 0};
    struct chardev *c = NULL;
    struct error err = {""};
    struct termios before, within, after;
    size_t done = 0, full = 0, seen = 0;
    (void)state;
    bql_assert_locked();
    assert_int_equal(tcgetattr(slave, &before), 0);
    (void)fflush(stdout);
    assert_int_equal(dup2(slave, STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(dup2(slave, STDOUT_FILENO), STDOUT_FILENO);
    int rc = chardev_new("stdio", "serial0", false, &c, &err);
    if (rc == 0) {
        test_client_attach(&client, c);
        (void)tcgetattr(slave, &within);
        (void)sigaction(SIGALRM, &action, NULL);
        (void)alarm(10);
        full = done = chardev_write(c, letters(), MUCH);
        for (unsigned i = 0; i < 10000 && alarms == 0 && seen < MUCH; i++) {
            seen = read_letters(master, seen);
            test_turns();
            done += chardev_write(c, letters() + done, MUCH - done);
        }
        rc = write(master, "typed", 5) == 5 ? 0 : -errno;
        test_turns();
        chardev_free(c);
        (void)alarm(0);
    }
    int flags = fcntl(STDOUT_FILENO, F_GETFL);
    assert_int_equal(dup2(kept[0], STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(dup2(kept[1], STDOUT_FILENO), STDOUT_FILENO);
    assert_int_equal(rc, 0);
    assert_int_equal(alarms, 0);
    assert_in_range(full, 1, MUCH - 1);
    assert_int_equal(seen, MUCH);
    assert_string_equal(client.got, "typed");
    assert_false(flags & O_NONBLOCK); /* the shell has it too */
    assert_false(within.c_lflag & ICANON);
    assert_int_equal(tcgetattr(slave, &after), 0);
    assert_int_equal(after.c_lflag, before.c_lflag);
    for (unsigned i = 0; i < 2; i++) {
        (void)close(kept[i]);
    }
    (void)close(slave);
    (void)close(master);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_terminal_that_nobody_reads_stops_nobody),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
