/* Commands of a port's list (AHCI 4.2.2, 5.3), each with a message for the drive, perhaps
 * a packet, and a table of memory areas for its data. Programmed I/O and DMA are the
 * same to the guest: data go to the areas. */
#include <errno.h>
#include <string.h>

#include "hw/ahci_internal.h"

#define SLOTS         32u
#define HEADER_SIZE   32u
#define MESSAGE_SIZE  20u
#define MESSAGE       0x27 /* registers from the host */
#define IS_COMMAND    0x80u
#define SOFT_RESET    0x04u
#define PACKET_AT     0x40u
#define PACKET_SIZE   12u
#define AREAS_AT      0x80u
#define CMD_FLUSH     0xe7
#define CMD_FLUSH_EXT 0xea

struct ahci_command {
    uint64_t header; /* address of its entry in the list */
    uint8_t message[PACKET_AT + PACKET_SIZE];
    unsigned message_len; /* bytes */
    struct ahci_walk walk;
    uint32_t done;  /* bytes moved */
    uint32_t block; /* the last block by programmed I/O to the host; 0: none */
};

static bool fetch(struct ahci_port *p, struct ahci_command *c) REQUIRES(bql)
{
    struct pci_device *d = &p->ahci->pci;
    uint8_t header[HEADER_SIZE];
    uint64_t table;

    c->header = p->list + (uint64_t)p->slot * HEADER_SIZE;
    if (pci_dma_read(d, c->header, header, sizeof(header)) != MEMORY_OK) {
        return false;
    }
    table = (pci_get(header + 8, 4) | (uint64_t)pci_get(header + 12, 4) << 32) & ~UINT64_C(127);
    c->message_len = (header[0] & 31u) * 4;
    c->walk = (struct ahci_walk){.table = table + AREAS_AT, .entries = pci_get(header + 2, 2)};
    c->done = c->block = 0;
    return pci_dma_read(d, table, c->message, sizeof(c->message)) == MEMORY_OK;
}

/* The block in the drive's buffer; false: there are not enough areas for it. */
static bool move_block(struct ahci_port *p, struct ahci_command *c, unsigned len, bool to_memory)
    REQUIRES(bql)
{
    struct ide_unit *u = &p->unit;
    uint32_t n = ahci_move(p->ahci, &c->walk, u->buf + u->pos, len, to_memory);

    c->done += n;
    u->pos += n;
    return n == len;
}

/* `len` bytes of the medium; false: the command is no more. */
static bool move_sectors(struct ahci_port *p, struct ahci_command *c, enum ahci_direction direction,
                         uint64_t sector) REQUIRES(bql)
{
    struct ide_unit *u = &p->unit;
    struct ahci_transfer t = {.direction = direction,
                              .disk = u->disk,
                              .offset = u->lba * sector,
                              .len = u->left * sector,
                              .walk = &c->walk};
    int ret = ahci_transfer(p, &t);

    if (ret == -ECANCELED) {
        return false;
    }
    if (ret == 0) {
        c->done += (uint32_t)t.len;
        u->lba += u->left;
        u->left = 0;
    }
    if (u->cd) {
        u->answer_len = u->answer_done = 0;
        if (ret < 0) {
            ide_atapi_read_failed(u);
        } else {
            ide_atapi_block_done(u);
        }
    } else if (ret < 0) {
        ide_fail(u, direction == AHCI_READ ? IDE_UNCORRECTABLE : IDE_ABORTED);
    } else {
        ide_done(u);
    }
    return true;
}

