/* What the host's CPU makes of an unaligned operand: the oracle of test_alignment. */
#ifndef MORTISE_TESTS_X86SYS_NATIVE_ALIGN_H
#define MORTISE_TESTS_X86SYS_NATIVE_ALIGN_H

#include <stddef.h>
#include <stdint.h>

/* Once, before the first. 0, or a negative errno: the host does not let us. */
int native_align_setup(void);

/* Runs one instruction with RFLAGS.AC set, RDI and RSI = operand, RAX, RBX, RCX and RDX 0.
 * Returns the vector of the exception that it met, or 0. */
int native_align_run(const uint8_t *insn, size_t len, void *operand);

#endif
