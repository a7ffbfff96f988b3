/* A client of a character device that notes what it is told, for the tests of them. */
#ifndef TESTS_UNIT_CHARDEV_TEST_H
#define TESTS_UNIT_CHARDEV_TEST_H

#include "hw_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "hw/chardev.h"

struct test_client {
    char got[256];
    size_t len;
    size_t room; /* how many bytes it takes in all */
    unsigned writable, up, down;
};

static size_t test_client_can_receive(void *opaque)
{
    const struct test_client *c = opaque;
    return c->room - c->len;
}

static void test_client_receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct test_client *c = opaque;
    assert_true(len <= c->room - c->len);
    memcpy(c->got + c->len, buf, len);
    c->len += len;
    c->got[c->len] = '\0';
}

static void test_client_writable(void *opaque)
{
    ((struct test_client *)opaque)->writable++;
}

static void test_client_opened(void *opaque, bool up)
{
    struct test_client *c = opaque;
    c->up += up;
    c->down += !up;
}

static const struct chardev_client test_client_ops = {
    .can_receive = test_client_can_receive,
    .receive = test_client_receive,
    .writable = test_client_writable,
    .opened = test_client_opened,
};

UNUSED static void test_client_attach(struct test_client *client, struct chardev *c)
{
    bql_assert_locked();
    *client = (struct test_client){.room = sizeof(client->got) - 1};
    chardev_attach(c, &test_client_ops, client);
}

/* A pseudo terminal, and the name that it prints: what the process prints meanwhile goes
 * to the file `printed`. */
UNUSED static struct chardev *test_pty_new(const char *label, const char *printed, char name[64])
{
    char line[128] = "", expected[128];
    struct chardev *c = NULL;
    struct error err = {""};
    bql_assert_locked();
    int kept = dup(STDOUT_FILENO);
    int fd = open(printed, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(kept >= 0 && fd >= 0);
    (void)fflush(stdout);
    assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    int rc = chardev_new("pty", label, false, &c, &err);
    assert_int_equal(dup2(kept, STDOUT_FILENO), STDOUT_FILENO);
    (void)close(kept);
    if (rc) {
        fail_msg("%s", err.text);
    }
    assert_true(pread(fd, line, sizeof(line) - 1, 0) > 0);
    (void)close(fd);
    assert_int_equal(sscanf(line, "char device redirected to %63s", name), 1);
    (void)snprintf(expected, sizeof(expected), "char device redirected to %s (label %s)\n", name,
                   label);
    assert_string_equal(line, expected);
    return c;
}

/* Enough turns of the main loop for everything that is ready. */
UNUSED static void test_turns(void)
{
    bql_assert_locked();
    thread_role_assert(&main_loop_role);
    for (unsigned i = 0; i < 20; i++) {
        main_loop_wait(true);
    }
}

#endif
