/* The table of options, and what is read off it: the help text and the option that is
 * meant. */
#include "cli/system_option_table.h"

#include <stdio.h>
#include <string.h>

#include "base/suggest.h"

static const struct system_option options[] = {
    {"-h", NULL, OPT_HELP, "this text"},
    {"-help", NULL, OPT_HELP, "this text"},
    {"-version", NULL, OPT_VERSION, "the version"},
    {"-machine", "TYPE[,PROP=VALUE]", OPT_MACHINE, "pc or q35; hpet=on|off, acpi=on|off, accel="},
    {"-M", "TYPE", OPT_MACHINE, NULL},
    {"-cpu", "MODEL[,+F,-F]", OPT_CPU, "CPU model (-cpu help lists them)"},
    {"-smp", "N[,sockets=,cores=,threads=,maxcpus=]", OPT_SMP, "number of CPUs"},
    {"-m", "SIZE", OPT_MEMORY, "RAM (MiB, or with k, M, G)"},
    {"-kernel", "FILE", OPT_KERNEL, "boot this Linux kernel (bzImage) directly"},
    {"-initrd", "FILE", OPT_INITRD, "its initial RAM disk"},
    {"-append", "TEXT", OPT_APPEND, "its command line"},
    {"-bios", "FILE", OPT_BIOS, "firmware to start instead"},
    {"-drive", "file=FILE[,if=..][,...]", OPT_DRIVE, "a disk (-drive help)"},
    {"-hda", "FILE", OPT_HDA, "first IDE disk; -hdb, -hdc, -hdd likewise"},
    {"-hdb", "FILE", OPT_HDB, NULL},
    {"-hdc", "FILE", OPT_HDC, NULL},
    {"-hdd", "FILE", OPT_HDD, NULL},
    {"-cdrom", "FILE", OPT_CDROM, "CD in the third IDE drive"},
    {"-boot", "[order=]cad[,once=d][,menu=on]", OPT_BOOT,
     "what firmware boots from: a floppy, c disk, d CD"},
    {"-device", "NAME[,PROP=VALUE]", OPT_DEVICE, "a device (-device help lists them)"},
    {"-global", "NAME.PROP=VALUE", OPT_GLOBAL, "what such devices have unless they say otherwise"},
    {"-chardev", "KIND,id=ID[,PROP=VALUE]", OPT_CHARDEV,
     "a character device for chardev:ID: stdio, socket, file, pipe, pty, serial, null"},
    {"-object", "KIND,id=ID", OPT_OBJECT, "rng-random or rng-builtin, for virtio-rng-pci,rng=ID"},
    {"-mon", "[chardev=]ID", OPT_MON, "the monitor on a -chardev"},
    {"-serial", "CHARDEV", OPT_SERIAL,
     "serial port: [mon:]stdio, null, pty, file:F, pipe:F, unix:PATH, tcp:HOST:PORT, none"},
    {"-parallel", "CHARDEV", OPT_PARALLEL, NULL},
    {"-debugcon", "CHARDEV", OPT_DEBUGCON, "debug console (isa-debugcon), at port 0xe9"},
    {"-monitor", "CHARDEV", OPT_MONITOR, "monitor on a character device, or none"},
    {"-nographic", NULL, OPT_NOGRAPHIC, "serial port and monitor on the terminal (Ctrl-A h)"},
    {"-display", "none", OPT_DISPLAY, "none; and the terminal is left alone"},
    {"-vnc", "none", OPT_VNC, NULL},
    {"-vga", "none|std", OPT_VGA, "a VGA; the monitor's screendump shows its screen"},
    {"-nic", "none", OPT_NIC, NULL},
    {"-net", "none", OPT_NIC, NULL},
    {"-no-reboot", NULL, OPT_NO_REBOOT, "end instead of rebooting"},
    {"-no-shutdown", NULL, OPT_NO_SHUTDOWN, "stop instead of ending at power-off"},
    {"-nodefaults", NULL, OPT_NODEFAULTS, "only the devices that are named"},
    {"-name", "[guest=]TEXT[,process=NAME]", OPT_NAME, "name of the guest; of the process"},
    {"-rtc", "base=utc|localtime|DATE", OPT_RTC, "what the clock says at start"},
    {"-S", NULL, OPT_PAUSED, "do not start; `cont` in the monitor does"},
    {"-accel", "tcg[,thread=single|multi][,tb-size=MIB]", OPT_ACCEL,
     "one thread for all CPUs, or each"},
    {"-icount", "[shift=]N|auto[,sleep=on|off]", OPT_ICOUNT,
     "guest time by counted instructions of 2^N ns each"},
    {"-seed", "N", OPT_SEED, "of the guest's random numbers, with -icount"},
    {"-d", "ITEM,...", OPT_LOG, "log these items (-d help lists them)"},
    {"-D", "FILE", OPT_LOG_FILE, "log to FILE instead of standard error"},
    {"-pidfile", "FILE", OPT_PIDFILE, "write the process id to FILE"},
    {"-lock-stats", NULL, OPT_STATS, "print lock statistics at exit"},
    {"-enable-kvm", NULL, OPT_KVM, NULL},
    {"-no-hpet", NULL, OPT_NO_HPET, NULL},
    {"-no-acpi", NULL, OPT_NO_ACPI, NULL},
    {"-L", "DIR", OPT_DATA_DIR, "firmware is looked for here first"},
    {"-k", "LANGUAGE", OPT_IGNORED, NULL},        /* of a display's keyboard */
    {"-no-user-config", NULL, OPT_IGNORED, NULL}, /* there are no such files */
};

#define OPTIONS (sizeof(options) / sizeof(options[0]))

void system_option_print_help(void)
{
    puts("usage: mortise system [OPTION]...\n"
         "Runs an x86 PC. Options are those of qemu-system-x86_64.\n\noptions:");
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct system_option *d = &options[i];
        char left[64];
        if (d->meaning) {
            (void)snprintf(left, sizeof(left), "%s%s%s", d->name, d->argument ? " " : "",
                           d->argument ? d->argument : "");
            printf("  %-34s %s\n", left, d->meaning);
        }
    }
}

const struct system_option *system_option_find(const char *word)
{
    if (word[0] == '-' && word[1] == '-') {
        word++;
    }
    for (size_t i = 0; i < OPTIONS; i++) {
        if (strcmp(options[i].name, word) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

void system_option_complain(const char *word)
{
    const char *names[OPTIONS + 1] = {NULL};
    size_t count = 0;
    for (size_t i = 0; i < OPTIONS; i++) {
        if (strlen(options[i].name) > 2) {
            names[count++] = options[i].name + 1;
        }
    }
    const char *meant = suggest_name(word + strspn(word, "-"), names);
    if (meant) {
        fprintf(stderr, "mortise: unknown option %s; did you mean -%s?\n", word, meant);
    } else {
        fprintf(stderr, "mortise: unknown option %s (see mortise system --help)\n", word);
    }
}
