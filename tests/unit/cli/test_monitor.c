/* The monitor as whoever types sees it: lines, commands, and what is no command. */
#include "hw_test.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/monitor.h"
#include "exec/exclusive.h"
#include "hw/chardev_internal.h"
#include "hw/machine_run.h"
#include "x86sys/machine.h"

#define PROMPT   "(mortise) "
#define RAM_SIZE 0x20000u
#define DEVICE   0x40000u  /* a register that counts what reads it */
#define LINEAR   0x700000u /* where a CPU sees the page of RAM that has its number */

static struct monitor *monitor;
static struct chardev terminal;
static char *screen;
static size_t screen_len, screen_size, room;
static bool running;
static int refuse; /* what a CPU that does not answer says */
static unsigned device_reads;
static struct sys_machine_check checks[TEST_CPUS];
static enum sys_mc_outcome check_outcome;

/* --- what stands in for the machine and its CPUs --- */

bool machine_running(void)
{
    return running;
}

void machine_resume(void)
{
    running = true;
}

void machine_stop(void)
{
    running = false;
}

int __wrap_run_on_cpu_bql(struct cpu *cpu, run_on_cpu_fn *fn, void *opaque);

int __wrap_run_on_cpu_bql(struct cpu *cpu, run_on_cpu_fn *fn, void *opaque)
{
    if (refuse) {
        return refuse;
    }
    fn(cpu, opaque);
    return 0;
}

void sys_cpu_dump(struct cpu *cpu, FILE *out)
{
    fprintf(out, "registers of %u\n", cpu->index);
}

void sys_cpu_print_counts(struct cpu *cpu, FILE *out)
{
    fprintf(out, "counts of %u\n", cpu->index);
}

size_t sys_cpu_peek(struct cpu *cpu, uint64_t linear, void *buf, size_t len)
{
    size_t offset = linear - LINEAR;
    if (linear < LINEAR || offset >= 0x1000) {
        return 0;
    }
    len = len < 0x1000 - offset ? len : 0x1000 - offset;
    memcpy(buf, (uint8_t *)memory_region_host(&machine.ram) + 0x1000UL * cpu->index + offset, len);
    return len;
}

enum sys_mc_outcome sys_cpu_machine_check(struct cpu *cpu, const struct sys_machine_check *mc)
{
    checks[cpu->index] = *mc;
    return check_outcome;
}

static enum memory_result device_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)opaque;
    (void)offset;
    (void)size;
    device_reads++;
    *value = 0x11;
    return MEMORY_OK;
}

static enum memory_result device_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    (void)opaque;
    (void)offset;
    (void)size;
    (void)value;
    return MEMORY_OK;
}

/* --- the terminal --- */

static size_t terminal_write(struct chardev *c, const uint8_t *buf, size_t len)
{
    size_t n = len < room ? len : room;
    (void)c;
    assert_true(screen_len + n < screen_size);
    memcpy(screen + screen_len, buf, n);
    screen_len += n;
    screen[screen_len] = '\0';
    room -= n;
    return n;
}

static bool terminal_can_write(const struct chardev *c)
{
    (void)c;
    return room > 0;
}

static const struct chardev_ops terminal_ops = {.write = terminal_write,
                                                .can_write = terminal_can_write};

static void clear_screen(void)
{
    screen_len = 0;
    screen[0] = '\0';
}

/* How much of it was taken. */
static size_t type(const char *text)
{
    size_t done = 0, len = strlen(text);
    bql_assert_locked();
    while (done < len) {
        size_t n = terminal.client->can_receive(terminal.opaque);
        if (n == 0) {
            break;
        }
        n = n < len - done ? n : len - done;
        terminal.client->receive(terminal.opaque, (const uint8_t *)text + done, n);
        done += n;
    }
    return done;
}

