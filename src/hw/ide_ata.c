/* Commands of hard disks, and those that every drive has (ATA/ATAPI-6). A transfer is
 * a first sector and a count, checked against the medium when the command comes; it
 * goes block by block through the unit's buffer. */
#include <string.h>

#include "hw/ide_internal.h"

enum command {
    CMD_NOP = 0x00,
    CMD_DEVICE_RESET = 0x08,
    CMD_READ = 0x20,
    CMD_READ_EXT = 0x24,
    CMD_READ_DMA_EXT = 0x25,
    CMD_NATIVE_MAX_EXT = 0x27,
    CMD_READ_MULTIPLE_EXT = 0x29,
    CMD_WRITE = 0x30,
    CMD_WRITE_EXT = 0x34,
    CMD_WRITE_DMA_EXT = 0x35,
    CMD_WRITE_MULTIPLE_EXT = 0x39,
    CMD_VERIFY = 0x40,
    CMD_VERIFY_EXT = 0x42,
    CMD_DIAGNOSTIC = 0x90,
    CMD_PARAMETERS = 0x91,
    CMD_PACKET = 0xa0,
    CMD_IDENTIFY_PACKET = 0xa1,
    CMD_READ_MULTIPLE = 0xc4,
    CMD_WRITE_MULTIPLE = 0xc5,
    CMD_SET_MULTIPLE = 0xc6,
    CMD_READ_DMA = 0xc8,
    CMD_WRITE_DMA = 0xca,
    CMD_STANDBY_NOW = 0xe0,
    CMD_CHECK_POWER = 0xe5,
    CMD_SLEEP = 0xe6,
    CMD_FLUSH = 0xe7,
    CMD_FLUSH_EXT = 0xea,
    CMD_IDENTIFY = 0xec,
    CMD_FEATURES = 0xef,
    CMD_NATIVE_MAX = 0xf8,
};

#define SELECT_LBA  0x40u
#define HEADS       16u
#define TRACK       63u
#define PACKET_SIZE 12
#define BLOCK_MAX   (IDE_BUFFER / DISK_SECTOR)

/* The first sector and the number of sectors that the registers name. False: they are
 * not on the medium. */
static bool address(struct ide_unit *u, bool ext) REQUIRES(bql)
{
    uint64_t sectors = u->disk->size / DISK_SECTOR;
    uint64_t low = u->low.now | (uint64_t)u->mid.now << 8 | (uint64_t)u->high.now << 16;

    if (ext) {
        u->lba = low | (uint64_t)u->low.before << 24 | (uint64_t)u->mid.before << 32 |
                 (uint64_t)u->high.before << 40;
        u->left = u->count.now | (uint32_t)u->count.before << 8;
        u->left = u->left ? u->left : 65536;
    } else {
        u->left = u->count.now ? u->count.now : 256;
        if (u->select & SELECT_LBA) {
            u->lba = low | (uint64_t)(u->select & 15) << 24;
        } else {
            uint64_t cylinder = u->mid.now | (uint64_t)u->high.now << 8;

            if (u->low.now == 0) {
                return false;
            }
            u->lba = (cylinder * HEADS + (u->select & 15)) * TRACK + u->low.now - 1u;
        }
    }
    return u->lba < sectors && u->left <= sectors - u->lba;
}

static void read_block(struct ide_unit *u) REQUIRES(bql)
{
    uint32_t n = u->left < u->block ? u->left : u->block;
    struct iovec iov = {.iov_base = u->buf, .iov_len = (size_t)n * DISK_SECTOR};

    if (disk_read(u->disk, u->lba * DISK_SECTOR, &iov, 1) < 0) {
        ide_fail(u, IDE_UNCORRECTABLE);
        return;
    }
    u->lba += n;
    u->left -= n;
    u->pos = 0;
    u->len = n * DISK_SECTOR;
    u->status = IDE_READY | IDE_SEEK | IDE_DRQ;
    u->link->interrupt(u);
}

static void expect_block(struct ide_unit *u) REQUIRES(bql)
{
    uint32_t n = u->left < u->block ? u->left : u->block;

    u->pos = 0;
    u->len = n * DISK_SECTOR;
    u->status = IDE_READY | IDE_SEEK | IDE_DRQ;
}

