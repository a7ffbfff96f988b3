/* Packet commands of a CD-ROM drive (INF-8090, SPC-3). An answer is in the unit's
 * buffer as a whole, or is a range of the disc's sectors that is read as it goes. */
#include <string.h>

#include "hw/ide_internal.h"

enum packet {
    TEST_UNIT_READY = 0x00,
    REQUEST_SENSE = 0x03,
    INQUIRY = 0x12,
    START_STOP = 0x1b,
    PREVENT_REMOVAL = 0x1e,
    READ_CAPACITY = 0x25,
    READ_10 = 0x28,
    SEEK_10 = 0x2b,
    READ_TOC = 0x43,
    GET_CONFIGURATION = 0x46,
    GET_EVENT_STATUS = 0x4a,
    READ_DISC_INFO = 0x51,
    MODE_SENSE_10 = 0x5a,
    READ_12 = 0xa8,
    SET_SPEED = 0xbb,
    MECHANISM_STATUS = 0xbd,
};

enum sense {
    NO_SENSE = 0,
    NOT_READY = 2,
    MEDIUM_ERROR = 3,
    ILLEGAL_REQUEST = 5,
    UNIT_ATTENTION = 6
};
#define NO_MEDIUM      0x3a
#define MEDIUM_CHANGED 0x28
#define BAD_COMMAND    0x20
#define BAD_ADDRESS    0x21
#define BAD_FIELD      0x24
#define READ_ERROR     0x11

#define REASON_TO_HOST 2u /* in the count register */
#define REASON_STATUS  3u
#define BLOCK_SECTORS  (IDE_BUFFER / ATAPI_SECTOR)

static uint32_t get_be(const uint8_t *at, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

static void put_be(uint8_t *at, uint32_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> 8 * (size - 1 - i));
    }
}