/* What a command prints, with lines ended by \n, without its echo and the prompt. */
static const char *answer(const char *command)
{
    static char text[65536];
    size_t len = 0, echo = strlen(command) + 2, prompt = strlen(PROMPT);
    clear_screen();
    assert_int_equal(type(command) + type("\r"), strlen(command) + 1);
    assert_memory_equal(screen, command, strlen(command));
    assert_memory_equal(screen + strlen(command), "\r\n", 2);
    assert_true(screen_len >= echo + prompt);
    assert_string_equal(screen + screen_len - prompt, PROMPT);
    for (size_t i = echo; i < screen_len - prompt; i++) {
        if (screen[i] == '\r') {
            assert_int_equal(screen[i + 1], '\n');
        } else {
            assert_true(len < sizeof(text) - 1);
            text[len++] = screen[i];
        }
    }
    text[len] = '\0';
    return text;
}

static void assert_answer(const char *command, const char *expected)
{
    assert_string_equal(answer(command), expected);
}

static void assert_mentions(const char *command, const char *part)
{
    const char *text = answer(command);
    if (!strstr(text, part)) {
        fail_msg("'%s' gave '%s', which has no '%s'", command, text, part);
    }
}

static struct memory_region device;

static int setup(void **state)
{
    static const struct memory_ops ops = {.read = device_read, .write = device_write};
    static struct cpu *cpus[TEST_CPUS];
    struct error err = {""};
    (void)state;
    bql_assert_locked();
    test_forget();
    memset(checks, 0, sizeof(checks));
    check_outcome = SYS_MC_RAISED;
    running = true;
    refuse = 0;
    device_reads = 0;
    screen_size = 1 << 20;
    screen = malloc(screen_size);
    assert_non_null(screen);
    clear_screen();
    room = SIZE_MAX;
    for (unsigned n = 0; n < TEST_CPUS; n++) {
        cpus[n] = &test_cpu[n];
    }
    machine.cpus = cpus;
    machine.config.cpus = TEST_CPUS;
    assert_int_equal(memory_region_init_ram(&machine.ram, "ram", RAM_SIZE, &err), 0);
    for (unsigned i = 0; i < RAM_SIZE; i++) {
        ((uint8_t *)memory_region_host(&machine.ram))[i] = (uint8_t)(i + i / 0x1000);
    }
    memory_region_add(&machine.memory, 0, &machine.ram, 0);
    memory_region_init_io(&device, &ops, NULL, "device", 0x1000);
    memory_region_add(&machine.memory, DEVICE, &device, 0);
    memset(&terminal, 0, sizeof(terminal));
    assert_int_equal(chardev_init(&terminal, &terminal_ops, "terminal", &err), 0);
    assert_int_equal(monitor_new(&machine, &terminal, &monitor, &err), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bql_assert_locked();
    monitor_free(monitor);
    memory_region_destroy(&device);
    memory_region_destroy(&machine.ram);
    free(terminal.label);
    free(screen);
    return 0;
}

/* --- lines --- */

static void test_whoever_connects_is_greeted_with_a_prompt(void **state)
{
    (void)state;
    bql_assert_locked();
    terminal.client->opened(terminal.opaque, true);
    assert_non_null(strstr(screen, "'help' lists commands\r\n" PROMPT));
    clear_screen();
    terminal.client->opened(terminal.opaque, false);
    assert_string_equal(screen, "");
}

/* Neither the next caller nor who comes back with Ctrl-A c sees it any more. */
static void test_half_a_line_goes_with_who_typed_it(void **state)
{
    (void)state;
    bql_assert_locked();
    type("qui");
    terminal.client->opened(terminal.opaque, false);
    terminal.client->opened(terminal.opaque, true);
    assert_answer("info status", "VM status: running\n");
    type("qui");
    terminal.client->opened(terminal.opaque, true);
    assert_answer("info status", "VM status: running\n");
}

static void test_lines_are_echoed_and_edited(void **state)
{
    (void)state;
    type("infx\b\x7f\x7f"
         "nfo");
    assert_string_equal(screen, "infx\b \b\b \b\b \bnfo");
    clear_screen();
    type(" versioon\b\b\bon\x01\x1b\n");
    assert_non_null(strstr(screen, MORTISE_VERSION));
    clear_screen();
    type("quit\x15");
    assert_string_equal(screen, "quit\b \b\b \b\b \b\b \b");
    type("\b\b\r"); /* nothing is left of it */
    assert_int_equal(test_requests, 0);
    assert_answer("", "");
    assert_answer("   ", "");
}

static void test_a_line_has_255_characters_at_most(void **state)
{
    char line[400];
    (void)state;
    memset(line, ' ', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    memcpy(line + 250, "quit!", 5);
    clear_screen();
    assert_int_equal(type(line), sizeof(line) - 1);
    assert_int_equal(screen_len, 255);
    type("\r");
    assert_non_null(strstr(screen, "unknown command 'quit!'"));
    assert_int_equal(test_requests, 0);
}

/* --- commands --- */

static void test_every_command_in_help_is_one(void **state)
{
    char text[8192];
    char *save = NULL;
    unsigned count = 0;
    (void)state;
    (void)snprintf(text, sizeof(text), "%s", answer("help"));
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        line[strcspn(line, " ")] = '\0';
        assert_null(strstr(answer(line), "unknown command"));
        count++;
    }
    assert_in_range(count, 10, 100);
}

static void test_what_is_no_command_is_said_to_be_none(void **state)
{
    char word[200];
    (void)state;
    assert_answer("frobnicate", "unknown command 'frobnicate' (help lists them)\n");
    assert_answer("sotp", "unknown command 'sotp'; did you mean stop\n");
    assert_mentions("INFO status", "unknown command");
    assert_mentions("%s%n", "unknown command '%s%n'");
    memset(word, 'w', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    assert_mentions(word, "unknown command 'www");
    assert_int_equal(test_requests, 0);
    assert_true(running);
}

static void test_requests_reach_the_machine(void **state)
{
    static const struct {
        const char *command;
        unsigned request;
    } requests[] = {{"quit", MACHINE_QUIT},
                    {"q", MACHINE_QUIT},
                    {"system_reset", MACHINE_RESET},
                    {"system_powerdown", MACHINE_POWERDOWN}};
    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        test_requests = 0;
        assert_answer(requests[i].command, "");
        assert_int_equal(test_requests, requests[i].request);
    }
}

static void test_stop_and_cont_show_in_the_status(void **state)
{
    (void)state;
    assert_answer("info status", "VM status: running\n");
    assert_answer("stop", "");
    assert_answer("info status", "VM status: paused\n");
    assert_answer("cont", "");
    assert_answer("info   status", "VM status: running\n");
}

static void test_nmi_goes_to_every_cpu(void **state)
{
    (void)state;
    assert_answer("nmi", "");
    for (unsigned n = 0; n < TEST_CPUS; n++) {
        assert_int_equal(test_interrupts[n], SYS_INT_NMI);
    }
}

static void test_info_knows_its_topics(void **state)
{
    (void)state;
    assert_answer("info version", MORTISE_VERSION "\n");
    assert_answer("info icount", "instructions are not counted\n");
    assert_answer("info jit", "counts of 0\n");
    assert_mentions("info mtree", "ram");
    assert_answer("info register", "info 'register' is unknown; did you mean info registers\n");
    assert_mentions("info", "info '' is unknown (status, registers,");
    assert_mentions("info qtree", "info 'qtree' is unknown");
}

static void test_cpu_chooses_which_one_is_looked_at(void **state)
{
    static const char *const bad[] = {"cpu",    "cpu 3",   "cpu -1",
                                      "cpu 1x", "cpu one", "cpu 99999999999999999999"};
    (void)state;
    assert_answer("info registers", "registers of 0\n");
    assert_answer("cpu 2", "");
    assert_answer("info registers", "registers of 2\n");
    assert_mentions("info cpus", "* CPU #2");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_answer(bad[i], "cpu: a number below 3 expected\n");
    }
    assert_answer("info registers", "registers of 2\n");
}

