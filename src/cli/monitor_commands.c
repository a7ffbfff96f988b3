/* What the monitor knows to do: the table of its commands, and those that need no more
 * than a line. */
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/monitor_internal.h"
#include "hw/machine_run.h"
#include "x86sys/interrupt.h"

/* What a command gets: its argument (never NULL) and where to print. */
struct command {
    const char *name, *argument, *help;
    void (*run)(struct monitor_view *view, const char *argument, FILE *out);
};

static void cmd_quit(struct monitor_view *view, const char *argument, FILE *out)
{
    (void)argument;
    (void)out;
    machine_request(view->machine, MACHINE_QUIT, 0);
}

static void cmd_reset(struct monitor_view *view, const char *argument, FILE *out)
{
    (void)argument;
    (void)out;
    machine_request(view->machine, MACHINE_RESET, 0);
}

static void cmd_powerdown(struct monitor_view *view, const char *argument, FILE *out)
{
    (void)argument;
    (void)out;
    machine_request(view->machine, MACHINE_POWERDOWN, 0);
}

static void cmd_stop(struct monitor_view *view, const char *argument, FILE *out)
{
    (void)view;
    (void)argument;
    (void)out;
    bql_assert_locked();
    thread_role_assert(&main_loop_role);
    machine_stop();
}

static void cmd_cont(struct monitor_view *view, const char *argument, FILE *out)
{
    (void)view;
    (void)argument;
    (void)out;
    bql_assert_locked();
    machine_resume();
}

static void cmd_nmi(struct monitor_view *view, const char *argument, FILE *out)
{
    (void)argument;
    (void)out;
    for (unsigned n = 0; n < view->machine->config.cpus; n++) {
        sys_cpu_interrupt(view->machine->cpus[n], SYS_INT_NMI, 0);
    }
}

static void cmd_info(struct monitor_view *view, const char *argument, FILE *out)
{
    bql_assert_locked();
    monitor_info(view, argument, out);
}

static void cmd_cpu(struct monitor_view *view, const char *argument, FILE *out)
{
    bql_assert_locked();
    monitor_choose_cpu(view, argument, out);
}

static void cmd_x(struct monitor_view *view, const char *argument, FILE *out)
{
    bql_assert_locked();
    monitor_dump(view, argument, false, out);
}

static void cmd_xp(struct monitor_view *view, const char *argument, FILE *out)
{
    bql_assert_locked();
    monitor_dump(view, argument, true, out);
}

static void cmd_screendump(struct monitor_view *view, const char *argument, FILE *out)
{
    bql_assert_locked();
    monitor_screendump(view->machine, argument, out);
}

static void cmd_mce(struct monitor_view *view, const char *argument, FILE *out)
{
    bql_assert_locked();
    monitor_mce(view->machine, argument, out);
}

static void cmd_help(struct monitor_view *view, const char *argument, FILE *out);

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

static void cmd_help(struct monitor_view *view, const char *argument, FILE *out)
{
    (void)view;
    (void)argument;
    for (size_t i = 0; i < COMMANDS; i++) {
        if (commands[i].help) {
            fprintf(out, "%s %s -- %s\n", commands[i].name, commands[i].argument, commands[i].help);
        }
    }
}

void monitor_run_line(struct monitor_view *view, const char *line, FILE *out)
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
            commands[i].run(view, argument + strspn(argument, " \t"), out);
            return;
        }
    }
    const char *meant = suggest_name(word, names);
    fprintf(out, "unknown command '%s'%s%s\n", word,
            meant ? "; did you mean " : " (help lists them)", meant ? meant : "");
}
