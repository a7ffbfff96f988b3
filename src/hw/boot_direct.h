/* Boot without firmware: a kernel is put into RAM with what its protocol wants to
 * find there, and the first vCPU starts at its entry. */
#ifndef MORTISE_HW_BOOT_DIRECT_H
#define MORTISE_HW_BOOT_DIRECT_H

#include "hw/machine.h"
#include "x86sys/machine.h"

struct boot_direct;

/* Reads and checks the files of the configuration (kernel, initrd, append). */
NODISCARD int boot_direct_new(struct machine *m, struct boot_direct **out, struct error *err)
    REQUIRES(bql);
void boot_direct_free(struct boot_direct *b);

/* Puts everything into RAM; at start and at each reset. The state is what the
 * first vCPU gets after its own reset. */
void boot_direct_place(struct boot_direct *b, struct machine *m, struct sys_boot_state *state)
    REQUIRES(bql);

#endif
