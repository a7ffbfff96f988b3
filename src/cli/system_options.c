/* The options of `mortise system`: those of qemu-system-x86_64 where there is
 * something behind them. Long ones take one dash or two. */
#include "cli/system_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/system_option_table.h"
#include "cli/system_values.h"
#include "cli/user_options.h"
#include "hw/device.h"
#include "hw/drive.h"
#include "x86sys/machine.h"

#define DEFAULT_RAM (128UL << 20)
#define NOT_MINE    1 /* the option belongs to another of the functions below */

static int add_drive(struct system_command *c, const char *value, struct error *err)
{
    if (c->drive_count == SYSTEM_DRIVES_MAX) {
        return error_set(err, E2BIG, "more than %d drives", SYSTEM_DRIVES_MAX);
    }
    c->drive[c->drive_count++] = value;
    return 0;
}

/* -hda FILE and its like, as a -drive. Commas in the name are doubled there. */
static int add_ide_drive(struct system_command *c, unsigned index, const char *media,
                         const char *file, struct error *err)
{
    char *text = NULL;
    if (strchr(file, ',')) {
        return error_set(err, EINVAL, "%s: a comma in the name of a drive's file", file);
    }
    if (asprintf(&text, "if=ide,index=%u,media=%s,file=%s", index, media, file) < 0) {
        return error_set(err, ENOMEM, "out of memory");
    }
    int rc = add_drive(c, text, err);
    if (rc) {
        free(text);
        return rc;
    }
    c->made[c->made_count++] = text;
    return 0;
}

static int add_serial(struct system_command *c, const char *value, struct error *err)
{
    if (c->serial_count == SYSTEM_SERIALS) {
        return error_set(err, E2BIG, "more than %d serial ports", SYSTEM_SERIALS);
    }
    c->serial[c->serial_count++] = value;
    return 0;
}

static int add_device(struct system_command *c, const char *value, struct error *err)
{
    if (c->device_count == SYSTEM_DEVICES_MAX) {
        return error_set(err, E2BIG, "more than %d devices", SYSTEM_DEVICES_MAX);
    }
    c->device[c->device_count++] = value;
    return device_check(value, err);
}

static int only(const char *option, const char *value, const char *wanted, struct error *err)
{
    return strcmp(value, wanted) == 0
               ? 0
               : error_set(err, EINVAL, "%s %s: only '%s' is there", option, value, wanted);
}

static bool is_none(const char *spec)
{
    return !spec || strcmp(spec, "none") == 0;
}

static int set_monitor(struct system_command *c, const char *spec, struct error *err)
{
    if (c->mon[0] && !is_none(spec) && !is_none(c->monitor)) {
        return error_set(err, EINVAL, "-mon and -monitor: there is one monitor only");
    }
    c->monitor = is_none(c->monitor) || !is_none(spec) ? spec : c->monitor;
    return 0;
}

/* [chardev=]ID[,mode=readline] */
static int mon_pair(void *opaque, const char *key, const char *value, struct error *err)
{
    struct system_command *c = opaque;
    if (!key || strcmp(key, "chardev") == 0) {
        int n = c->mon[0] ? -1 : snprintf(c->mon, sizeof(c->mon), "chardev:%s", value);
        return n > 0 && n < (int)sizeof(c->mon)
                   ? set_monitor(c, c->mon, err)
                   : error_set(err, EINVAL, "-mon %s: there is one monitor only", value);
    }
    if (strcmp(key, "mode") == 0) {
        return only("-mon mode", value, "readline", err);
    }
    return strcmp(key, "pretty") == 0 || strcmp(key, "id") == 0
               ? 0
               : error_set(err, EINVAL, "-mon: unknown property '%s'", key);
}

