/* What the files of the AHCI controller share (Serial ATA AHCI 1.3.1).
 *
 * Registers, drives and the state of commands are under the BQL. Commands are executed
 * on the controller's own thread, one at a time for each port: it takes the BQL to look
 * at a command and to end it, and gives it up while sectors move between the image and
 * guest memory. Meanwhile it holds the port's `io`, so whoever stops the port (with the
 * BQL) waits for that by taking `io`; and `stops` tells the thread, when it has the BQL
 * again, that its command is no more. */
#ifndef MORTISE_HW_AHCI_INTERNAL_H
#define MORTISE_HW_AHCI_INTERNAL_H

#include <stdatomic.h>

#include "aio/bh.h"
#include "aio/iothread.h"
#include "hw/ahci.h"
#include "hw/ide_internal.h"

/* Interrupt status of a port (3.3.5). */
enum ahci_event {
    AHCI_D2H_FIS = 1 << 0,
    AHCI_PIO_SETUP_FIS = 1 << 1,
    AHCI_CONNECT_CHANGE = 1 << 6, /* is what PxSERR says */
    AHCI_MEMORY_FAILED = 1 << 29,
    AHCI_TASK_FILE_ERROR = 1 << 30,
};

/* Command and status of a port (3.3.7). */
enum ahci_port_command {
    AHCI_START = 1 << 0,
    AHCI_SPIN_UP = 1 << 1,
    AHCI_POWER_ON = 1 << 2,
    AHCI_OVERRIDE = 1 << 3,
    AHCI_FIS_ENABLE = 1 << 4,
    AHCI_FIS_RUNNING = 1 << 14,
    AHCI_RUNNING = 1 << 15,
    AHCI_IS_ATAPI = 1 << 24,
};

struct ahci_port {
    struct ahci *ahci IMMUTABLE_AFTER_INIT;
    unsigned n IMMUTABLE_AFTER_INIT;
    struct aio_bh *bh IMMUTABLE_AFTER_INIT; /* executes commands; NULL: there is no drive */
    struct ide_unit unit GUARDED_BY(bql);

    uint64_t list GUARDED_BY(bql), fis GUARDED_BY(bql); /* addresses in guest memory */
    uint32_t events GUARDED_BY(bql), enabled GUARDED_BY(bql), command GUARDED_BY(bql);
    uint32_t issued GUARDED_BY(bql), task_file GUARDED_BY(bql), signature GUARDED_BY(bql);
    uint32_t control GUARDED_BY(bql), error GUARDED_BY(bql);
    unsigned slot GUARDED_BY(bql);        /* of the command at work, or the last one */
    bool resetting GUARDED_BY(bql);       /* by software: between two control FISes */
    bool signature_waits GUARDED_BY(bql); /* for the guest to enable what it goes to */
    bool failed GUARDED_BY(bql);          /* a command has; none begins until a restart */
    atomic_uint stops; /* changes with the BQL; relaxed: what it tells is under locks */

    struct mutex io;
};

struct ahci {
    struct pci_device pci;
    struct memory_region bar;
    struct iothread *thread IMMUTABLE_AFTER_INIT; /* NULL without drives */
    uint32_t control GUARDED_BY(bql), pending GUARDED_BY(bql);
    struct ahci_port port[AHCI_PORTS] GUARDED_BY(bql);
};

/* A place in a table of memory areas (4.2.3.3). */
struct ahci_walk {
    uint64_t table;
    uint32_t entries; /* of the table, to come */
    uint64_t addr;
    uint32_t left; /* bytes of the current area */
};

/* ahci.c */
extern const struct ide_link ahci_link;
/* The port's events, or what is enabled of them, have changed. */
void ahci_update_irq(struct ahci *ahci) REQUIRES(bql);

/* ahci_port.c. Offsets within the port's registers. */
uint32_t ahci_port_read(const struct ahci_port *p, unsigned reg) REQUIRES(bql);
uint32_t ahci_port_events(const struct ahci_port *p) REQUIRES(bql);
void ahci_port_write(struct ahci_port *p, unsigned reg, uint32_t v) REQUIRES(bql);
/* As after power-on: waits for what is at work. */
void ahci_port_reset(struct ahci_port *p) REQUIRES(bql);
/* Takes back all commands and waits for the one at work. */
void ahci_port_stop(struct ahci_port *p) REQUIRES(bql);
void ahci_raise(struct ahci_port *p, uint32_t events) REQUIRES(bql);

/* ahci_command.c */
void ahci_run(void *opaque);

/* ahci_fis.c. Messages from the drive, written where the guest wants them: the registers
 * at the end of a command, and before data by programmed I/O. */
void ahci_post_registers(struct ahci_port *p, bool interrupt) REQUIRES(bql);
void ahci_post_pio_setup(struct ahci_port *p, bool to_host, bool interrupt, uint32_t len)
    REQUIRES(bql);
/* The drive introduces itself. */
void ahci_post_signature(struct ahci_port *p) REQUIRES(bql);
/* Registers of the drive from the 20 bytes of a message to it. */
void ahci_take_registers(struct ide_unit *u, const uint8_t *fis) REQUIRES(bql);

/* ahci_transfer.c. Moves up to len bytes between buf and the areas; returns how many
 * could be. */
uint32_t ahci_move(struct ahci *ahci, struct ahci_walk *w, uint8_t *buf, uint32_t len,
                   bool to_memory) REQUIRES(bql);

enum ahci_direction { AHCI_READ, AHCI_WRITE, AHCI_FLUSH };
struct ahci_transfer {
    enum ahci_direction direction;
    struct disk *disk;
    uint64_t offset, len; /* bytes of the medium, which has them */
    struct ahci_walk *walk;
};
/* Does it without the BQL. 0, or what it failed with; -ECANCELED: the port has been
 * stopped meanwhile, and the command with it. */
NODISCARD int ahci_transfer(struct ahci_port *p, const struct ahci_transfer *t)
    REQUIRES(bql) MAY_BLOCK;

#endif
