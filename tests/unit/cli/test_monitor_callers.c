/* The monitor on real sockets and pseudo terminals: people come, are answered and leave. */
#include "chardev_test.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "cli/monitor.h"
#include "exec/exclusive.h"
#include "hw/machine_run.h"
#include "x86sys/machine.h"

#define PROMPT "(mortise) "

static char directory[] = "/tmp/mortise-callers-XXXXXX";
static char path[64], printed[64];
static struct chardev *device;
static struct monitor *monitor;

/* --- the machine: what is asked here does not concern it --- */

bool machine_running(void)
{
    return true;
}

void machine_resume(void)
{
    fail();
}

void machine_stop(void)
{
    fail();
}

int __wrap_run_on_cpu_bql(struct cpu *cpu, run_on_cpu_fn *fn, void *opaque);

int __wrap_run_on_cpu_bql(struct cpu *cpu, run_on_cpu_fn *fn, void *opaque)
{
    (void)cpu;
    (void)fn;
    (void)opaque;
    fail();
    return 0;
}

void sys_cpu_dump(struct cpu *cpu, FILE *out)
{
    (void)cpu;
    (void)out;
    fail();
}

void sys_cpu_print_counts(struct cpu *cpu, FILE *out)
{
    (void)cpu;
    (void)out;
    fail();
}

size_t sys_cpu_peek(struct cpu *cpu, uint64_t linear, void *buf, size_t len)
{
    (void)cpu;
    (void)linear;
    (void)buf;
    (void)len;
    fail();
    return 0;
}

enum sys_mc_outcome sys_cpu_machine_check(struct cpu *cpu, const struct sys_machine_check *mc)
{
    (void)cpu;
    (void)mc;
    fail();
    return SYS_MC_RAISED;
}

/* --- the callers --- */

static void serve(const char *options)
{
    char spec[128];
    struct error err = {""};
    bql_assert_locked();
    (void)snprintf(spec, sizeof(spec), "unix:%s,server=on,%s", path, options);
    assert_int_equal(chardev_new(spec, "monitor", false, &device, &err), 0);
    assert_int_equal(monitor_new(&machine, device, &monitor, &err), 0);
}

static int dial(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

/* Turns the main loop until what has come ends in `text`, for some seconds at most. What
 * has come is there until the next call. */
static const char *hear(int fd, const char *text)
{
    static char heard[16384];
    const struct timespec time = {.tv_nsec = 10000000};
    size_t len = 0, n = strlen(text);
    for (unsigned i = 0; i < 500; i++) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        test_turns();
        while (poll(&p, 1, 0) == 1 && (p.revents & POLLIN) && len < sizeof(heard) - 1) {
            ssize_t got = read(fd, heard + len, sizeof(heard) - 1 - len);
            if (got <= 0) {
                break;
            }
            len += (size_t)got;
        }
        heard[len] = '\0';
        if (len >= n && strcmp(heard + len - n, text) == 0) {
            return heard;
        }
        (void)nanosleep(&time, NULL);
    }
    fail_msg("no '%s' at the end of '%s'", text, heard);
    return heard;
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* Greeted, asks twice, and is answered each time. */
static void talk(int fd)
{
    (void)hear(fd, "'help' lists commands\r\n" PROMPT);
    for (unsigned i = 0; i < 2; i++) {
        say(fd, "info version\n");
        assert_string_equal(hear(fd, PROMPT), "info version\r\n" MORTISE_VERSION "\r\n" PROMPT);
    }
}

static void leave(int fd)
{
    (void)close(fd);
    test_turns();
}

static void test_each_caller_on_a_socket_is_heard(void **state)
{
    (void)state;
    serve("wait=off");
    for (unsigned i = 0; i < 3; i++) {
        int fd = dial();
        talk(fd);
        leave(fd);
    }
}

/* A caller may have written before they are greeted. */
static void test_who_speaks_first_is_answered_too(void **state)
{
    (void)state;
    serve("wait=off");
    int fd = dial();
    say(fd, "info version\n");
    (void)hear(fd, MORTISE_VERSION "\r\n" PROMPT);
    leave(fd);
}

static void test_who_comes_to_a_pseudo_terminal_is_heard(void **state)
{
    struct error err = {""};
    char name[64];
    (void)state;
    bql_assert_locked();
    device = test_pty_new("monitor", printed, name);
    assert_int_equal(monitor_new(&machine, device, &monitor, &err), 0);
    for (unsigned i = 0; i < 2; i++) {
        int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
        assert_true(fd >= 0);
        talk(fd);
        leave(fd);
    }
}

static int begin(void **state)
{
    (void)state;
    device = NULL;
    monitor = NULL;
    return 0;
}

static int end(void **state)
{
    (void)state;
    bql_assert_locked();
    chardev_free(device);
    monitor_free(monitor);
    (void)unlink(path);
    return 0;
}

static int setup(void **state)
{
    (void)signal(SIGPIPE, SIG_IGN); /* as the program does */
    if (test_machine_up(state) || !mkdtemp(directory)) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/socket", directory);
    (void)snprintf(printed, sizeof(printed), "%s/printed", directory);
    return 0;
}

static int teardown(void **state)
{
    (void)unlink(printed);
    return test_machine_down(state) || rmdir(directory);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_each_caller_on_a_socket_is_heard),
        TEST(test_who_speaks_first_is_answered_too),
        TEST(test_who_comes_to_a_pseudo_terminal_is_heard),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
