/* The monitor. Lines are edited here, because the terminal is in raw mode: what is
 * typed comes back, backspace and Ctrl-U work. Output goes through a memory
 * stream, so that what other rooms print can be shown. */
#include "cli/monitor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/monitor_internal.h"
#include "base/suggest.h"
#include "exec/exclusive.h"
#include "exec/icount.h"
#include "hw/machine_run.h"
#include "x86sys/interrupt.h"
#include "x86sys/machine.h"

#define LINE_MAX_BYTES 256
#define DUMP_MAX       65536
#define PROMPT         "(mortise) "

struct monitor {
    struct machine *machine IMMUTABLE_AFTER_INIT;
    struct chardev *chardev IMMUTABLE_AFTER_INIT;
    char line[LINE_MAX_BYTES] GUARDED_BY(bql);
    size_t len GUARDED_BY(bql);
    unsigned cpu GUARDED_BY(bql); /* which one is looked at */
};

/* What a command gets: its argument (never NULL) and where to print. */
struct command {
    const char *name, *argument, *help;
    void (*run)(struct monitor *mon, const char *argument, FILE *out);
};

static void put(struct monitor *mon, const char *text, size_t len) REQUIRES(bql)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n') {
            (void)chardev_write(mon->chardev, "\r", 1);
        }
        (void)chardev_write(mon->chardev, &text[i], 1);
    }
}

static void cmd_quit(struct monitor *mon, const char *argument, FILE *out)
{
    (void)argument;
    (void)out;
    machine_request(mon->machine, MACHINE_QUIT, 0);
}

static void cmd_reset(struct monitor *mon, const char *argument, FILE *out)
{
    (void)argument;
    (void)out;
    machine_request(mon->machine, MACHINE_RESET, 0);
}

static void cmd_powerdown(struct monitor *mon, const char *argument, FILE *out)
{
    (void)argument;
    (void)out;
    machine_request(mon->machine, MACHINE_POWERDOWN, 0);
}

static void cmd_stop(struct monitor *mon, const char *argument, FILE *out)
{
    (void)mon;
    (void)argument;
    (void)out;
    bql_assert_locked();
    thread_role_assert(&main_loop_role);
    machine_stop();
}

static void cmd_cont(struct monitor *mon, const char *argument, FILE *out)
{
    (void)mon;
    (void)argument;
    (void)out;
    bql_assert_locked();
    machine_resume();
}

static void cmd_nmi(struct monitor *mon, const char *argument, FILE *out)
{
    (void)argument;
    (void)out;
    for (unsigned n = 0; n < mon->machine->config.cpus; n++) {
        sys_cpu_interrupt(mon->machine->cpus[n], SYS_INT_NMI, 0);
    }
}

/* Work that is done on the vCPU's thread. */
struct look {
    FILE *out;
    uint64_t addr;
    uint8_t *buf;
    size_t len, got;
};

static void dump_on_cpu(struct cpu *cpu, void *opaque)
{
    const struct look *look = opaque;
    sys_cpu_dump(cpu, look->out);
}

static void count_on_cpu(struct cpu *cpu, void *opaque)
{
    const struct look *look = opaque;
    sys_cpu_print_counts(cpu, look->out);
}

static void peek_on_cpu(struct cpu *cpu, void *opaque)
{
    struct look *look = opaque;
    look->got = sys_cpu_peek(cpu, look->addr, look->buf, look->len);
}

static bool on_cpu(struct monitor *mon, run_on_cpu_fn *fn, struct look *look, FILE *out)
    REQUIRES(bql) MAY_BLOCK
{
    int rc = run_on_cpu_bql(mon->machine->cpus[mon->cpu], fn, look);
    if (rc) {
        fprintf(out, "CPU %u does not answer: %s\n", mon->cpu, error_text(-rc));
    }
    return rc == 0;
}

static void print_icount(FILE *out)
{
    if (icount_enabled()) {
        fprintf(out, "instructions: %" PRId64 ", guest time: %" PRId64 " ns\n", icount_executed(),
                icount_now_ns());
    } else {
        fputs("instructions are not counted\n", out);
    }
}

