/* Options of `mortise system`: QEMU's, as far as there is something behind them. */
#ifndef MORTISE_CLI_SYSTEM_OPTIONS_H
#define MORTISE_CLI_SYSTEM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "exec/icount.h"
#include "hw/machine.h"

#define SYSTEM_SERIALS     4
#define SYSTEM_DRIVES_MAX  32
#define SYSTEM_DEVICES_MAX 64

enum system_verdict {
    SYSTEM_RUN,
    SYSTEM_DONE,  /* help or the like has been printed */
    SYSTEM_ERROR, /* a message has been printed */
};

/* What the command line asks for. Strings are the arguments themselves. */
struct system_command {
    struct machine_config config;
    const char *serial[SYSTEM_SERIALS];
    unsigned serial_count;
    const char *monitor, *debugcon;
    const char
        *drive[SYSTEM_DRIVES_MAX]; /* values of -drive, those of -hda and the like included */
    unsigned drive_count;
    const char *device[SYSTEM_DEVICES_MAX];
    unsigned device_count;
    const char *global[SYSTEM_DEVICES_MAX];
    unsigned global_count;
    const char *chardev[SYSTEM_DEVICES_MAX];
    unsigned chardev_count;
    const char *object[SYSTEM_DEVICES_MAX];
    unsigned object_count;
    char mon[80];                  /* "chardev:ID" of -mon, which `monitor` points to then */
    char *made[SYSTEM_DRIVES_MAX]; /* to be freed */
    unsigned made_count;
    bool nographic, no_display, nodefaults, paused, vga;
    bool accel_found, accel_other;     /* tcg was named; the -accel that is read is another */
    const char *accel_missing;         /* named before it, or NULL */
    bool dump_ram, merge_ram;          /* core dumps have the guest's RAM; equal pages are shared */
    bool round_robin, one_thread_each; /* -accel thread=single and multi */
    bool one_insn_per_tb;
    bool icount_on, seeded;
    struct icount_config icount;
    uint64_t cache_size;
    char process_name[16];
    const char *pidfile;
    unsigned log_mask;
    const char *log_file;
    bool lock_stats;
};

enum system_verdict system_options_parse(int argc, char **argv, struct system_command *command);
void system_command_free(struct system_command *command);

#endif
