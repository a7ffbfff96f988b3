/* `mortise system`: from options to a running machine. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "aio/main_loop.h"
#include "aio/signals.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/monitor.h"
#include "cli/pidfile.h"
#include "cli/system_options.h"
#include "exec/vcpu.h"
#include "hw/boot_order.h"
#include "hw/chardev_named.h"
#include "hw/device.h"
#include "hw/drive.h"
#include "hw/icount_clock.h"
#include "hw/object.h"
#include "hw/pc.h"
#include "locks/stats.h"
#include "x86sys/machine.h"

static struct machine machine;

/* The machine's character devices, as far as they were made. */
struct lines {
    struct pc_lines pc;
    struct chardev *monitor;
};

static void quit(void *opaque)
{
    machine_request(opaque, MACHINE_QUIT, 0);
}

static void on_signal(void *opaque, const struct signalfd_siginfo *info)
{
    (void)opaque;
    fprintf(stderr, "mortise: terminating on signal %u\n", info->ssi_signo);
    machine_request(&machine, MACHINE_QUIT, 0);
}

/* A serial port and the monitor share one, the terminal say. */
static int make_shared(struct lines *lines, unsigned n, const char *spec, const char *label,
                       struct error *err) REQUIRES(bql)
{
    struct chardev *back, *front[2];
    if (lines->monitor) {
        return error_set(err, EINVAL, "-serial mon:%s: there is one monitor only", spec);
    }
    int rc = chardev_new(spec, label, false, &back, err);
    if (rc == 0) {
        rc = chardev_mux_new(back, quit, &machine, front, err);
        if (rc) {
            chardev_free(back);
        }
    }
    if (rc == 0) {
        lines->pc.serial[n] = front[0];
        lines->monitor = front[1];
    }
    return rc;
}

static int make_serial(struct lines *lines, unsigned n, const char *spec, struct error *err)
    REQUIRES(bql)
{
    char label[16];
    if (strcmp(spec, "none") == 0) {
        return 0;
    }
    (void)snprintf(label, sizeof(label), "serial%u", n);
    if (strncmp(spec, "mon:", 4) == 0) {
        return make_shared(lines, n, spec + 4, label, err);
    }
    return chardev_new(spec, label, true, &lines->pc.serial[n], err);
}

static bool is_stdio(const char *spec)
{
    return spec && (strcmp(spec, "stdio") == 0 || strcmp(spec, "mon:stdio") == 0);
}

/* Somebody who was named has the terminal. */
static bool terminal_is_taken(const struct system_command *c)
{
    bool taken = is_stdio(c->debugcon) || is_stdio(c->monitor);
    for (unsigned n = 0; n < c->serial_count; n++) {
        taken = taken || is_stdio(c->serial[n]);
    }
    for (unsigned n = 0; n < c->chardev_count; n++) {
        taken = taken || strncmp(c->chardev[n], "stdio,", 6) == 0;
    }
    for (unsigned n = 0; n < c->device_count; n++) {
        const char *at = strstr(c->device[n], "chardev=stdio");
        taken = taken || (at && (!at[13] || at[13] == ','));
    }
    return taken;
}

/* The terminal is the first serial port and the monitor, each unless it has been given
 * something else. That is so with -nographic; without a word about a display, too, so that
 * one sees something, but then the monitor has it with the serial port only. */
static int make_terminal(const struct system_command *c, struct lines *lines, struct error *err)
    REQUIRES(bql)
{
    bool serial = c->serial_count == 0 && (c->nographic || !c->no_display);
    if (c->nodefaults || terminal_is_taken(c)) {
        return 0;
    }
    if (serial) {
        return make_serial(lines, 0, c->monitor ? "stdio" : "mon:stdio", err);
    }
    if (c->nographic && !c->monitor && !lines->monitor) {
        return chardev_new("stdio", "monitor", true, &lines->monitor, err);
    }
    return 0;
}

