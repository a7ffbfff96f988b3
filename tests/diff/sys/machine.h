/* The machine that runs cases in system mode: one vCPU in 64-bit mode at CPL 3, with
 * tables like those of Linux. Exceptions end a run: each gate leads to a HLT of its
 * own. Guest memory of the tester is RAM, mapped to the addresses that it has
 * natively. */
#ifndef MORTISE_DIFF_SYS_MACHINE_H
#define MORTISE_DIFF_SYS_MACHINE_H

#include <stddef.h>
#include <stdint.h>

#include "x86sys/state.h"

enum machine_page {
    MACHINE_PRESENT = 1 << 0,
    MACHINE_WRITABLE = 1 << 1,
    MACHINE_USER = 1 << 2,
};
#define MACHINE_NX (1ULL << 63)

/* Selectors. */
enum { MACHINE_CS = 0x33, MACHINE_CS32 = 0x23, MACHINE_DS = 0x2b };

/* What ended a run. */
struct machine_end {
    unsigned vector; /* or MACHINE_SYSCALL, MACHINE_TIMEOUT */
    uint64_t error;  /* code; 0 if the vector has none */
    uint64_t rip, rflags, rsp;
    uint64_t cr2;
};
#define MACHINE_VECTORS 32
#define MACHINE_SYSCALL 32
#define MACHINE_TIMEOUT 33 /* it does not end */

extern struct sys_cpu *machine_cpu;

/* Exits with a message if it can't. */
void machine_init(size_t cache_size, bool one_insn_per_tb);

/* RAM, mapped at a guest address: its host memory. */
uint8_t *machine_map(uint64_t linear, size_t size, uint64_t flags);
/* What has been written there is code, or was. */
void machine_written(const uint8_t *host, size_t size);

/* Registers that a case does not set; rip and rflags are the caller's. */
void machine_reset(bool mode64);
void machine_run(struct machine_end *end);

#endif