/* Options that print something and end. */
static bool print_and_end(const struct system_option *d, const char *value)
{
    bool help = value && (strcmp(value, "help") == 0 || strcmp(value, "?") == 0);
    switch (d->id) {
    case OPT_HELP:
        system_option_print_help();
        return true;
    case OPT_VERSION:
        puts("mortise " MORTISE_VERSION);
        return true;
    case OPT_MACHINE:
        if (help) {
            puts("machines:\n"
                 "  pc    i440FX and PIIX3 (default; pc-i440fx-* are the same)\n"
                 "  q35   Q35 and ICH9, PCI Express, AHCI (pc-q35-* are the same)");
        }
        return help;
    case OPT_CPU:
        if (help) {
            sys_cpu_model_help(stdout);
        }
        return help;
    case OPT_LOG:
        if (help) {
            log_print_help();
        }
        return help;
    case OPT_DRIVE:
        if (help) {
            drive_help(stdout);
        }
        return help;
    case OPT_DEVICE:
        help |= value && strstr(value, ",help");
        if (help) {
            device_help(stdout, value);
        }
        return help;
    case OPT_ACCEL:
        if (help) {
            puts("accelerators:\n  tcg   binary translation (also as dbt)");
        }
        return help;
    default:
        return false;
    }
}

static int apply_machine(struct system_command *c, const struct system_option *d, const char *value,
                         struct error *err)
{
    switch (d->id) {
    case OPT_MACHINE:
        return value_machine(c, value, err);
    case OPT_CPU:
        c->config.cpu_model = value;
        return sys_cpu_model_check(value, err);
    case OPT_SMP:
        return value_smp(c, value, err);
    case OPT_MEMORY:
        return value_memory(c, value, err);
    case OPT_ACCEL:
        return value_accel(c, value, err);
    case OPT_RTC:
        return value_rtc(c, value, err);
    case OPT_BOOT:
        return value_boot(c, value, err);
    case OPT_NAME:
        return value_name(c, value, err);
    case OPT_NO_HPET:
        c->config.hpet = false;
        return 0;
    case OPT_NO_ACPI:
        c->config.acpi = false;
        return 0;
    case OPT_KVM:
        return error_set(err, ENOTSUP, "-enable-kvm: there is no KVM here, that is the point");
    case OPT_ICOUNT:
        return value_icount(c, value, err);
    case OPT_SEED:
        return value_seed(c, value, err);
    default:
        return NOT_MINE;
    }
}

static int apply_device(struct system_command *c, const struct system_option *d, const char *value,
                        struct error *err)
{
    switch (d->id) {
    case OPT_DRIVE:
        return add_drive(c, value, err);
    case OPT_HDA:
    case OPT_HDB:
    case OPT_HDC:
    case OPT_HDD:
        return add_ide_drive(c, (unsigned)(d->id - OPT_HDA), "disk", value, err);
    case OPT_CDROM:
        return add_ide_drive(c, 2, "cdrom", value, err);
    case OPT_DEVICE:
        return add_device(c, value, err);
    case OPT_CHARDEV:
        if (c->chardev_count == SYSTEM_DEVICES_MAX) {
            return error_set(err, E2BIG, "more than %d of -chardev", SYSTEM_DEVICES_MAX);
        }
        c->chardev[c->chardev_count++] = value;
        return 0;
    case OPT_OBJECT:
        if (c->object_count == SYSTEM_DEVICES_MAX) {
            return error_set(err, E2BIG, "more than %d of -object", SYSTEM_DEVICES_MAX);
        }
        c->object[c->object_count++] = value;
        return 0;
    case OPT_MON:
        return value_list(value, mon_pair, c, err);
    case OPT_GLOBAL:
        if (c->global_count == SYSTEM_DEVICES_MAX) {
            return error_set(err, E2BIG, "more than %d of -global", SYSTEM_DEVICES_MAX);
        }
        c->global[c->global_count++] = value;
        return 0;
    case OPT_SERIAL:
        return add_serial(c, value, err);
    case OPT_PARALLEL:
        return strcmp(value, "null") == 0 ? 0 : only("-parallel", value, "none", err);
    case OPT_VGA:
        c->vga = strcmp(value, "std") == 0;
        return c->vga ? 0 : only("-vga", value, "none", err);
    case OPT_DISPLAY:
    case OPT_VNC:
        c->no_display = true;
        return only(d->name, value, "none", err);
    case OPT_NIC:
        return only(d->name, value, "none", err);
    default:
        return NOT_MINE;
    }
}

