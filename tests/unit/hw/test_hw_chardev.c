/* Character devices on descriptors, as a guest's port and the people at the other end
 * see them; and specifications that are none. */
#include "chardev_test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MUCH 200000u /* more than a pipe and our buffer take */

static char directory[] = "/tmp/mortise-chardev-XXXXXX";
static struct test_client client;

/* A path in the directory; good until the next but one. */
static const char *at(const char *name)
{
    static char text[2][256];
    static unsigned n;
    n ^= 1;
    assert_true(snprintf(text[n], sizeof(text[n]), "%s/%s", directory, name) <
                (int)sizeof(text[n]));
    return text[n];
}

static struct chardev *make(const char *kind, const char *name)
{
    char spec[300];
    struct chardev *c = NULL;
    struct error err = {""};
    bql_assert_locked();
    (void)snprintf(spec, sizeof(spec), "%s%s", kind, name);
    if (chardev_new(spec, "serial0", false, &c, &err) != 0) {
        fail_msg("%s", err.text);
    }
    test_client_attach(&client, c);
    return c;
}

/* Its sentence. */
static const char *refusal(const char *spec, int code)
{
    static struct error err;
    struct chardev *c = NULL;
    bql_assert_locked();
    assert_int_equal(chardev_new(spec, "serial0", false, &c, &err), -code);
    assert_null(c);
    assert_non_null(strstr(err.text, "serial0: "));
    return err.text;
}

static void write_text(struct chardev *c, const char *text)
{
    bql_assert_locked();
    assert_int_equal(chardev_write(c, text, strlen(text)), strlen(text));
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void assert_file_equal(const char *path, const char *text)
{
    char buf[256];
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    buf[fread(buf, 1, sizeof(buf) - 1, f)] = '\0';
    assert_int_equal(fclose(f), 0);
    assert_string_equal(buf, text);
}

/* Of what has been written as `pattern` the part that has come so far. */
static size_t read_pattern(int fd, size_t from)
{
    uint8_t buf[4096];
    ssize_t n;
    while ((n = read(fd, buf, sizeof(buf))) > 0) {
        for (ssize_t i = 0; i < n; i++, from++) {
            assert_int_equal(buf[i], (uint8_t)(from * 7 >> 3));
        }
    }
    return from;
}

static const uint8_t *pattern(void)
{
    static uint8_t bytes[MUCH];
    for (size_t i = 0; i < MUCH; i++) {
        bytes[i] = (uint8_t)(i * 7 >> 3);
    }
    return bytes;
}

static void test_what_is_no_character_device_is_refused_with_the_list(void **state)
{
    static const char *const specs[] = {
        "", "nul", "null ", "file:", "pipe:", "chardev:", "vcx", "stdio:"};
    (void)state;
    for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
        const char *text = refusal(specs[i], EINVAL);
        assert_non_null(strstr(text, "unknown character device"));
        assert_non_null(strstr(text, "file:PATH"));
    }
}

static void test_null_takes_everything_and_sends_nothing(void **state)
{
    (void)state;
    bql_assert_locked();
    struct chardev *c = make("null", "");
    assert_int_equal(chardev_write(c, pattern(), MUCH), MUCH);
    assert_true(chardev_can_write(c));
    test_turns();
    assert_int_equal(client.len, 0);
    assert_int_equal(client.up, 0);
    chardev_free(c);
}

static void test_a_file_holds_what_was_written_since_it_was_opened(void **state)
{
    (void)state;
    bql_assert_locked();
    write_file(at("file"), "from before, and longer");
    struct chardev *c = make("file:", at("file"));
    write_text(c, "one\n");
    write_text(c, "two\r\n");
    assert_file_equal(at("file"), "one\ntwo\r\n"); /* at once, without the main loop */
    assert_true(chardev_can_write(c));
    chardev_free(c);
    assert_file_equal(at("file"), "one\ntwo\r\n");
}

static void test_a_file_that_cannot_be_made_is_named(void **state)
{
    char spec[300];
    (void)state;
    (void)snprintf(spec, sizeof(spec), "file:%s", at("absent/file"));
    assert_non_null(strstr(refusal(spec, ENOENT), at("absent/file")));
    (void)snprintf(spec, sizeof(spec), "file:%s", directory);
    (void)refusal(spec, EISDIR);
}