static void cmd_info(struct monitor *mon, const char *argument, FILE *out)
{
    static const char *const topics[] = {"status", "registers", "cpus",    "mtree",
                                         "jit",    "icount",    "version", NULL};
    bql_assert_locked();
    if (strcmp(argument, "status") == 0) {
        fprintf(out, "VM status: %s\n", machine_running() ? "running" : "paused");
    } else if (strcmp(argument, "version") == 0) {
        fputs(MORTISE_VERSION "\n", out);
    } else if (strcmp(argument, "cpus") == 0) {
        for (unsigned n = 0; n < mon->machine->config.cpus; n++) {
            fprintf(out, "%c CPU #%u: thread_id=%d\n", n == mon->cpu ? '*' : ' ', n,
                    atomic_load_explicit(&mon->machine->cpus[n]->host_tid, memory_order_relaxed));
        }
    } else if (strcmp(argument, "registers") == 0) {
        struct look look = {.out = out};
        (void)on_cpu(mon, dump_on_cpu, &look, out);
    } else if (strcmp(argument, "jit") == 0) {
        struct look look = {.out = out};
        (void)on_cpu(mon, count_on_cpu, &look, out);
    } else if (strcmp(argument, "icount") == 0) {
        print_icount(out);
    } else if (strcmp(argument, "mtree") == 0) {
        memory_print(out);
    } else {
        const char *meant = suggest_name(argument, topics);
        fprintf(out, "info '%s' is unknown%s%s\n", argument,
                meant ? "; did you mean info "
                      : " (status, registers, cpus, mtree, jit, icount, version)",
                meant ? meant : "");
    }
}

static void cmd_cpu(struct monitor *mon, const char *argument, FILE *out)
{
    char *end;
    bql_assert_locked();
    unsigned long n = strtoul(argument, &end, 0);
    if (end == argument || *end || n >= mon->machine->config.cpus) {
        fprintf(out, "cpu: a number below %u expected\n", mon->machine->config.cpus);
        return;
    }
    mon->cpu = (unsigned)n;
}

/* "/COUNTx[bhwg] ADDRESS" or "ADDRESS". */
static bool parse_dump(const char *text, size_t *count, unsigned *size, uint64_t *addr)
{
    char *end;
    *count = 1;
    *size = 4;
    if (*text == '/') {
        text++;
        if (*text >= '0' && *text <= '9') {
            *count = strtoul(text, &end, 10);
            text = end;
        }
        for (; *text && *text != ' '; text++) {
            static const char letters[] = "bhwg";
            const char *at = strchr(letters, *text);
            if (at) {
                *size = 1U << (at - letters);
            } else if (*text != 'x') {
                return false;
            }
        }
    }
    text += strspn(text, " ");
    *addr = strtoull(text, &end, 16);
    return end != text && *end == '\0' && *count > 0 && *count <= DUMP_MAX / *size;
}

static void print_dump(FILE *out, uint64_t addr, const uint8_t *buf, size_t count, unsigned size)
{
    unsigned per_line = 16 / size;
    for (size_t i = 0; i < count; i++) {
        uint64_t v = 0;
        for (unsigned b = 0; b < size; b++) {
            v |= (uint64_t)buf[i * size + b] << 8 * b;
        }
        if (i % per_line == 0) {
            fprintf(out, "%016" PRIx64 ":", addr + i * size);
        }
        fprintf(out, " 0x%0*" PRIx64 "%s", (int)(2 * size), v,
                (i + 1) % per_line == 0 || i + 1 == count ? "\n" : "");
    }
}

static void dump(struct monitor *mon, const char *argument, bool physical, FILE *out)
    REQUIRES(bql) MAY_BLOCK
{
    size_t count;
    unsigned size;
    struct look look = {.out = out};
    if (!parse_dump(argument, &count, &size, &look.addr)) {
        fputs("x[p] /COUNTx[bhwg] ADDRESS expected, at most 64 KiB\n", out);
        return;
    }
    look.len = count * size;
    look.buf = calloc(1, look.len);
    if (!look.buf) {
        fputs("out of memory\n", out);
        return;
    }
    bool ok = physical ? address_space_read(mon->machine->memory_as, look.addr, look.buf,
                                            look.len) == MEMORY_OK
                       : on_cpu(mon, peek_on_cpu, &look, out) && look.got == look.len;
    if (ok) {
        print_dump(out, look.addr, look.buf, count, size);
    } else {
        fprintf(out, "cannot access memory at 0x%" PRIx64 "\n", look.addr + look.got);
    }
    free(look.buf);
}

