/* What a CD-ROM drive says about itself and its disc (INF-8090, SPC-3). */
#include <string.h>

#include "hw/ide_atapi_internal.h"

static void put_be(uint8_t *at, uint32_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> 8 * (size - 1 - i));
    }
}

void ide_atapi_request_sense(struct ide_unit *u, uint8_t wanted)
{
    memset(u->buf, 0, 18);
    u->buf[0] = 0x70;
    u->buf[2] = u->sense_key;
    u->buf[7] = 10;
    u->buf[12] = u->sense_code;
    u->buf[13] = u->sense_qualifier;
    u->sense_key = u->sense_code = u->sense_qualifier = 0;
    ide_atapi_answer(u, 18, wanted);
}

void ide_atapi_inquiry(struct ide_unit *u, const uint8_t *packet)
{
    if (packet[1] & 1) { /* a page of vital product data: there are none */
        ide_atapi_fail(u, ATAPI_ILLEGAL_REQUEST, ATAPI_BAD_FIELD);
        return;
    }
    memset(u->buf, 0, 36);
    u->buf[0] = 5; /* CD-ROM */
    u->buf[1] = 0x80;
    u->buf[2] = 5;
    u->buf[3] = 0x21;
    u->buf[4] = 31;
    memcpy(u->buf + 8, "MORTISE ", 8);
    memcpy(u->buf + 16, "DVD-ROM         ", 16);
    memcpy(u->buf + 32, "1.0 ", 4);
    ide_atapi_answer(u, 36, ide_atapi_get(packet + 3, 2));
}

void ide_atapi_read_capacity(struct ide_unit *u)
{
    put_be(u->buf, ide_atapi_disc_sectors(u) - 1, 4);
    put_be(u->buf + 4, ATAPI_SECTOR, 4);
    ide_atapi_answer(u, 8, 8);
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
void ide_atapi_read_toc(struct ide_unit *u, const uint8_t *packet)
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
        put_address(u->buf + 16, ide_atapi_disc_sectors(u), msf);
        ide_atapi_answer(u, 20, ide_atapi_get(packet + 7, 2));
    } else if (format == 1) { /* sessions: one, whose first track this is */
        put_be(u->buf, 10, 2);
        put_address(u->buf + 8, 0, msf);
        ide_atapi_answer(u, 12, ide_atapi_get(packet + 7, 2));
    } else {
        ide_atapi_fail(u, ATAPI_ILLEGAL_REQUEST, ATAPI_BAD_FIELD);
    }
}

void ide_atapi_get_configuration(struct ide_unit *u, uint32_t wanted)
{
    memset(u->buf, 0, 40);
    put_be(u->buf, 36, 4);
    put_be(u->buf + 6, ide_atapi_has_disc(u) ? 0x10 : 0, 2); /* profile: DVD-ROM */
    u->buf[10] = 3;                                          /* the list of profiles */
    u->buf[11] = 8;
    put_be(u->buf + 12, 0x0010, 2);
    u->buf[14] = ide_atapi_has_disc(u) ? 1 : 0;
    put_be(u->buf + 16, 0x0008, 2); /* CD-ROM */
    put_be(u->buf + 20, 1, 2);      /* core feature: ATAPI */
    u->buf[22] = 3;
    u->buf[23] = 8;
    put_be(u->buf + 24, 2, 4);
    put_be(u->buf + 32, 3, 2); /* removable medium: tray */
    u->buf[34] = 3;
    u->buf[35] = 4;
    u->buf[36] = 0x29;
    ide_atapi_answer(u, 40, wanted);
}

void ide_atapi_get_event_status(struct ide_unit *u, const uint8_t *packet)
{
    memset(u->buf, 0, 8);
    if (!(packet[1] & 1)) {
        ide_atapi_fail(u, ATAPI_ILLEGAL_REQUEST, ATAPI_BAD_FIELD); /* not by interrupt */
        return;
    }
    u->buf[3] = 0x10; /* media events are what there is */
    if (!(packet[4] & 0x10)) {
        put_be(u->buf, 2, 2);
        u->buf[2] = 0x80;
        ide_atapi_answer(u, 4, ide_atapi_get(packet + 7, 2));
        return;
    }
    put_be(u->buf, 6, 2);
    u->buf[2] = 4;
    u->buf[4] = u->disc_changed ? 2 : 0; /* a new medium */
    u->buf[5] = u->tray_open ? 1 : u->disk ? 2 : 0;
    ide_atapi_answer(u, 8, ide_atapi_get(packet + 7, 2));
}

void ide_atapi_mode_sense(struct ide_unit *u, const uint8_t *packet)
{
    memset(u->buf, 0, 30);
    switch (packet[2] & 0x3f) {
    case 0x01: /* error recovery */
        put_be(u->buf, 14, 2);
        u->buf[8] = 1;
        u->buf[9] = 6;
        u->buf[11] = 5;
        ide_atapi_answer(u, 16, ide_atapi_get(packet + 7, 2));
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
        ide_atapi_answer(u, 30, ide_atapi_get(packet + 7, 2));
        break;
    default:
        ide_atapi_fail(u, ATAPI_ILLEGAL_REQUEST, ATAPI_BAD_FIELD);
        break;
    }
}

void ide_atapi_read_disc_info(struct ide_unit *u, uint32_t wanted)
{
    memset(u->buf, 0, 34);
    put_be(u->buf, 32, 2);
    u->buf[2] = 0x0e; /* complete */
    u->buf[3] = u->buf[4] = u->buf[5] = u->buf[6] = 1;
    u->buf[7] = 0x20;
    ide_atapi_answer(u, 34, wanted);
}

void ide_atapi_mechanism_status(struct ide_unit *u, uint32_t wanted)
{
    memset(u->buf, 0, 8);
    u->buf[1] = u->tray_open ? 0x10 : 0;
    u->buf[5] = 1;
    ide_atapi_answer(u, 8, wanted);
}
