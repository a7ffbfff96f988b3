/* What the files of the CD-ROM drive share. */
#ifndef MORTISE_HW_IDE_ATAPI_INTERNAL_H
#define MORTISE_HW_IDE_ATAPI_INTERNAL_H

#include "hw/ide_internal.h"

enum ide_atapi_sense {
    ATAPI_NO_SENSE = 0,
    ATAPI_NOT_READY = 2,
    ATAPI_MEDIUM_ERROR = 3,
    ATAPI_ILLEGAL_REQUEST = 5,
    ATAPI_UNIT_ATTENTION = 6
};
#define ATAPI_NO_MEDIUM      0x3a
#define ATAPI_MEDIUM_CHANGED 0x28
#define ATAPI_BAD_COMMAND    0x20
#define ATAPI_BAD_ADDRESS    0x21
#define ATAPI_BAD_FIELD      0x24
#define ATAPI_READ_ERROR     0x11
#define ATAPI_NO_REMOVAL     0x53

/* A number in a packet, most significant byte first. */
static inline uint32_t ide_atapi_get(const uint8_t *at, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

static inline bool ide_atapi_has_disc(const struct ide_unit *u) REQUIRES(bql)
{
    return u->disk && !u->tray_open;
}

/* ide_atapi_transfer.c: each ends the command or begins its transfer. */
uint32_t ide_atapi_disc_sectors(const struct ide_unit *u) REQUIRES(bql); /* 0: no disc */
void ide_atapi_finish(struct ide_unit *u) REQUIRES(bql);
void ide_atapi_fail(struct ide_unit *u, enum ide_atapi_sense key, uint8_t code) REQUIRES(bql);
void ide_atapi_fail_with(struct ide_unit *u, enum ide_atapi_sense key, uint8_t code,
                         uint8_t qualifier) REQUIRES(bql);
/* With `len` bytes in the buffer, of which the host wants at most `wanted`. */
void ide_atapi_answer(struct ide_unit *u, uint32_t len, uint32_t wanted) REQUIRES(bql);
void ide_atapi_read(struct ide_unit *u, uint32_t lba, uint32_t count) REQUIRES(bql);

/* ide_atapi_answers.c: one command each. */
void ide_atapi_request_sense(struct ide_unit *u, uint8_t wanted) REQUIRES(bql);
void ide_atapi_inquiry(struct ide_unit *u, const uint8_t *packet) REQUIRES(bql);
void ide_atapi_read_capacity(struct ide_unit *u) REQUIRES(bql);
void ide_atapi_read_toc(struct ide_unit *u, const uint8_t *packet) REQUIRES(bql);
void ide_atapi_get_configuration(struct ide_unit *u, uint32_t wanted) REQUIRES(bql);
void ide_atapi_get_event_status(struct ide_unit *u, const uint8_t *packet) REQUIRES(bql);
void ide_atapi_mode_sense(struct ide_unit *u, const uint8_t *packet) REQUIRES(bql);
void ide_atapi_read_disc_info(struct ide_unit *u, uint32_t wanted) REQUIRES(bql);
void ide_atapi_mechanism_status(struct ide_unit *u, uint32_t wanted) REQUIRES(bql);

#endif
