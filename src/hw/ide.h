/* IDE: the PIIX3's function at 00:01.1 with two channels of two drives each, disks and
 * CD-ROM drives, by programmed I/O and bus master DMA. */
#ifndef MORTISE_HW_IDE_H
#define MORTISE_HW_IDE_H

#include "hw/disk.h"
#include "hw/pci.h"

#define IDE_DRIVES 4 /* primary master and slave, secondary master and slave */

struct ide_drive {
    struct disk *disk; /* NULL: no drive, or one without a disc if it is a CD-ROM drive */
    bool cd;
    const char *serial; /* at most 20 characters; NULL: one is made up */
};

struct ide;

/* Takes the disks over when it succeeds. Interrupts 14 and 15 of the machine. Freed
 * with the bus. */
NODISCARD int ide_new(struct pci_bus *bus, int devfn, const struct ide_drive drives[IDE_DRIVES],
                      struct ide **out, struct error *err) REQUIRES(bql);

/* Connects a drive to a place (0 to IDE_DRIVES - 1) that has none, before the machine runs.
 * Takes the disk over when it succeeds. */
NODISCARD int ide_attach(struct ide *ide, unsigned place, const struct ide_drive *drive,
                         struct error *err) REQUIRES(bql);
bool ide_place_is_free(const struct ide *ide, unsigned place) REQUIRES(bql);

/* Puts another disc into a CD-ROM drive (NULL: takes it out); takes it over. */
NODISCARD int ide_change_disc(struct ide *ide, unsigned drive, struct disk *disk, struct error *err)
    REQUIRES(bql);

#endif
