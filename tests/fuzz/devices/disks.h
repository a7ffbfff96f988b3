/* Files in memory: firmware, and the drives of the machine. */
#ifndef MORTISE_TESTS_FUZZ_DEVICES_DISKS_H
#define MORTISE_TESTS_FUZZ_DEVICES_DISKS_H

#include "devices/machine.h"

/* Fills them as they are at the start of each input. */
void fuzz_disks_fill(void);
/* For machine_config.bios. */
const char *fuzz_firmware_path(void);
/* Before the machine is made. */
void fuzz_disks_add(bool flash) REQUIRES(bql);

#endif