static void test_a_cpu_that_does_not_answer_is_named(void **state)
{
    (void)state;
    assert_answer("cpu 1", "");
    refuse = -EBUSY;
    assert_mentions("info registers", "CPU 1 does not answer: ");
    assert_mentions("x 700000", "CPU 1 does not answer: ");
}

/* --- memory --- */

static void test_memory_is_shown_in_the_size_that_is_asked_for(void **state)
{
    (void)state;
    assert_answer("xp 10", "0000000000000010: 0x13121110\n");
    assert_answer("xp /3xb 0x1000", "0000000000001000: 0x01 0x02 0x03\n");
    assert_answer("xp/2xh 4", "0000000000000004: 0x0504 0x0706\n");
    assert_answer("xp /3xg 0", "0000000000000000: 0x0706050403020100 0x0f0e0d0c0b0a0908\n"
                               "0000000000000010: 0x1716151413121110\n");
    assert_answer("x /2xw 700000", "0000000000700000: 0x03020100 0x07060504\n");
    assert_answer("cpu 1", "");
    assert_answer("x 700000", "0000000000700000: 0x04030201\n");
}

static void test_memory_that_is_not_there_is_not_shown(void **state)
{
    (void)state;
    assert_answer("x 0", "cannot access memory at 0x0\n");
    assert_answer("x /8xg 700fe0", "cannot access memory at 0x701000\n"); /* the first that fails */
    assert_answer("x ffffffffffffffff", "cannot access memory at 0xffffffffffffffff\n");
    assert_mentions("xp 30000", "cannot access memory at 0x30000");
    assert_mentions("xp /8xg 1fff0", "cannot access memory at 0x1fff0");
    assert_mentions("xp ffffffffffffffff", "cannot access memory at 0xffffffffffffffff");
    assert_mentions("xp /65536xb ffffffffffff0000", "cannot access memory");
    assert_int_equal(device_reads, 0);
}

