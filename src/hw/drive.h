/* Drives of the command line: what -drive, -hda and -cdrom ask for. They are opened
 * first, then connected to the machine's controllers or taken by a -device. */
#ifndef MORTISE_HW_DRIVE_H
#define MORTISE_HW_DRIVE_H

#include <stdio.h>

#include "hw/disk.h"
#include "hw/ide.h"
#include "hw/machine.h"

/* Opens one: file=F[,if=ide|virtio|pflash|none][,media=disk|cdrom][,index=N][,bus=N]
 * [,unit=N][,id=NAME][,readonly=on][,serial=S][,format=raw]. */
NODISCARD int drive_add(const char *text, struct error *err) REQUIRES(bql);
void drive_help(FILE *out);

/* Connects those with an interface to a machine that has a PCI bus. */
NODISCARD int drives_connect(struct machine *m, struct error *err) REQUIRES(bql);

/* Takes the disk of a drive with if=none away, for `device`, which gives it its kind and
 * serial number too. A CD-ROM drive may be without a disc (disk NULL) if `empty_cd`. */
NODISCARD int drive_take(const char *id, const char *device, bool empty_cd, struct ide_drive *taken,
                         struct error *err) REQUIRES(bql);
/* The controller for IDE drives of the machine "pc"; made at its first drive. */
NODISCARD int drive_need_ide(struct machine *m, struct error *err) REQUIRES(bql);

/* Takes the contents of flash chip n (if=pflash); NULL: there is none. */
struct disk *drive_take_flash(unsigned n) REQUIRES(bql);

/* Closes what nobody has taken. */
void drives_free(void) REQUIRES(bql);

#endif