static void write_block(struct ide_unit *u) REQUIRES(bql)
{
    struct iovec iov = {.iov_base = u->buf, .iov_len = u->len};

    if (disk_write(u->disk, u->lba * DISK_SECTOR, &iov, 1) < 0) {
        ide_fail(u, IDE_ABORTED);
        return;
    }
    u->lba += u->len / DISK_SECTOR;
    u->left -= u->len / DISK_SECTOR;
    if (u->left == 0) {
        ide_done(u);
        return;
    }
    expect_block(u);
    u->link->interrupt(u);
}

void ide_ata_block_done(struct ide_unit *u) REQUIRES(bql)
{
    if (u->phase == IDE_PIO_WRITE) {
        write_block(u);
    } else if (u->left) {
        read_block(u);
    } else {
        u->phase = IDE_IDLE;
        u->status = IDE_READY | IDE_SEEK;
    }
}

static void begin(struct ide_unit *u, enum ide_phase phase, bool ext, unsigned block) REQUIRES(bql)
{
    bool write = phase == IDE_PIO_WRITE || phase == IDE_DMA_WRITE;

    if (!u->disk || u->cd || block == 0) {
        ide_fail(u, IDE_ABORTED);
        return;
    }
    if (!address(u, ext)) {
        ide_fail(u, IDE_ID_NOT_FOUND);
        return;
    }
    if (write && u->disk->read_only) {
        ide_fail(u, IDE_ABORTED);
        return;
    }
    u->phase = phase;
    u->block = block;
    switch (phase) {
    case IDE_PIO_READ:
        read_block(u);
        break;
    case IDE_PIO_WRITE:
        expect_block(u);
        break;
    default:
        u->status = IDE_READY | IDE_SEEK | IDE_DRQ;
        break;
    }
}

void ide_ata_dma(struct ide_channel *c, struct ide_unit *u) REQUIRES(bql)
{
    struct ide_walk walk = ide_dma_begin(c);
    bool read = u->phase == IDE_DMA_READ;

    while (u->left) {
        uint32_t n = u->left < BLOCK_MAX ? u->left : BLOCK_MAX, len = n * DISK_SECTOR;
        struct iovec iov = {.iov_base = u->buf, .iov_len = len};
        uint64_t at = u->lba * DISK_SECTOR;

        if ((read && disk_read(u->disk, at, &iov, 1) < 0) ||
            ide_dma_move(c, &walk, u->buf, len, read) < len ||
            (!read && disk_write(u->disk, at, &iov, 1) < 0)) {
            ide_fail(u, IDE_ABORTED);
            return;
        }
        u->lba += n;
        u->left -= n;
    }
    ide_done(u);
}

static void answer_identify(struct ide_unit *u) REQUIRES(bql)
{
    ide_identify(u);
    u->phase = IDE_PIO_READ;
    u->left = 0;
    u->pos = 0;
    u->len = 512;
    u->status = IDE_READY | IDE_SEEK | IDE_DRQ;
    u->link->interrupt(u);
}

static void native_max(struct ide_unit *u, bool ext) REQUIRES(bql)
{
    uint64_t last = u->disk->size / DISK_SECTOR;

    last = last ? last - 1 : 0;
    if (!ext && last > 0x0fffffff) {
        last = 0x0fffffff;
    }
    u->low = (struct ide_reg){.now = (uint8_t)last, .before = (uint8_t)(last >> 24)};
    u->mid = (struct ide_reg){.now = (uint8_t)(last >> 8), .before = (uint8_t)(last >> 32)};
    u->high = (struct ide_reg){.now = (uint8_t)(last >> 16), .before = (uint8_t)(last >> 40)};
    if (!ext) {
        u->select = (uint8_t)((u->select & 0xf0) | (last >> 24 & 15));
    }
    ide_done(u);
}

static void flush(struct ide_unit *u) REQUIRES(bql)
{
    if (u->disk && disk_flush(u->disk) < 0) {
        ide_fail(u, IDE_ABORTED);
    } else {
        ide_done(u);
    }
}

static void begin_packet(struct ide_unit *u) REQUIRES(bql)
{
    u->packet_dma = u->feature.now & 1;
    u->packet_limit = u->mid.now | (uint32_t)u->high.now << 8;
    u->phase = IDE_PACKET;
    u->pos = 0;
    u->len = PACKET_SIZE;
    u->count.now = 1; /* a command, to the device */
    u->status = IDE_READY | IDE_DRQ;
}