static void test_a_device_is_not_touched_by_looking(void **state)
{
    (void)state;
    assert_answer("xp /1xb 40000", "cannot access memory at 0x40000\n");
    assert_int_equal(device_reads, 0);
}

static void test_what_is_no_address_is_refused(void **state)
{
    static const char *const bad[] = {"x",
                                      "xp",
                                      "x /4x",
                                      "xp /4xq 0",
                                      "xp /0x 0",
                                      "xp /65537xb 0",
                                      "xp /8193xg 0",
                                      "xp /99999999999999999999x 0",
                                      "xp rax",
                                      "xp 0x",
                                      "xp 10 20",
                                      "xp -1",
                                      "xp +1",
                                      "xp /-1x 0",
                                      "xp 10000000000000000", /* 65 bits */
                                      "xp 0x1ffffffffffffffff"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_mentions(bad[i], "ADDRESS expected");
    }
    assert_answer("xp 0x10", "0000000000000010: 0x13121110\n");
    assert_answer("xp 0X000000000000000000010", "0000000000000010: 0x13121110\n");
}

/* A terminal that is slower than the monitor: what it does not take comes later. */
static void test_long_answers_are_complete_on_a_slow_terminal(void **state)
{
    size_t complete;
    char *expected;
    (void)state;
    bql_assert_locked();
    type("xp /4096xb 0\r");
    complete = screen_len;
    expected = strdup(screen);
    assert_non_null(expected);
    clear_screen();
    room = 1000;
    assert_int_equal(type("xp /4096xb 0\rq\r"), 13); /* what comes next waits for the answer */
    assert_int_equal(screen_len, 1000);
    for (unsigned i = 0; i < 1000 && screen_len < complete; i++) {
        room = 100;
        terminal.client->writable(terminal.opaque);
    }
    assert_string_equal(screen, expected);
    free(expected);
    room = SIZE_MAX;
    assert_answer("info status", "VM status: running\n");
}

