/* Packet commands of a CD-ROM drive (INF-8090, SPC-3): which one it is, and whether it
 * needs a disc. */
#include <string.h>

#include "hw/ide_atapi_internal.h"

#define ATAPI_TRAY_OPEN         2 /* qualifiers of no medium */
#define ATAPI_REMOVAL_PREVENTED 2 /* and of no removal */

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

/* Moves the tray if LoEj says so and no power condition is asked for: out, unless that is
 * prevented, or in, with what is then a new disc. */
static void start_stop(struct ide_unit *u, uint8_t how) REQUIRES(bql)
{
    bool load = how & 1, move = (how & 0xf2) == 2 && load == u->tray_open;

    if (move && !load && u->locked) {
        ide_atapi_fail_with(u, ATAPI_ILLEGAL_REQUEST, ATAPI_NO_REMOVAL, ATAPI_REMOVAL_PREVENTED);
        return;
    }
    if (move) {
        u->tray_open = !load;
        u->disc_changed = load && u->disk;
    }
    ide_atapi_finish(u);
}

static void run(struct ide_unit *u, const uint8_t *packet) REQUIRES(bql)
{
    switch (packet[0]) {
    case TEST_UNIT_READY:
    case SEEK_10:
    case SET_SPEED:
        ide_atapi_finish(u);
        break;
    case START_STOP:
        start_stop(u, packet[4]);
        break;
    case PREVENT_REMOVAL:
        u->locked = packet[4] & 1;
        ide_atapi_finish(u);
        break;
    case REQUEST_SENSE:
        ide_atapi_request_sense(u, packet[4]);
        break;
    case INQUIRY:
        ide_atapi_inquiry(u, packet);
        break;
    case READ_CAPACITY:
        ide_atapi_read_capacity(u);
        break;
    case READ_10:
        ide_atapi_read(u, ide_atapi_get(packet + 2, 4), ide_atapi_get(packet + 7, 2));
        break;
    case READ_12:
        ide_atapi_read(u, ide_atapi_get(packet + 2, 4), ide_atapi_get(packet + 6, 4));
        break;
    case READ_TOC:
        ide_atapi_read_toc(u, packet);
        break;
    case GET_CONFIGURATION:
        ide_atapi_get_configuration(u, ide_atapi_get(packet + 7, 2));
        break;
    case GET_EVENT_STATUS:
        ide_atapi_get_event_status(u, packet);
        break;
    case READ_DISC_INFO:
        ide_atapi_read_disc_info(u, ide_atapi_get(packet + 7, 2));
        break;
    case MODE_SENSE_10:
        ide_atapi_mode_sense(u, packet);
        break;
    case MECHANISM_STATUS:
        ide_atapi_mechanism_status(u, ide_atapi_get(packet + 8, 2));
        break;
    default:
        ide_atapi_fail(u, ATAPI_ILLEGAL_REQUEST, ATAPI_BAD_COMMAND);
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
            ide_atapi_fail(u, ATAPI_UNIT_ATTENTION, ATAPI_MEDIUM_CHANGED);
            return;
        }
        if (ide_atapi_disc_sectors(u) == 0) {
            ide_atapi_fail_with(u, ATAPI_NOT_READY, ATAPI_NO_MEDIUM,
                                u->tray_open ? ATAPI_TRAY_OPEN : 0);
            return;
        }
    }
    run(u, packet);
}