static void test_a_pair_of_pipes_carries_both_directions(void **state)
{
    char buf[16] = "";
    (void)state;
    bql_assert_locked();
    assert_int_equal(mkfifo(at("pair.in"), 0600), 0);
    assert_int_equal(mkfifo(at("pair.out"), 0600), 0);
    struct chardev *c = make("pipe:", at("pair"));
    int in = open(at("pair.in"), O_WRONLY | O_CLOEXEC);
    int out = open(at("pair.out"), O_RDONLY | O_CLOEXEC);
    assert_true(in >= 0 && out >= 0);
    assert_int_equal(write(in, "hello", 5), 5);
    test_turns();
    assert_string_equal(client.got, "hello");
    write_text(c, "answer");
    assert_int_equal(read(out, buf, sizeof(buf)), 6);
    assert_string_equal(buf, "answer");
    /* Whoever comes next finds it open. */
    assert_int_equal(close(in), 0);
    test_turns();
    in = open(at("pair.in"), O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(in, "!", 1), 1);
    test_turns();
    assert_string_equal(client.got, "hello!");
    chardev_free(c);
    (void)close(in);
    (void)close(out);
}

static void test_a_pipe_that_is_not_there_is_named(void **state)
{
    char spec[PATH_MAX + 64], name[PATH_MAX + 8];
    (void)state;
    (void)snprintf(spec, sizeof(spec), "pipe:%s", at("absent"));
    assert_non_null(strstr(refusal(spec, ENOENT), at("absent")));
    memset(name, 'p', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void)snprintf(spec, sizeof(spec), "pipe:%s", name);
    assert_non_null(strstr(refusal(spec, ENAMETOOLONG), "too long"));
}

