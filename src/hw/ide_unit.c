/* A drive: what it is, and how commands end. */
#include <stdio.h>

#include "hw/ide_internal.h"

void ide_done(struct ide_unit *u) REQUIRES(bql)
{
    u->phase = IDE_IDLE;
    u->status = IDE_READY | IDE_SEEK;
    u->link->interrupt(u);
}

void ide_fail(struct ide_unit *u, uint8_t error) REQUIRES(bql)
{
    u->phase = IDE_IDLE;
    u->error = error;
    u->status = IDE_READY | IDE_SEEK | IDE_ERR;
    u->link->interrupt(u);
}

void ide_set_signature(struct ide_unit *u) REQUIRES(bql)
{
    u->count = u->low = (struct ide_reg){.now = 1};
    u->mid = (struct ide_reg){.now = u->cd ? 0x14 : 0};
    u->high = (struct ide_reg){.now = u->cd ? 0xeb : 0};
}

void ide_reset_unit(struct ide_unit *u) REQUIRES(bql)
{
    u->phase = IDE_IDLE;
    u->error = 1; /* passed its test */
    u->status = u->cd ? 0 : IDE_READY | IDE_SEEK;
    u->multiple = 16;
    u->select = 0;
    u->pos = u->len = 0;
    u->left = 0;
    ide_set_signature(u);
}

void ide_load_tray(struct ide_unit *u) REQUIRES(bql)
{
    u->tray_open = u->locked = false;
}

void ide_unit_init(struct ide_unit *u, const struct ide_link *link, void *owner,
                   const struct ide_drive *drive, unsigned n) REQUIRES(bql)
{
    u->link = link;
    u->owner = owner;
    u->disk = drive->disk;
    u->cd = drive->cd;
    u->present = drive->cd || drive->disk;
    if (drive->serial) {
        (void)snprintf(u->serial, sizeof(u->serial), "%s", drive->serial);
    } else {
        (void)snprintf(u->serial, sizeof(u->serial), "MT%05u", n + 1);
    }
}
