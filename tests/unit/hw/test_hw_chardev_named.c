/* Character devices that -chardev names, and terminals of the host by their device file. */
#include "chardev_test.h"

#include <stdlib.h>
#include <termios.h>

#include "hw/chardev_named.h"

static struct test_client client[2];
static unsigned quits;

static void on_quit(void *opaque)
{
    (void)opaque;
    quits++;
}

static void turns(void)
{
    bql_assert_locked();
    thread_role_assert(&main_loop_role);
    for (unsigned i = 0; i < 10; i++) {
        main_loop_wait(true);
    }
}

static void add(const char *text)
{
    struct error err = {""};
    bql_assert_locked();
    if (chardev_named_add(text, on_quit, NULL, &err) < 0) {
        fail_msg("%s: %s", text, err.text);
    }
}

/* By its specification, attached to client n. */
static struct chardev *take(const char *spec, unsigned n)
{
    struct chardev *c = NULL;
    struct error err = {""};
    bql_assert_locked();
    if (chardev_new(spec, "user", true, &c, &err) < 0) {
        fail_msg("%s: %s", spec, err.text);
    }
    test_client_attach(&client[n], c);
    return c;
}

static void assert_refused(const char *spec, const char *sentence)
{
    struct chardev *c = NULL;
    struct error err = {""};
    bql_assert_locked();
    assert_true(chardev_new(spec, "user", true, &c, &err) < 0);
    assert_string_equal(err.text, sentence);
}

/* A terminal's two ends; the other one is reached by the name. */
static int open_terminal(char name[64])
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    assert_true(master >= 0);
    assert_int_equal(grantpt(master) | unlockpt(master), 0);
    assert_int_equal(ptsname_r(master, name, 64), 0);
    return master;
}

static void test_a_terminal_by_its_device_file_is_raw_and_goes_both_ways(void **state)
{
    char name[64], got[16] = "";
    struct termios t;
    int master = open_terminal(name);
    (void)state;

    bql_assert_locked();
    struct chardev *c = take(name, 0);
    assert_int_equal(chardev_write(c, "out\n", 4), 4);
    assert_int_equal(read(master, got, sizeof(got)), 4);
    assert_memory_equal(got, "out\n", 4); /* no carriage return is put in */
    assert_int_equal(write(master, "in\x03", 3), 3);
    turns();
    assert_string_equal(client[0].got, "in\x03");
    assert_int_equal(tcgetattr(master, &t), 0);
    assert_false(t.c_lflag & (ICANON | ECHO | ISIG));
    chardev_free(c);
    (void)close(master);
    assert_refused("/dev/nothere", "user: cannot open /dev/nothere: No such file or directory");
}

/* Its path is no specification: "stdio" is a file's name here, and a link may be anywhere. */
static void test_a_named_terminal_is_where_its_path_leads(void **state)
{
    static const char *const kinds[] = {"serial", "tty"};
    char directory[] = "/tmp/mortise-tty-XXXXXX", name[64], link[64], text[128], got[16] = "";
    struct error err = {""};
    int master = open_terminal(name);
    (void)state;

    bql_assert_locked();
    assert_non_null(mkdtemp(directory));
    (void)snprintf(link, sizeof(link), "%s/ttyV0", directory);
    assert_int_equal(symlink(name, link), 0);
    for (unsigned i = 0; i < 2; i++) {
        (void)snprintf(text, sizeof(text), "%s,id=a,path=%s", kinds[i], link);
        add(text);
        struct chardev *c = take("chardev:a", 0);
        assert_int_equal(chardev_write(c, "out", 3), 3);
        assert_int_equal(read(master, got, sizeof(got)), 3);
        chardev_free(c);
        chardevs_named_free();
        (void)snprintf(text, sizeof(text), "%s,id=a,path=stdio", kinds[i]);
        assert_true(chardev_named_add(text, on_quit, NULL, &err) < 0);
        assert_string_equal(err.text, "a: cannot open stdio: No such file or directory");
    }
    (void)unlink(link);
    (void)rmdir(directory);
    (void)close(master);
}

static void test_a_name_is_for_one_user(void **state)
{
    (void)state;
    bql_assert_locked();
    add("null,id=a");
    assert_true(chardev_named_is("a"));
    assert_false(chardev_named_is("b"));
    struct chardev *c = take("chardev:a", 0);
    assert_refused("chardev:a", "user: -chardev id=a is in use (mux=on is for two)");
    assert_refused("chardev:b", "user: there is no -chardev with id=b");
    chardev_free(c);
    add("null,id=b"); /* nobody takes it */
    chardevs_named_free();
}

static void test_a_multiplexed_one_is_for_two_who_are_switched_between(void **state)
{
    char name[64], text[128], got[16] = "";
    int master = open_terminal(name);
    (void)state;

    bql_assert_locked();
    (void)snprintf(text, sizeof(text), "serial,id=a,path=%s,mux=on", name);
    add(text);
    struct chardev *first = take("chardev:a", 0), *second = take("chardev:a", 1);
    assert_refused("chardev:a", "user: -chardev id=a is in use");
    assert_int_equal(write(master,
                           "one\x01"
                           "ctwo\x01x",
                           10),
                     10);
    turns();
    assert_string_equal(client[0].got, "one");
    assert_string_equal(client[1].got, "two");
    assert_int_equal(quits, 1);
    assert_true(read(master, got, sizeof(got)) > 0); /* that it was terminated */
    chardev_free(first);
    chardev_free(second);
    chardevs_named_free();
    (void)close(master);
}

static void assert_log(const char *path, const char *text)
{
    char got[64] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(read(fd, got, sizeof(got) - 1) >= 0);
    (void)close(fd);
    assert_string_equal(got, text);
}

static void test_a_log_holds_what_was_written_and_taken(void **state)
{
    char path[] = "/tmp/mortise-log-XXXXXX", text[128];
    struct error err = {""};
    (void)state;

    bql_assert_locked();
    (void)close(mkstemp(path));
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(text, sizeof(text), "null,id=a,mux=on,logfile=%s,logappend=%s", path,
                       i == 1 ? "on" : "off");
        add(text);
        struct chardev *c = take("chardev:a", 0), *other = take("chardev:a", 1);
        assert_int_equal(chardev_write(c, "out", 3), 3);
        assert_int_equal(chardev_write(other, "!", 1), 1);
        assert_log(path, i == 1 ? "out!out!" : "out!");
        chardev_free(c);
        chardev_free(other);
        chardevs_named_free();
    }
    (void)unlink(path);
    assert_true(chardev_named_add("null,id=a,logfile=/nothere/log", on_quit, NULL, &err) < 0);
    assert_string_equal(err.text, "a: cannot open /nothere/log: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_terminal_by_its_device_file_is_raw_and_goes_both_ways),
        cmocka_unit_test(test_a_named_terminal_is_where_its_path_leads),
        cmocka_unit_test(test_a_name_is_for_one_user),
        cmocka_unit_test(test_a_log_holds_what_was_written_and_taken),
        cmocka_unit_test(test_a_multiplexed_one_is_for_two_who_are_switched_between),
    };
    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