/* Does what the drive waits for; false: the command is no more. */
static bool serve_phase(struct ahci_port *p, struct ahci_command *c) REQUIRES(bql)
{
    struct ide_unit *u = &p->unit;
    unsigned len = u->len - u->pos;

    switch (u->phase) {
    case IDE_PIO_READ:
        c->block = len;
        if (move_block(p, c, len, true)) {
            ide_ata_block_done(u);
        } else {
            ide_fail(u, IDE_ABORTED);
        }
        return true;
    case IDE_PIO_WRITE:
        ahci_post_pio_setup(p, false, false, len);
        if (move_block(p, c, len, false)) {
            ide_ata_block_done(u);
        } else {
            ide_fail(u, IDE_ABORTED);
        }
        return true;
    case IDE_PACKET:
        ahci_post_pio_setup(p, false, false, PACKET_SIZE);
        memcpy(u->buf, c->message + PACKET_AT, PACKET_SIZE);
        ide_atapi_packet(u);
        return true;
    case IDE_PACKET_IN:
        ahci_post_pio_setup(p, true, false, len);
        if (move_block(p, c, len, true)) {
            ide_atapi_block_done(u);
        } else {
            ide_atapi_read_failed(u);
        }
        return true;
    case IDE_DMA_PACKET:
        if (u->left) {
            return move_sectors(p, c, AHCI_READ, ATAPI_SECTOR);
        }
        u->pos = 0;
        if (move_block(p, c, u->answer_len, true)) {
            u->answer_done = u->answer_len;
            ide_atapi_block_done(u);
        } else {
            ide_atapi_read_failed(u);
        }
        return true;
    default:
        return move_sectors(p, c, u->phase == IDE_DMA_READ ? AHCI_READ : AHCI_WRITE, DISK_SECTOR);
    }
}

/* Sends the command to the drive and serves it until it ends. */
static bool execute(struct ahci_port *p, struct ahci_command *c) REQUIRES(bql)
{
    struct ide_unit *u = &p->unit;
    uint8_t what = c->message[2];

    ahci_take_registers(u, c->message);
    u->error = 0;
    if ((what == CMD_FLUSH || what == CMD_FLUSH_EXT) && u->disk && !u->cd) {
        u->left = 0;
        return move_sectors(p, c, AHCI_FLUSH, DISK_SECTOR);
    }
    ide_ata_command(u, what);
    while (u->phase != IDE_IDLE) {
        if (!serve_phase(p, c)) {
            return false;
        }
    }
    return true;
}

/* A message without a command: its control register, whose reset bit goes up and down. */
static void control(struct ahci_port *p, const struct ahci_command *c) REQUIRES(bql)
{
    bool reset = c->message[15] & SOFT_RESET;

    if (p->resetting && !reset) {
        ide_reset_unit(&p->unit);
        ahci_post_signature(p);
    }
    p->resetting = reset;
    p->issued &= ~(UINT32_C(1) << p->slot);
}

static void complete(struct ahci_port *p, const struct ahci_command *c) REQUIRES(bql)
{
    bool failed = p->unit.status & IDE_ERR;
    uint8_t count[4];

    pci_put(count, c->done, sizeof(count));
    (void)pci_dma_write(&p->ahci->pci, c->header + 4, count, sizeof(count));
    if (!failed) {
        p->issued &= ~(UINT32_C(1) << p->slot);
    }
    p->failed = failed;
    if (c->block && !failed) {
        ahci_post_pio_setup(p, true, true, c->block);
        return;
    }
    ahci_post_registers(p, true);
    if (failed) {
        ahci_raise(p, AHCI_TASK_FILE_ERROR);
    }
}

static void begin(struct ahci_port *p) REQUIRES(bql)
{
    struct ahci_command c;

    if (!fetch(p, &c)) {
        p->failed = true;
        ahci_raise(p, AHCI_MEMORY_FAILED);
        return;
    }
    if (c.message_len >= MESSAGE_SIZE && c.message[0] == MESSAGE && !(c.message[1] & IS_COMMAND)) {
        control(p, &c);
        return;
    }
    p->task_file = IDE_BUSY;
    if (c.message_len < MESSAGE_SIZE || c.message[0] != MESSAGE) {
        ide_fail(&p->unit, IDE_ABORTED);
    } else if (!execute(p, &c)) {
        return;
    }
    complete(p, &c);
}

/* The next command after the last one's slot; false: there is none to be begun. */
static bool choose(struct ahci_port *p) REQUIRES(bql)
{
    if (!(p->command & AHCI_START) || p->failed || p->issued == 0) {
        return false;
    }
    do {
        p->slot = (p->slot + 1) % SLOTS;
    } while (!(p->issued >> p->slot & 1));
    return true;
}

void ahci_run(void *opaque)
{
    struct ahci_port *p = opaque;

    bql_lock();
    while (choose(p)) {
        begin(p);
    }
    bql_unlock();
}
