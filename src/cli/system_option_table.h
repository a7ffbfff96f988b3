/* What the options of `mortise system` are called. */
#ifndef MORTISE_CLI_SYSTEM_OPTION_TABLE_H
#define MORTISE_CLI_SYSTEM_OPTION_TABLE_H

enum system_option_id {
    OPT_HELP,
    OPT_VERSION,
    OPT_MACHINE,
    OPT_CPU,
    OPT_SMP,
    OPT_MEMORY,
    OPT_KERNEL,
    OPT_INITRD,
    OPT_APPEND,
    OPT_BIOS,
    OPT_DRIVE,
    OPT_HDA,
    OPT_HDB,
    OPT_HDC,
    OPT_HDD,
    OPT_CDROM,
    OPT_BOOT,
    OPT_DEVICE,
    OPT_GLOBAL,
    OPT_CHARDEV,
    OPT_MON,
    OPT_OBJECT,
    OPT_SERIAL,
    OPT_PARALLEL,
    OPT_DEBUGCON,
    OPT_MONITOR,
    OPT_NOGRAPHIC,
    OPT_DISPLAY,
    OPT_VNC,
    OPT_VGA,
    OPT_NIC,
    OPT_NO_REBOOT,
    OPT_NO_SHUTDOWN,
    OPT_NODEFAULTS,
    OPT_NAME,
    OPT_RTC,
    OPT_PAUSED,
    OPT_ACCEL,
    OPT_LOG,
    OPT_LOG_FILE,
    OPT_PIDFILE,
    OPT_STATS,
    OPT_NO_HPET,
    OPT_NO_ACPI,
    OPT_DATA_DIR,
    OPT_IGNORED,
    OPT_KVM,
    OPT_ICOUNT,
    OPT_SEED,
};

/* A NULL meaning keeps the option out of the help text. */
struct system_option {
    const char *name, *argument; /* NULL: it has none */
    enum system_option_id id;
    const char *meaning;
};

/* With one dash or two; NULL: there is none. */
const struct system_option *system_option_find(const char *word);
/* That there is no such option, and which may be meant. */
void system_option_complain(const char *word);
void system_option_print_help(void);

#endif
