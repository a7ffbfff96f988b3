/* How a CD-ROM drive's data gets to the host: an answer that is in the unit's buffer as a
 * whole, or a range of the disc's sectors that is read as it goes; by the data register
 * in parts, or by DMA. */
#include "hw/ide_atapi_internal.h"

#define REASON_TO_HOST 2u /* in the count register */
#define REASON_STATUS  3u
#define BLOCK_SECTORS  (IDE_BUFFER / ATAPI_SECTOR)

uint32_t ide_atapi_disc_sectors(const struct ide_unit *u)
{
    uint64_t n = ide_atapi_has_disc(u) ? u->disk->size / ATAPI_SECTOR : 0;

    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

void ide_atapi_finish(struct ide_unit *u)
{
    u->count.now = REASON_STATUS;
    ide_done(u);
}

void ide_atapi_fail(struct ide_unit *u, enum ide_atapi_sense key, uint8_t code)
{
    ide_atapi_fail_with(u, key, code, 0);
}

void ide_atapi_fail_with(struct ide_unit *u, enum ide_atapi_sense key, uint8_t code,
                         uint8_t qualifier)
{
    u->sense_key = (uint8_t)key;
    u->sense_code = code;
    u->sense_qualifier = qualifier;
    u->count.now = REASON_STATUS;
    ide_fail(u, (uint8_t)(key << 4));
}

/* Gives the host the next part of what the data register is to bring: `len` bytes of
 * the buffer from answer_done on. */
static void offer(struct ide_unit *u, uint32_t len) REQUIRES(bql)
{
    uint32_t limit = u->packet_limit & ~1u;

    if (limit == 0) {
        limit = 0xfffe;
    }
    len = len < limit ? len : limit;
    u->phase = IDE_PACKET_IN;
    u->pos = u->answer_done;
    u->len = u->answer_done + len;
    u->answer_done += len;
    u->mid.now = (uint8_t)len;
    u->high.now = (uint8_t)(len >> 8);
    u->count.now = REASON_TO_HOST;
    u->status = IDE_READY | IDE_DRQ;
    u->link->interrupt(u);
}

void ide_atapi_read_failed(struct ide_unit *u) REQUIRES(bql)
{
    ide_atapi_fail(u, ATAPI_MEDIUM_ERROR, ATAPI_READ_ERROR);
}

/* Reads as many sectors of the transfer as the buffer takes. */
static bool read_sectors(struct ide_unit *u) REQUIRES(bql)
{
    uint32_t n = u->left < BLOCK_SECTORS ? u->left : BLOCK_SECTORS;
    struct iovec iov = {.iov_base = u->buf, .iov_len = (size_t)n * ATAPI_SECTOR};

    if (!u->disk || disk_read(u->disk, u->lba * ATAPI_SECTOR, &iov, 1) < 0) {
        return false;
    }
    u->lba += n;
    u->left -= n;
    u->answer_len = n * ATAPI_SECTOR;
    u->answer_done = 0;
    return true;
}

void ide_atapi_block_done(struct ide_unit *u) REQUIRES(bql)
{
    if (u->answer_done == u->answer_len && u->left && !read_sectors(u)) {
        ide_atapi_read_failed(u);
        return;
    }
    if (u->answer_done < u->answer_len) {
        offer(u, u->answer_len - u->answer_done);
        return;
    }
    ide_atapi_finish(u);
}

/* Starts what the command has put into the buffer or set up as a transfer. */
static void begin_data(struct ide_unit *u) REQUIRES(bql)
{
    if (u->packet_dma) {
        u->phase = IDE_DMA_PACKET;
        u->status = IDE_READY | IDE_DRQ;
        u->link->dma_ready(u);
        return;
    }
    ide_atapi_block_done(u);
}

void ide_atapi_dma(struct ide_channel *c, struct ide_unit *u) REQUIRES(bql)
{
    struct ide_walk walk = ide_dma_begin(c);

    for (;;) {
        uint32_t len = u->answer_len;

        if (ide_dma_move(c, &walk, u->buf, len, true) < len) {
            ide_atapi_fail(u, ATAPI_ILLEGAL_REQUEST, ATAPI_BAD_FIELD);
            return;
        }
        if (u->left == 0) {
            break;
        }
        if (!read_sectors(u)) {
            ide_atapi_read_failed(u);
            return;
        }
    }
    ide_atapi_finish(u);
}

void ide_atapi_answer(struct ide_unit *u, uint32_t len, uint32_t wanted)
{
    u->answer_len = len < wanted ? len : wanted;
    u->answer_done = 0;
    u->left = 0;
    if (u->answer_len == 0) {
        ide_atapi_finish(u);
    } else {
        begin_data(u);
    }
}

void ide_atapi_read(struct ide_unit *u, uint32_t lba, uint32_t count)
{
    uint32_t sectors = ide_atapi_disc_sectors(u);

    if (lba > sectors || count > sectors - lba) {
        ide_atapi_fail(u, ATAPI_ILLEGAL_REQUEST, ATAPI_BAD_ADDRESS);
        return;
    }
    u->lba = lba;
    u->left = count;
    u->answer_len = u->answer_done = 0;
    if (count == 0) {
        ide_atapi_finish(u);
    } else {
        begin_data(u);
    }
}