static void cmd_x(struct monitor *mon, const char *argument, FILE *out)
{
    bql_assert_locked();
    dump(mon, argument, false, out);
}

static void cmd_xp(struct monitor *mon, const char *argument, FILE *out)
{
    bql_assert_locked();
    dump(mon, argument, true, out);
}

static void cmd_screendump(struct monitor *mon, const char *argument, FILE *out)
{
    bql_assert_locked();
    monitor_screendump(mon->machine, argument, out);
}

static void cmd_mce(struct monitor *mon, const char *argument, FILE *out)
{
    bql_assert_locked();
    monitor_mce(mon->machine, argument, out);
}

static void cmd_help(struct monitor *mon, const char *argument, FILE *out);

static const struct command commands[] = {
    {"help", "", "this text", cmd_help},
    {"quit", "", "end", cmd_quit},
    {"q", "", NULL, cmd_quit},
    {"info", "TOPIC", "status, registers, cpus, mtree, jit, icount, version", cmd_info},
    {"cpu", "N", "which CPU to look at", cmd_cpu},
    {"stop", "", "pause the machine", cmd_stop},
    {"cont", "", "let it run on", cmd_cont},
    {"c", "", NULL, cmd_cont},
    {"system_reset", "", "reset", cmd_reset},
    {"system_powerdown", "", "press the power button", cmd_powerdown},
    {"nmi", "", "non-maskable interrupt to all CPUs", cmd_nmi},
    {"mce", "[-b] CPU BANK STATUS MCGSTATUS ADDR MISC", "machine check; -b: to all CPUs", cmd_mce},
    {"x", "/COUNTx[bhwg] ADDRESS", "memory, as the CPU sees it", cmd_x},
    {"screendump", "FILE [-f png|ppm]", "a picture of the VGA's screen", cmd_screendump},
    {"xp", "/COUNTx[bhwg] ADDRESS", "physical memory", cmd_xp},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void cmd_help(struct monitor *mon, const char *argument, FILE *out)
{
    (void)mon;
    (void)argument;
    for (size_t i = 0; i < COMMANDS; i++) {
        if (commands[i].help) {
            fprintf(out, "%s %s -- %s\n", commands[i].name, commands[i].argument, commands[i].help);
        }
    }
}

static void run_line(struct monitor *mon, const char *line, FILE *out)
{
    const char *names[COMMANDS + 1] = {NULL};
    char word[32];
    line += strspn(line, " \t");
    size_t n = strcspn(line, " \t/");
    if (n == 0) {
        return;
    }
    (void)snprintf(word, sizeof(word), "%.*s", (int)n, line);
    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strcmp(word, commands[i].name) == 0) {
            const char *argument = line + n;
            commands[i].run(mon, argument + strspn(argument, " \t"), out);
            return;
        }
    }
    const char *meant = suggest_name(word, names);
    fprintf(out, "unknown command '%s'%s%s\n", word,
            meant ? "; did you mean " : " (help lists them)", meant ? meant : "");
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
    run_line(mon, line, out);
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
    (void)opaque;
    return LINE_MAX_BYTES;
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    bql_assert_locked();
    for (size_t i = 0; i < len; i++) {
        type(opaque, buf[i]);
    }
}

static void opened(void *opaque, bool up)
{
    struct monitor *mon = opaque;
    bql_assert_locked();
    if (up) {
        static const char hello[] =
            "\nMortise " MORTISE_VERSION " monitor - 'help' lists commands\n" PROMPT;
        put(mon, hello, sizeof(hello) - 1);
    }
}

static const struct chardev_client client = {
    .can_receive = can_receive, .receive = receive, .opened = opened};

int monitor_new(struct machine *m, struct chardev *c, struct monitor **out, struct error *err)
{
    struct monitor *mon = calloc(1, sizeof(*mon));
    if (!mon) {
        return error_set(err, ENOMEM, "monitor: out of memory");
    }
    mon->machine = m;
    mon->chardev = c;
    chardev_attach(c, &client, mon);
    *out = mon;
    return 0;
}

void monitor_free(struct monitor *monitor)
{
    free(monitor);
}
