/* Firmware in flash chips (-drive if=pflash): the first ends at 4 GiB, where CPUs start,
 * the second, which has the firmware's variables, ends where the first begins. */
#include <errno.h>

#include "hw/drive.h"
#include "hw/pc_internal.h"
#include "hw/pci.h"
#include "hw/pflash.h"

#define FLASH_END (1UL << 32)
#define FLASH_MAX (16UL << 20) /* below are the APICs */

static const char *const names[PC_FLASHES] = {"flash unit 0", "flash unit 1"};

int pc_make_flash(struct pc *pc, struct error *err)
{
    uint64_t used = 0;
    for (unsigned n = 0; n < PC_FLASHES; n++) {
        struct disk *disk = drive_take_flash(n);
        if (!disk) {
            continue;
        }
        int rc = n > 0 && !pc->flash[n - 1]
                     ? error_set(err, EINVAL, "-drive if=pflash: unit %u without unit %u", n, n - 1)
                     : pflash_new(names[n], &pc->machine->pci->memory, FLASH_END - used,
                                  FLASH_MAX - used, disk, &pc->flash[n], err);
        if (rc) {
            disk_close(disk);
            return rc;
        }
        used += pflash_size(pc->flash[n]);
        if (machine_on_reset(pc->machine, pflash_reset, pc->flash[n])) {
            return error_set(err, ENOMEM, "machine: out of memory");
        }
    }
    if (pc->flash[0]) {
        pc_map_low_firmware(pc, pflash_memory(pc->flash[0]), pflash_size(pc->flash[0]));
    }
    return 0;
}