static int make_lines(const struct system_command *c, struct lines *lines, struct error *err)
    REQUIRES(bql)
{
    int rc = 0;
    for (unsigned n = 0; n < c->serial_count && rc == 0; n++) {
        rc = make_serial(lines, n, c->serial[n], err);
    }
    if (rc == 0) {
        rc = make_terminal(c, lines, err);
    }
    if (rc == 0 && !lines->pc.serial[0] && c->serial_count == 0 && !c->nodefaults) {
        rc = make_serial(lines, 0, "null", err); /* the guest finds a port all the same */
    }
    if (rc == 0 && c->monitor && strcmp(c->monitor, "none") != 0) {
        if (lines->monitor) { /* of -serial mon:stdio */
            chardev_free(lines->monitor);
            lines->monitor = NULL;
        }
        rc = chardev_new(c->monitor, "monitor", true, &lines->monitor, err);
    }
    return rc;
}

/* What devices and lines name. */
static int add_named(const struct system_command *c, struct error *err) REQUIRES(bql)
{
    int rc = 0;
    for (unsigned i = 0; i < c->chardev_count && rc == 0; i++) {
        rc = chardev_named_add(c->chardev[i], quit, &machine, err);
    }
    for (unsigned i = 0; i < c->object_count && rc == 0; i++) {
        rc = object_add(c->object[i], err);
    }
    return rc;
}

static void free_lines(struct lines *lines) REQUIRES(bql)
{
    for (size_t n = 0; n < sizeof(lines->pc.serial) / sizeof(lines->pc.serial[0]); n++) {
        chardev_free(lines->pc.serial[n]);
    }
    chardev_free(lines->monitor);
    chardevs_named_free();
}

/* Before the machine, which takes its firmware from some. */
static int add_drives(const struct system_command *c, struct error *err) REQUIRES(bql)
{
    int rc = 0;
    for (unsigned i = 0; i < c->drive_count && rc == 0; i++) {
        rc = drive_add(c->drive[i], err);
    }
    return rc;
}

/* -debugcon is the device on a character device, so that -global says where it is. A comma is
 * doubled in a device's property. */
static int add_debugcon(const char *spec, struct error *err) REQUIRES(bql)
{
    static const char before[] = "isa-debugcon,chardev=";
    char *text = malloc(sizeof(before) + 2 * strlen(spec));
    if (!text) {
        return error_set(err, ENOMEM, "-debugcon: out of memory");
    }
    char *to = text + sprintf(text, "%s", before);
    for (; *spec; spec++) {
        *to++ = *spec;
        if (*spec == ',') {
            *to++ = ',';
        }
    }
    *to = '\0';
    int rc = device_add(&machine, text, err);
    free(text);
    return rc;
}

/* What the command line adds to the machine's own devices. */
static int add_devices(const struct system_command *c, struct error *err) REQUIRES(bql)
{
    int rc = drives_connect(&machine, err);
    for (unsigned i = 0; i < c->global_count && rc == 0; i++) {
        rc = device_global_add(c->global[i], err);
    }
    if (rc == 0 && c->vga) {
        rc = device_add(&machine, "VGA", err);
    }
    if (rc == 0 && c->debugcon && strcmp(c->debugcon, "none") != 0) {
        rc = add_debugcon(c->debugcon, err);
    }
    for (unsigned i = 0; i < c->device_count && rc == 0; i++) {
        rc = device_add(&machine, c->device[i], err);
    }
    return rc ? rc : boot_order_publish(&machine, err);
}

/* Hints to the host's kernel; it is no matter if it does not take them. */
static void advise_on_ram(const struct system_command *c) REQUIRES(bql)
{
    void *ram = memory_region_host(&machine.ram);
    if (!c->dump_ram) {
        (void)madvise(ram, c->config.ram_size, MADV_DONTDUMP);
    }
    if (c->merge_ram) {
        (void)madvise(ram, c->config.ram_size, MADV_MERGEABLE);
    }
}

