/* pc-testdev, for kvm-unit-tests: ports that remember, interrupt lines that the guest
 * drives, memory that traps.
 *
 * 0xe0-0xe3, 0xe8-0xeb  one register of 32 bits; the second is accessed by bytes
 * 0xe4                  a page's address: its mapping is made anew
 * 0x2000-0x200f         level of ISA interrupt line 0 to 15
 * 0xff000000            64 KiB of memory behind callbacks */
#ifndef MORTISE_HW_PC_TESTDEV_H
#define MORTISE_HW_PC_TESTDEV_H

#include "hw/machine.h"

/* Stays as long as the machine. */
NODISCARD int pc_testdev_new(struct machine *m, struct error *err) REQUIRES(bql);

#endif