/* Commands that a CD-ROM drive has, too; false: none of these. */
static bool common_command(struct ide_unit *u, uint8_t command) REQUIRES(bql)
{
    switch (command) {
    case CMD_DEVICE_RESET:
        if (!u->cd) {
            return false;
        }
        ide_reset_unit(u);
        return true;
    case CMD_DIAGNOSTIC:
        ide_set_signature(u);
        u->error = 1;
        ide_done(u);
        return true;
    case CMD_IDENTIFY_PACKET:
    case CMD_IDENTIFY:
        if (u->cd != (command == CMD_IDENTIFY_PACKET)) {
            ide_set_signature(u);
            return false;
        }
        answer_identify(u);
        return true;
    case CMD_PACKET:
        if (!u->cd) {
            return false;
        }
        begin_packet(u);
        return true;
    case CMD_FEATURES: /* modes, caches: whatever is asked for is so */
    case CMD_SLEEP:
        ide_done(u);
        return true;
    case CMD_CHECK_POWER:
        u->count.now = 0xff; /* active */
        ide_done(u);
        return true;
    case CMD_FLUSH:
    case CMD_FLUSH_EXT:
        flush(u);
        return true;
    default:
        if (command >= CMD_STANDBY_NOW && command < CMD_CHECK_POWER) {
            ide_done(u);
            return true;
        }
        return false;
    }
}

static void set_multiple(struct ide_unit *u) REQUIRES(bql)
{
    unsigned n = u->count.now;

    if (n > 16 || (n & (n - 1))) {
        ide_fail(u, IDE_ABORTED);
        return;
    }
    u->multiple = n;
    ide_done(u);
}

static void verify(struct ide_unit *u, bool ext) REQUIRES(bql)
{
    if (address(u, ext)) {
        ide_done(u);
    } else {
        ide_fail(u, IDE_ID_NOT_FOUND);
    }
}

static void disk_command(struct ide_unit *u, uint8_t command) REQUIRES(bql)
{
    switch (command) {
    case CMD_READ:
    case CMD_READ + 1:
        begin(u, IDE_PIO_READ, false, 1);
        break;
    case CMD_READ_EXT:
        begin(u, IDE_PIO_READ, true, 1);
        break;
    case CMD_READ_MULTIPLE:
    case CMD_READ_MULTIPLE_EXT:
        begin(u, IDE_PIO_READ, command == CMD_READ_MULTIPLE_EXT, u->multiple);
        break;
    case CMD_WRITE:
    case CMD_WRITE + 1:
        begin(u, IDE_PIO_WRITE, false, 1);
        break;
    case CMD_WRITE_EXT:
        begin(u, IDE_PIO_WRITE, true, 1);
        break;
    case CMD_WRITE_MULTIPLE:
    case CMD_WRITE_MULTIPLE_EXT:
        begin(u, IDE_PIO_WRITE, command == CMD_WRITE_MULTIPLE_EXT, u->multiple);
        break;
    case CMD_READ_DMA:
    case CMD_READ_DMA + 1:
    case CMD_READ_DMA_EXT:
        begin(u, IDE_DMA_READ, command == CMD_READ_DMA_EXT, BLOCK_MAX);
        break;
    case CMD_WRITE_DMA:
    case CMD_WRITE_DMA + 1:
    case CMD_WRITE_DMA_EXT:
        begin(u, IDE_DMA_WRITE, command == CMD_WRITE_DMA_EXT, BLOCK_MAX);
        break;
    case CMD_VERIFY:
    case CMD_VERIFY + 1:
    case CMD_VERIFY_EXT:
        verify(u, command == CMD_VERIFY_EXT);
        break;
    case CMD_SET_MULTIPLE:
        set_multiple(u);
        break;
    case CMD_NATIVE_MAX:
    case CMD_NATIVE_MAX_EXT:
        native_max(u, command == CMD_NATIVE_MAX_EXT);
        break;
    case CMD_PARAMETERS:
        ide_done(u);
        break;
    default:
        if (command >> 4 == 1 || command >> 4 == 7) { /* recalibrate, seek */
            ide_done(u);
        } else {
            ide_fail(u, IDE_ABORTED);
        }
        break;
    }
}

void ide_ata_command(struct ide_unit *u, uint8_t command) REQUIRES(bql)
{
    u->phase = IDE_IDLE;
    if (common_command(u, command)) {
        return;
    }
    if (u->cd || !u->disk) {
        ide_fail(u, IDE_ABORTED);
        return;
    }
    disk_command(u, command);
}