/* The machine exists from here to its end. */
static int run_machine(const struct system_command *c, const struct lines *lines, int *status,
                       struct error *err) REQUIRES(bql, main_loop_role) MAY_BLOCK
{
    struct pc *pc;
    struct monitor *monitor = NULL;
    int rc = pc_new(&machine, &lines->pc, &pc, err);
    if (rc) {
        return rc;
    }
    advise_on_ram(c);
    rc = add_devices(c, err);
    if (rc == 0 && lines->monitor) {
        rc = monitor_new(&machine, lines->monitor, &monitor, err);
    }
    if (rc == 0) {
        rc = vcpu_start_threads(c->round_robin, err);
    }
    if (rc == 0) {
        *status = machine_run(&machine, &pc_hooks, c->paused);
    }
    monitor_free(monitor);
    pc_free(pc);
    devices_free();
    return rc;
}

/* Signals that end the process do so in order. */
static int run_with_signals(const struct system_command *c, int *status, struct error *err)
    REQUIRES(bql, main_loop_role) MAY_BLOCK
{
    struct lines lines = {.monitor = NULL};
    machine_init();
    int rc = add_named(c, err);
    if (rc == 0) {
        rc = make_lines(c, &lines, err);
    }
    if (rc == 0) {
        rc = add_drives(c, err);
    }
    if (rc == 0) {
        rc = run_machine(c, &lines, status, err);
    }
    drives_free();
    objects_free();
    free_lines(&lines);
    machine_cleanup(&machine);
    return rc;
}

/* While its id is in the file, no signal leaves it there. */
static int run_with_pidfile(const struct system_command *c, int *status, struct error *err)
    REQUIRES(bql, main_loop_role) MAY_BLOCK
{
    struct pidfile pidfile;
    int rc = c->pidfile ? pidfile_write(&pidfile, c->pidfile, err) : 0;
    if (rc) {
        return rc;
    }
    rc = run_with_signals(c, status, err);
    if (c->pidfile) {
        pidfile_remove(&pidfile);
    }
    return rc;
}

static int run_with_loop(const struct system_command *c, int *status, struct error *err)
    REQUIRES(bql, main_loop_role) MAY_BLOCK
{
    struct aio_signals signals;
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    int rc = aio_signals_start(&signals, main_loop_iohandler_context(), &set, on_signal, NULL, err);
    if (rc) {
        return rc;
    }
    chardev_set_interrupt(signals.fd);
    rc = run_with_pidfile(c, status, err);
    chardev_set_interrupt(-1);
    aio_signals_discard(&signals); /* it ends as it is */
    aio_signals_stop(&signals);
    return rc;
}

static int run(const struct system_command *c, int *status, struct error *err)
{
    struct sys_engine_config engine = {.cache_size = c->cache_size,
                                       .one_insn_per_tb = c->one_insn_per_tb};
    int rc = log_start(c->log_mask, c->log_file, err);
    if (c->icount_on) {
        icount_clock_start(&c->icount);
    }
    if (rc == 0) {
        rc = sys_engine_init(&engine, err);
    }
    if (rc) {
        return rc;
    }
    if (c->process_name[0]) {
        (void)prctl(PR_SET_NAME, c->process_name);
    }
    if (c->lock_stats) {
        lock_stats_enable();
    }
    (void)signal(SIGPIPE, SIG_IGN);
    machine.config = c->config;
    thread_role_enter(&main_loop_role);
    bql_lock();
    rc = main_loop_init(AIO_MONITOR_AUTO, err);
    if (rc == 0) {
        rc = run_with_loop(c, status, err);
        main_loop_cleanup();
    }
    bql_unlock();
    thread_role_leave(&main_loop_role);
    return rc;
}

int cli_system(int argc, char **argv)
{
    struct error err = {.text = ""};
    struct system_command command;
    int status = 0;
    switch (system_options_parse(argc, argv, &command)) {
    case SYSTEM_DONE:
        break;
    case SYSTEM_ERROR:
        status = 1;
        break;
    case SYSTEM_RUN:
        if (run(&command, &status, &err)) {
            fprintf(stderr, "mortise: %s\n", err.text);
            status = 1;
        }
        if (command.lock_stats) {
            lock_stats_print(stderr);
        }
        break;
    }
    system_command_free(&command);
    return status;
}
