/* Drives (their registers, commands and media) and the two channels of the IDE controller
 * that they may be connected to; an AHCI port (ahci_internal.h) is what else they may
 * be. All state is under the BQL. */
#ifndef MORTISE_HW_IDE_INTERNAL_H
#define MORTISE_HW_IDE_INTERNAL_H

#include "hw/ide.h"

#define IDE_BUFFER   65536u
#define ATAPI_SECTOR 2048u
#define IDE_SERIAL   20

enum ide_status {
    IDE_ERR = 0x01,
    IDE_DRQ = 0x08,
    IDE_SEEK = 0x10,
    IDE_FAULT = 0x20,
    IDE_READY = 0x40,
    IDE_BUSY = 0x80
};
enum ide_error { IDE_ABORTED = 0x04, IDE_ID_NOT_FOUND = 0x10, IDE_UNCORRECTABLE = 0x40 };

/* What the data register is connected to. */
enum ide_phase {
    IDE_IDLE,
    IDE_PIO_READ,  /* sectors to the host, more to come if `left` */
    IDE_PIO_WRITE, /* sectors from the host */
    IDE_PACKET,    /* a command packet from the host */
    IDE_PACKET_IN, /* an answer to the host */
    IDE_DMA_READ,  /* waits for the bus master */
    IDE_DMA_WRITE,
    IDE_DMA_PACKET, /* an answer in the buffer, or sectors of a disc */
};

/* Registers that a 48-bit command reads twice: the value and the one before it. */
struct OWNED_BY(holder of the BQL) ide_reg {
    uint8_t now, before;
};

struct ide_unit;

/* What a drive is connected to. */
struct ide_link {
    /* A block is there to be transferred, or a command has ended. */
    void (*interrupt)(struct ide_unit *u) CALLED_WITH(bql);
    /* A packet command waits for DMA. */
    void (*dma_ready)(struct ide_unit *u) CALLED_WITH(bql);
    bool serial; /* SATA */
};

struct ide_unit {
    const struct ide_link *link IMMUTABLE_AFTER_INIT;
    void *owner IMMUTABLE_AFTER_INIT; /* the channel or port */
    struct disk *disk GUARDED_BY(bql);
    bool cd IMMUTABLE_AFTER_INIT;
    bool present GUARDED_BY(bql);
    char serial[IDE_SERIAL + 1] IMMUTABLE_AFTER_INIT;

    uint8_t error GUARDED_BY(bql), status GUARDED_BY(bql);
    struct ide_reg feature GUARDED_BY(bql), count GUARDED_BY(bql), low GUARDED_BY(bql);
    struct ide_reg mid GUARDED_BY(bql), high GUARDED_BY(bql);
    uint8_t select GUARDED_BY(bql); /* device register */
    unsigned multiple GUARDED_BY(bql);

    enum ide_phase phase GUARDED_BY(bql);
    uint64_t lba GUARDED_BY(bql);                      /* of the next sector to be transferred */
    uint32_t left GUARDED_BY(bql);                     /* sectors */
    unsigned block GUARDED_BY(bql);                    /* sectors per DRQ */
    unsigned pos GUARDED_BY(bql), len GUARDED_BY(bql); /* in buf */
    uint8_t buf[IDE_BUFFER] GUARDED_BY(bql);

    /* ATAPI */
    uint8_t sense_key GUARDED_BY(bql), sense_code GUARDED_BY(bql);
    uint8_t sense_qualifier GUARDED_BY(bql);
    bool locked GUARDED_BY(bql), disc_changed GUARDED_BY(bql), packet_dma GUARDED_BY(bql);
    bool tray_open GUARDED_BY(bql);        /* the disc lies in it, out of reach */
    uint32_t packet_limit GUARDED_BY(bql); /* bytes per DRQ */
    uint32_t answer_len GUARDED_BY(bql);   /* of an answer in buf; 0 with sectors of a disc */
    uint32_t answer_done GUARDED_BY(bql);
};

struct ide_channel {
    struct ide *ide GUARDED_BY(bql);
    unsigned n GUARDED_BY(bql);
    struct memory_region ports, control_port;
    struct ide_unit unit[2];
    unsigned selected GUARDED_BY(bql);
    uint8_t control GUARDED_BY(bql); /* device control register */
    bool irq_pending GUARDED_BY(bql);

    /* Bus master. */
    uint8_t bm_command GUARDED_BY(bql), bm_status GUARDED_BY(bql);
    uint32_t bm_table GUARDED_BY(bql);
};

struct ide {
    struct pci_device pci;
    struct memory_region bm;
    struct ide_channel channel[2] GUARDED_BY(bql);
};

/* A place in a table of memory areas (PRD table). */
struct ide_walk {
    uint64_t table;
    uint32_t addr, left; /* of the current area */
    bool last;
    unsigned areas;
};

/* ide_unit.c */
void ide_unit_init(struct ide_unit *u, const struct ide_link *link, void *owner,
                   const struct ide_drive *drive, unsigned n) REQUIRES(bql);
void ide_reset_unit(struct ide_unit *u) REQUIRES(bql);
/* The tray goes in and may come out again: for a reset of the machine, as one of the channel,
 * the link or the drive leaves it as it is. */
void ide_load_tray(struct ide_unit *u) REQUIRES(bql);
void ide_set_signature(struct ide_unit *u) REQUIRES(bql);
/* Ends a command. */
void ide_done(struct ide_unit *u) REQUIRES(bql);
void ide_fail(struct ide_unit *u, uint8_t error) REQUIRES(bql);

/* ide_ata.c */
void ide_ata_command(struct ide_unit *u, uint8_t command) REQUIRES(bql);
/* The block in the buffer has been transferred. */
void ide_ata_block_done(struct ide_unit *u) REQUIRES(bql);
void ide_ata_dma(struct ide_channel *c, struct ide_unit *u) REQUIRES(bql);

/* ide_identify.c: 512 bytes into the buffer. */
void ide_identify(struct ide_unit *u) REQUIRES(bql);

/* ide_atapi*.c */
void ide_atapi_packet(struct ide_unit *u) REQUIRES(bql);
void ide_atapi_block_done(struct ide_unit *u) REQUIRES(bql);
void ide_atapi_dma(struct ide_channel *c, struct ide_unit *u) REQUIRES(bql);
/* Ends a transfer whose sectors could not be read. */
void ide_atapi_read_failed(struct ide_unit *u) REQUIRES(bql);

/* ide_dma.c. Starts a waiting transfer if the bus master has been started. */
void ide_dma_try(struct ide_channel *c) REQUIRES(bql);
struct ide_walk ide_dma_begin(const struct ide_channel *c) REQUIRES(bql);
/* Moves up to len bytes between buf and the areas; returns how many could be. */
uint32_t ide_dma_move(struct ide_channel *c, struct ide_walk *w, uint8_t *buf, uint32_t len,
                      bool to_memory) REQUIRES(bql);
void ide_dma_init(struct ide *ide) REQUIRES(bql);

#endif