/* Nobody reads; then somebody does. */
static void test_a_full_pipe_takes_less_and_says_when_there_is_room(void **state)
{
    size_t done = 0, seen = 0;
    (void)state;
    bql_assert_locked();
    assert_int_equal(mkfifo(at("full.in"), 0600), 0);
    assert_int_equal(mkfifo(at("full.out"), 0600), 0);
    struct chardev *c = make("pipe:", at("full"));
    int out = open(at("full.out"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(out >= 0);
    done += chardev_write(c, pattern(), MUCH);
    assert_in_range(done, 1, MUCH - 1);
    assert_false(chardev_can_write(c));
    assert_int_equal(chardev_write(c, pattern() + done, 1), 0);
    test_turns();
    assert_int_equal(client.writable, 0);
    for (unsigned i = 0; i < 1000 && seen < MUCH; i++) {
        unsigned before = client.writable;
        seen = read_pattern(out, seen);
        test_turns();
        if (client.writable > before) {
            assert_true(chardev_can_write(c));
            done += chardev_write(c, pattern() + done, MUCH - done);
        }
    }
    assert_int_equal(done, MUCH);
    assert_int_equal(seen, MUCH);
    chardev_free(c);
    (void)close(out);
}

static uint8_t read_in_all[MUCH];

/* Of a pipe of one page, that is full to begin with: each time a page of it, to its end.
 * Returns how much that was, as a pointer. */
static void *read_slowly(void *opaque)
{
    const int *fd = opaque;
    size_t len = 0;
    for (;;) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        ssize_t n = read(*fd, read_in_all + len, sizeof(read_in_all) - len);
        if (n == 0 || (n < 0 && errno != EAGAIN)) { /* nobody writes any more */
            return (void *)len;
        }
        len += n > 0 ? (size_t)n : 0;
    }
}

static void test_a_slow_reader_gets_what_was_written_before_the_end(void **state)
{
    pthread_t reader;
    void *seen = NULL;
    (void)state;
    bql_assert_locked();
    assert_int_equal(mkfifo(at("last.in"), 0600), 0);
    assert_int_equal(mkfifo(at("last.out"), 0600), 0);
    struct chardev *c = make("pipe:", at("last"));
    int out = open(at("last.out"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(out >= 0);
    assert_int_equal(fcntl(out, F_SETPIPE_SZ, 4096), 4096);
    size_t done = chardev_write(c, pattern(), MUCH);
    assert_false(chardev_can_write(c));
    assert_int_equal(pthread_create(&reader, NULL, read_slowly, &out), 0);
    chardev_free(c);
    assert_int_equal(pthread_join(reader, &seen), 0);
    assert_int_equal((size_t)seen, done);
    assert_memory_equal(read_in_all, pattern(), done);
    (void)close(out);
}

static void test_input_waits_until_the_client_takes_it(void **state)
{
    (void)state;
    bql_assert_locked();
    assert_int_equal(mkfifo(at("slow.in"), 0600), 0);
    assert_int_equal(mkfifo(at("slow.out"), 0600), 0);
    struct chardev *c = make("pipe:", at("slow"));
    int in = open(at("slow.in"), O_WRONLY | O_CLOEXEC);
    client.room = 3;
    assert_int_equal(write(in, "abcdef", 6), 6);
    test_turns();
    assert_string_equal(client.got, "abc");
    client.room = 5;
    test_turns();
    assert_string_equal(client.got, "abc"); /* it has not said so */
    chardev_accept_input(c);
    test_turns();
    assert_string_equal(client.got, "abcde");
    client.room = 100;
    chardev_accept_input(c);
    test_turns();
    assert_string_equal(client.got, "abcdef");
    chardev_free(c);
    (void)close(in);
}

/* A terminal as pipe:PATH, one descriptor for both directions. */
static void test_output_to_a_line_that_has_gone_does_not_wait(void **state)
{
    char name[64];
    (void)state;
    bql_assert_locked();
    int line = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(line >= 0);
    assert_int_equal(grantpt(line), 0);
    assert_int_equal(unlockpt(line), 0);
    assert_int_equal(ptsname_r(line, name, sizeof(name)), 0);
    struct chardev *c = make("pipe:", name);
    do { /* the kernel takes some more by and by */
        client.writable = 0;
        assert_in_range(chardev_write(c, pattern(), MUCH), 0, MUCH - 1);
        (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        test_turns();
    } while (client.writable);
    assert_int_equal(close(line), 0);
    test_turns();
    assert_int_equal(client.writable, 1);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(chardev_write(c, pattern(), MUCH), MUCH);
    }
    chardev_free(c);
}

/* As in `mortise system ... <script >console`. Standard input is there once. */
static void test_stdio_reads_a_file_to_its_end_and_is_taken_once(void **state)
{
    int kept[2] = {dup(STDIN_FILENO), dup(STDOUT_FILENO)};
    (void)state;
    bql_assert_locked();
    write_file(at("script"), "line 1\nline 2\n");
    int in = open(at("script"), O_RDONLY | O_CLOEXEC);
    int out = open(at("console"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    (void)fflush(stdout);
    assert_int_equal(dup2(in, STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(dup2(out, STDOUT_FILENO), STDOUT_FILENO);
    struct chardev *c = make("stdio", "");
    size_t took = chardev_write(c, "login: ", 7);
    test_turns();
    test_turns();
    chardev_free(c);
    assert_int_equal(dup2(kept[0], STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(dup2(kept[1], STDOUT_FILENO), STDOUT_FILENO);
    for (unsigned i = 0; i < 2; i++) {
        (void)close(kept[i]);
    }
    (void)close(in);
    (void)close(out);
    assert_int_equal(took, 7);
    assert_int_equal(client.up, 1);
    assert_string_equal(client.got, "line 1\nline 2\n");
    assert_file_equal(at("console"), "login: ");
    assert_non_null(strstr(refusal("stdio", EBUSY), "taken"));
}

static int setup(void **state)
{
    return test_machine_up(state) || !mkdtemp(directory);
}

static int teardown(void **state)
{
    static const char *const names[] = {"file",     "pair.in", "pair.out", "full.in",
                                        "full.out", "last.in", "last.out", "slow.in",
                                        "slow.out", "script",  "console"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)unlink(at(names[i]));
    }
    return test_machine_down(state) || rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_character_device_is_refused_with_the_list),
        cmocka_unit_test(test_null_takes_everything_and_sends_nothing),
        cmocka_unit_test(test_a_file_holds_what_was_written_since_it_was_opened),
        cmocka_unit_test(test_a_file_that_cannot_be_made_is_named),
        cmocka_unit_test(test_a_pair_of_pipes_carries_both_directions),
        cmocka_unit_test(test_a_pipe_that_is_not_there_is_named),
        cmocka_unit_test(test_a_full_pipe_takes_less_and_says_when_there_is_room),
        cmocka_unit_test(test_a_slow_reader_gets_what_was_written_before_the_end),
        cmocka_unit_test(test_input_waits_until_the_client_takes_it),
        cmocka_unit_test(test_output_to_a_line_that_has_gone_does_not_wait),
        cmocka_unit_test(test_stdio_reads_a_file_to_its_end_and_is_taken_once),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
