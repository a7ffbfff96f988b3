/* The machine as its devices see it: spaces to put registers into, lines to
 * raise, a bus to sit on, and what happens on reset and power-off. */
#ifndef MORTISE_HW_MACHINE_H
#define MORTISE_HW_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "exec/memory.h"
#include "hw/irq.h"
#include "locks/bql.h"

struct ahci;
struct ide;
struct cpu;
struct pci_bus;
struct fw_cfg;
struct machine;
struct vga;

enum machine_type { MACHINE_PC, MACHINE_Q35 };

#define MACHINE_BOOT_LETTERS 3
#define MACHINE_DATA_DIRS    16

/* What firmware is told by -boot. Letters: a (floppy), c (disk), d (CD). */
struct IMMUTABLE_AFTER_INIT machine_boot {
    char order[MACHINE_BOOT_LETTERS + 1];
    char once[MACHINE_BOOT_LETTERS + 1]; /* until the first reset, if has_once */
    bool has_once, menu, has_menu_wait, has_fail_wait;
    bool strict; /* no device without a bootindex, if any has one */
    uint16_t menu_wait_ms;
    int32_t fail_wait_ms; /* -1: it does not start anew */
};

struct IMMUTABLE_AFTER_INIT machine_config {
    enum machine_type type;
    uint64_t ram_size;
    unsigned cpus, sockets, cores, threads;
    const char *cpu_model;
    const char *bios; /* file; NULL: the default one, unless something else starts */
    const char *data_dir[MACHINE_DATA_DIRS]; /* where firmware is looked for first */
    unsigned data_dir_count;
    const char *kernel, *initrd, *append;
    struct machine_boot boot;
    char name[64];    /* the guest's; empty: it has none */
    int64_t rtc_base; /* seconds since 1970, if rtc_has_base; else the host's time */
    bool rtc_has_base, rtc_localtime, hpet, acpi, no_reboot, no_shutdown;
    int serial_fd_in[4], serial_fd_out[4]; /* -1: not there; see hw/chardev.h for the rest */
};

/* A device: made from a table entry (-device NAME,prop=value) or by the machine. */
struct device_option {
    const char *name, *help;
};
struct device_props; /* name=value pairs; hw/device.h */
struct device_type {
    const char *name, *bus, *help;
    const struct device_option *options; /* ends with a NULL name */
    /* BQL held. */
    int (*create)(struct machine *m, const struct device_props *props, struct error *err);
};

struct machine {
    struct machine_config config IMMUTABLE_AFTER_INIT;
    struct memory_region memory; /* root of physical memory */
    struct memory_region io;     /* root of port space, 64 KiB */
    struct memory_region ram;    /* all RAM; low and high memory are aliases of it */
    struct address_space *memory_as IMMUTABLE_AFTER_INIT;
    struct address_space *smram_as IMMUTABLE_AFTER_INIT; /* as a CPU in SMM sees it */
    struct address_space *io_as IMMUTABLE_AFTER_INIT;
    struct irq isa_irq[16] IMMUTABLE_AFTER_INIT; /* drive PIC and IOAPIC */
    struct pci_bus *pci IMMUTABLE_AFTER_INIT;
    struct ahci *ahci IMMUTABLE_AFTER_INIT; /* NULL: the machine has none */
    struct ide *ide IMMUTABLE_AFTER_INIT;   /* NULL: no drive has needed it so far */
    struct fw_cfg *fw_cfg IMMUTABLE_AFTER_INIT;
    struct cpu **cpus IMMUTABLE_AFTER_INIT;
    struct vga *vga GUARDED_BY(bql);        /* whose screen is looked at; NULL: there is none */
    uint64_t low_ram IMMUTABLE_AFTER_INIT;  /* bytes below 4 GiB */
    uint64_t high_ram IMMUTABLE_AFTER_INIT; /* and above */

    /* Reset handlers, in the order of registration; run with all vCPUs stopped. */
    struct machine_reset *resets GUARDED_BY(bql);
};

NODISCARD int machine_on_reset(struct machine *m, void (*fn)(void *opaque), void *opaque)
    REQUIRES(bql);

/* Asked for by guests and monitors from any thread; done by the main loop. */
enum machine_request {
    MACHINE_RESET = 1 << 0,
    MACHINE_SHUTDOWN = 1 << 1,  /* power off: the process ends with exit_code */
    MACHINE_POWERDOWN = 1 << 2, /* the power button */
    MACHINE_STOP = 1 << 3,      /* pause */
    MACHINE_QUIT = 1 << 4,      /* end the process, whatever -no-shutdown says */
};
void machine_request(struct machine *m, enum machine_request what, int exit_code);

#endif