static uint32_t disc_sectors(const struct ide_unit *u) REQUIRES(bql)
{
    uint64_t n = u->disk ? u->disk->size / ATAPI_SECTOR : 0;

    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static void finish(struct ide_unit *u) REQUIRES(bql)
{
    u->count.now = REASON_STATUS;
    ide_done(u);
}

static void fail(struct ide_unit *u, enum sense key, uint8_t code) REQUIRES(bql)
{
    u->sense_key = (uint8_t)key;
    u->sense_code = code;
    u->sense_qualifier = 0;
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
    fail(u, MEDIUM_ERROR, READ_ERROR);
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
    finish(u);
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
            fail(u, ILLEGAL_REQUEST, BAD_FIELD);
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
    finish(u);
}

/* An answer of `len` bytes, of which the host wants at most `wanted`. */
static void answer(struct ide_unit *u, uint32_t len, uint32_t wanted) REQUIRES(bql)
{
    u->answer_len = len < wanted ? len : wanted;
    u->answer_done = 0;
    u->left = 0;
    if (u->answer_len == 0) {
        finish(u);
    } else {
        begin_data(u);
    }
}

static void read_10_or_12(struct ide_unit *u, uint32_t lba, uint32_t count) REQUIRES(bql)
{
    uint32_t sectors = disc_sectors(u);

    if (lba > sectors || count > sectors - lba) {
        fail(u, ILLEGAL_REQUEST, BAD_ADDRESS);
        return;
    }
    u->lba = lba;
    u->left = count;
    u->answer_len = u->answer_done = 0;
    if (count == 0) {
        finish(u);
    } else {
        begin_data(u);
    }
}

static void request_sense(struct ide_unit *u, uint8_t wanted) REQUIRES(bql)
{
    memset(u->buf, 0, 18);
    u->buf[0] = 0x70;
    u->buf[2] = u->sense_key;
    u->buf[7] = 10;
    u->buf[12] = u->sense_code;
    u->buf[13] = u->sense_qualifier;
    u->sense_key = u->sense_code = u->sense_qualifier = 0;
    answer(u, 18, wanted);
}

static void inquiry(struct ide_unit *u, uint32_t wanted) REQUIRES(bql)
{
    memset(u->buf, 0, 36);
    u->buf[0] = 5; /* CD-ROM */
    u->buf[1] = 0x80;
    u->buf[2] = 5;
    u->buf[3] = 0x21;
    u->buf[4] = 31;
    memcpy(u->buf + 8, "MORTISE ", 8);
    memcpy(u->buf + 16, "DVD-ROM         ", 16);
    memcpy(u->buf + 32, "1.0 ", 4);
    answer(u, 36, wanted);
}

static void read_capacity(struct ide_unit *u) REQUIRES(bql)
{
    put_be(u->buf, disc_sectors(u) - 1, 4);
    put_be(u->buf + 4, ATAPI_SECTOR, 4);
    answer(u, 8, 8);
}

static void put_address(uint8_t *at, uint32_t lba, bool msf)
{
    uint32_t frame = lba + 150;

    if (msf) {
        put_be(at, (frame / 4500 & 0xff) << 16 | frame / 75 % 60 << 8 | frame % 75, 4);
    } else {
        put_be(at, lba, 4);
    }
}

/* One data track and the lead-out. */
static void read_toc(struct ide_unit *u, const uint8_t *packet) REQUIRES(bql)
{
    unsigned format = packet[9] >> 6 ? packet[9] >> 6 : packet[2] & 15u;
    bool msf = packet[1] & 2;

    memset(u->buf, 0, 20);
    u->buf[2] = u->buf[3] = 1;
    u->buf[5] = 0x14;
    u->buf[6] = 1;
    if (format == 0) {
        put_be(u->buf, 18, 2);
        put_address(u->buf + 8, 0, msf);
        u->buf[13] = 0x16;
        u->buf[14] = 0xaa;
        put_address(u->buf + 16, disc_sectors(u), msf);
        answer(u, 20, get_be(packet + 7, 2));
    } else if (format == 1) { /* sessions: one, whose first track this is */
        put_be(u->buf, 10, 2);
        put_address(u->buf + 8, 0, msf);
        answer(u, 12, get_be(packet + 7, 2));
    } else {
        fail(u, ILLEGAL_REQUEST, BAD_FIELD);
    }
}

static void get_configuration(struct ide_unit *u, uint32_t wanted) REQUIRES(bql)
{
    memset(u->buf, 0, 40);
    put_be(u->buf, 36, 4);
    put_be(u->buf + 6, u->disk ? 0x10 : 0, 2); /* profile: DVD-ROM */
    u->buf[10] = 3;                            /* the list of profiles */
    u->buf[11] = 8;
    put_be(u->buf + 12, 0x0010, 2);
    u->buf[14] = u->disk ? 1 : 0;
    put_be(u->buf + 16, 0x0008, 2); /* CD-ROM */
    put_be(u->buf + 20, 1, 2);      /* core feature: ATAPI */
    u->buf[22] = 3;
    u->buf[23] = 8;
    put_be(u->buf + 24, 2, 4);
    put_be(u->buf + 32, 3, 2); /* removable medium: tray */
    u->buf[34] = 3;
    u->buf[35] = 4;
    u->buf[36] = 0x29;
    answer(u, 40, wanted);
}

static void get_event_status(struct ide_unit *u, const uint8_t *packet) REQUIRES(bql)
{
    memset(u->buf, 0, 8);
    if (!(packet[1] & 1)) {
        fail(u, ILLEGAL_REQUEST, BAD_FIELD); /* not by interrupt */
        return;
    }
    u->buf[3] = 0x10; /* media events are what there is */
    if (!(packet[4] & 0x10)) {
        put_be(u->buf, 2, 2);
        u->buf[2] = 0x80;
        answer(u, 4, get_be(packet + 7, 2));
        return;
    }
    put_be(u->buf, 6, 2);
    u->buf[2] = 4;
    u->buf[4] = u->disc_changed ? 2 : 0; /* a new medium */
    u->buf[5] = u->disk ? 2 : 0;
    answer(u, 8, get_be(packet + 7, 2));
}

static void mode_sense(struct ide_unit *u, const uint8_t *packet) REQUIRES(bql)
{
    memset(u->buf, 0, 30);
    switch (packet[2] & 0x3f) {
    case 0x01: /* error recovery */
        put_be(u->buf, 14, 2);
        u->buf[8] = 1;
        u->buf[9] = 6;
        u->buf[11] = 5;
        answer(u, 16, get_be(packet + 7, 2));
        break;
    case 0x2a: /* capabilities */
    case 0x3f:
        put_be(u->buf, 28, 2);
        u->buf[8] = 0x2a;
        u->buf[9] = 20;
        u->buf[10] = 0x3b; /* reads CD-R, CD-RW, DVD-ROM */
        u->buf[14] = (uint8_t)(0x29 | (u->locked ? 2 : 0));
        put_be(u->buf + 16, 706, 2);
        put_be(u->buf + 18, 2, 2);
        put_be(u->buf + 20, 512, 2);
        put_be(u->buf + 22, 706, 2);
        answer(u, 30, get_be(packet + 7, 2));
        break;
    default:
        fail(u, ILLEGAL_REQUEST, BAD_FIELD);
        break;
    }
}

static void read_disc_info(struct ide_unit *u, uint32_t wanted) REQUIRES(bql)
{
    memset(u->buf, 0, 34);
    put_be(u->buf, 32, 2);
    u->buf[2] = 0x0e; /* complete */
    u->buf[3] = u->buf[4] = u->buf[5] = u->buf[6] = 1;
    u->buf[7] = 0x20;
    answer(u, 34, wanted);
}

static bool needs_medium(uint8_t command)
{
    switch (command) {
    case TEST_UNIT_READY:
    case READ_CAPACITY:
    case READ_10:
    case READ_12:
    case SEEK_10:
    case READ_TOC:
    case READ_DISC_INFO:
        return true;
    default:
        return false;
    }
}

static void run(struct ide_unit *u, const uint8_t *packet) REQUIRES(bql)
{
    switch (packet[0]) {
    case TEST_UNIT_READY:
    case SEEK_10:
    case SET_SPEED:
    case START_STOP:
        finish(u);
        break;
    case PREVENT_REMOVAL:
        u->locked = packet[4] & 1;
        finish(u);
        break;
    case REQUEST_SENSE:
        request_sense(u, packet[4]);
        break;
    case INQUIRY:
        inquiry(u, get_be(packet + 3, 2));
        break;
    case READ_CAPACITY:
        read_capacity(u);
        break;
    case READ_10:
        read_10_or_12(u, get_be(packet + 2, 4), get_be(packet + 7, 2));
        break;
    case READ_12:
        read_10_or_12(u, get_be(packet + 2, 4), get_be(packet + 6, 4));
        break;
    case READ_TOC:
        read_toc(u, packet);
        break;
    case GET_CONFIGURATION:
        get_configuration(u, get_be(packet + 7, 2));
        break;
    case GET_EVENT_STATUS:
        get_event_status(u, packet);
        break;
    case READ_DISC_INFO:
        read_disc_info(u, get_be(packet + 7, 2));
        break;
    case MODE_SENSE_10:
        mode_sense(u, packet);
        break;
    case MECHANISM_STATUS:
        memset(u->buf, 0, 8);
        u->buf[5] = 1;
        answer(u, 8, get_be(packet + 8, 2));
        break;
    default:
        fail(u, ILLEGAL_REQUEST, BAD_COMMAND);
        break;
    }
}

void ide_atapi_packet(struct ide_unit *u) REQUIRES(bql)
{
    uint8_t packet[12];

    memcpy(packet, u->buf, sizeof(packet));
    if (needs_medium(packet[0])) {
        if (u->disc_changed) {
            u->disc_changed = false;
            fail(u, UNIT_ATTENTION, MEDIUM_CHANGED);
            return;
        }
        if (disc_sectors(u) == 0) {
            fail(u, NOT_READY, NO_MEDIUM);
            return;
        }
    }
    run(u, packet);
}