static int apply_plain(struct system_command *c, const struct system_option *d, const char *value,
                       struct error *err)
{
    bool help = false;
    unsigned mask = 0;
    switch (d->id) {
    case OPT_KERNEL:
        c->config.kernel = value;
        return 0;
    case OPT_INITRD:
        c->config.initrd = value;
        return 0;
    case OPT_APPEND:
        c->config.append = value;
        return 0;
    case OPT_BIOS:
        c->config.bios = value;
        return 0;
    case OPT_DATA_DIR:
        if (c->config.data_dir_count == MACHINE_DATA_DIRS) {
            return error_set(err, E2BIG, "more than %d of -L", MACHINE_DATA_DIRS);
        }
        c->config.data_dir[c->config.data_dir_count++] = value;
        return 0;
    case OPT_DEBUGCON:
        c->debugcon = value;
        return 0;
    case OPT_MONITOR:
        return set_monitor(c, value, err);
    case OPT_NOGRAPHIC:
        c->nographic = true;
        return 0;
    case OPT_NO_REBOOT:
        c->config.no_reboot = true;
        return 0;
    case OPT_NO_SHUTDOWN:
        c->config.no_shutdown = true;
        return 0;
    case OPT_NODEFAULTS:
        c->nodefaults = true;
        return 0;
    case OPT_PAUSED:
        c->paused = true;
        return 0;
    case OPT_LOG:
        if (log_parse(value, &mask, &help, err) < 0) {
            return -EINVAL;
        }
        c->log_mask |= mask;
        return 0;
    case OPT_LOG_FILE:
        c->log_file = value;
        return 0;
    case OPT_PIDFILE:
        c->pidfile = value;
        return 0;
    case OPT_STATS:
        c->lock_stats = true;
        return 0;
    default:
        return 0;
    }
}

static int apply(struct system_command *c, const struct system_option *d, const char *value,
                 struct error *err)
{
    int rc = apply_machine(c, d, value, err);
    if (rc == NOT_MINE) {
        rc = apply_device(c, d, value, err);
    }
    return rc == NOT_MINE ? apply_plain(c, d, value, err) : rc;
}

static enum system_verdict complain(const struct error *err)
{
    fprintf(stderr, "mortise: %s\n", err->text);
    return SYSTEM_ERROR;
}

/* What only all options together tell. */
static int check_together(struct system_command *c, struct error *err)
{
    const struct machine_config *m = &c->config;
    if (!m->kernel && (m->initrd || m->append)) {
        return error_set(err, EINVAL, "%s without -kernel", m->initrd ? "-initrd" : "-append");
    }
    if (c->icount_on && c->one_thread_each) {
        return error_set(err, EINVAL, "-icount: not with -accel thread=multi");
    }
    if (c->seeded && !c->icount_on) {
        return error_set(err, EINVAL, "-seed without -icount");
    }
    c->round_robin = c->round_robin || c->icount_on;
    return value_accel_check(c, err);
}

enum system_verdict system_options_parse(int argc, char **argv, struct system_command *command)
{
    struct error err = {.text = ""};
    *command = (struct system_command){.config = {.ram_size = DEFAULT_RAM,
                                                  .boot = {.order = "cad"},
                                                  .cpus = 1,
                                                  .sockets = 1,
                                                  .cores = 1,
                                                  .threads = 1,
                                                  .hpet = true,
                                                  .acpi = true},
                                       .dump_ram = true};
    for (int i = 1; i < argc; i++) {
        const struct system_option *d = argv[i][0] == '-' ? system_option_find(argv[i]) : NULL;
        const char *value = "";
        if (!d && argv[i][0] != '-') { /* a bare word is the first disk */
            if (add_ide_drive(command, 0, "disk", argv[i], &err)) {
                return complain(&err);
            }
            continue;
        }
        if (!d) {
            system_option_complain(argv[i]);
            return SYSTEM_ERROR;
        }
        if (d->argument && i + 1 == argc) {
            fprintf(stderr, "mortise: %s needs an argument: %s\n", d->name, d->argument);
            return SYSTEM_ERROR;
        }
        if (d->argument) {
            value = argv[++i];
        }
        if (print_and_end(d, value)) {
            return SYSTEM_DONE;
        }
        if (apply(command, d, value, &err)) {
            return complain(&err);
        }
    }
    return check_together(command, &err) ? complain(&err) : SYSTEM_RUN;
}

void system_command_free(struct system_command *command)
{
    while (command->made_count > 0) {
        free(command->made[--command->made_count]);
    }
}
