/* Things in memory that devices work on, as drivers prepare them, with what a hostile
 * driver makes of them: most of it is right, or nothing deep would be reached. */
#ifndef MORTISE_TESTS_FUZZ_DEVICES_RINGS_H
#define MORTISE_TESTS_FUZZ_DEVICES_RINGS_H

#include "devices/input.h"
#include "devices/machine.h"

/* Virtio: negotiates with a device and sets a queue up; offers chains and notifies. */
void fuzz_virtio_start(struct fuzz_input *in) REQUIRES(bql) MAY_BLOCK;
void fuzz_virtio_offer(struct fuzz_input *in) REQUIRES(bql) MAY_BLOCK;

/* A command of an IDE disk or CD-ROM drive with its bus master table and data. */
void fuzz_ide_command(struct fuzz_input *in) REQUIRES(bql) MAY_BLOCK;

/* A request to fw_cfg by DMA. */
void fuzz_fw_cfg_request(struct fuzz_input *in) REQUIRES(bql) MAY_BLOCK;

#endif