/* --- with words to take apart --- */

static void test_a_machine_check_has_six_numbers(void **state)
{
    static const char *const bad[] = {
        "mce",
        "mce 0 1 2 3 4",
        "mce 0 1 2 3 4 5 6",
        "mce 0 one 2 3 4 5",
        "mce -b",
        "mce 0 -1 2 3 4 5",
        "mce 0 0 0x18000000000000000 0 0 0", /* 65 bits */
        "mce 0 0 0x8000000000000000 0 99999999999999999999 0",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_mentions(bad[i], "CPU BANK STATUS MCGSTATUS ADDR MISC expected");
    }
    assert_answer("mce 3 0 0x8000000000000000 0 0 0", "mce: there is no CPU 3\n");
    assert_answer("mce 0 256 0x8000000000000000 0 0 0",
                  "mce: there is no machine-check bank 256\n");
    assert_mentions("mce 0 0 1 0 0 0", "VAL");
    assert_mentions("mce 0 0 0x8000000000000000 8 0 0", "MCGSTATUS");
    for (unsigned n = 0; n < TEST_CPUS; n++) {
        assert_int_equal(checks[n].status, 0);
    }
}

static void test_a_machine_check_comes_to_the_cpu_and_if_asked_to_all(void **state)
{
    (void)state;
    assert_answer("mce 1 4 0xb200000000000000 5 0x1234 7", "");
    assert_int_equal(checks[1].bank, 4);
    assert_int_equal(checks[1].status, 0xb200000000000000);
    assert_int_equal(checks[1].mcg_status, 5);
    assert_int_equal(checks[1].addr, 0x1234);
    assert_int_equal(checks[1].misc, 7);
    assert_int_equal(checks[0].status, 0);
    assert_answer("mce -b 1 4 0xb200000000000000 5 0x1234 7", "");
    assert_int_equal(checks[0].bank, 1);
    assert_true(checks[2].status & SYS_MC_VAL);
    check_outcome = SYS_MC_NOT_THERE;
    assert_answer("mce 2 9 0xb200000000000000 5 0 0", "CPU 2: there is no machine-check bank 9\n");
}

static void test_a_picture_needs_a_file_and_a_screen(void **state)
{
    static const char *const bad[] = {"screendump", "screendump a b", "screendump -f",
                                      "screendump a -f", "screendump a -f gif"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_answer(bad[i], "screendump FILE [-f png|ppm] expected\n");
    }
    assert_answer("screendump /tmp/picture.png", "there is no screen (-vga std)\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_whoever_connects_is_greeted_with_a_prompt),
        TEST(test_half_a_line_goes_with_who_typed_it),
        TEST(test_lines_are_echoed_and_edited),
        TEST(test_a_line_has_255_characters_at_most),
        TEST(test_every_command_in_help_is_one),
        TEST(test_what_is_no_command_is_said_to_be_none),
        TEST(test_requests_reach_the_machine),
        TEST(test_stop_and_cont_show_in_the_status),
        TEST(test_nmi_goes_to_every_cpu),
        TEST(test_info_knows_its_topics),
        TEST(test_cpu_chooses_which_one_is_looked_at),
        TEST(test_a_cpu_that_does_not_answer_is_named),
        TEST(test_memory_is_shown_in_the_size_that_is_asked_for),
        TEST(test_memory_that_is_not_there_is_not_shown),
        TEST(test_a_device_is_not_touched_by_looking),
        TEST(test_what_is_no_address_is_refused),
        TEST(test_long_answers_are_complete_on_a_slow_terminal),
        TEST(test_a_machine_check_has_six_numbers),
        TEST(test_a_machine_check_comes_to_the_cpu_and_if_asked_to_all),
        TEST(test_a_picture_needs_a_file_and_a_screen),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
