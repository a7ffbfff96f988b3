/* One CPU with a mebibyte of RAM, in a mode of choice, with the tables that modes need:
 * what generated code runs in here is what it runs in always. */
#ifndef MORTISE_TESTS_FUZZ_X86SYS_GUEST_H
#define MORTISE_TESTS_FUZZ_X86SYS_GUEST_H

#include "x86sys/state.h"

#define GUEST_RAM_SIZE (1u << 20)
#define GUEST_DEVICE   GUEST_RAM_SIZE /* a page of registers */
#define GUEST_CODE     0xa000u        /* linear; where real mode and 16-bit segments reach */
#define GUEST_CODE_MAX 0x5000u

enum guest_mode {
    GUEST_REAL,
    GUEST_16,
    GUEST_32,
    GUEST_V86,
    GUEST_COMPAT,
    GUEST_LONG,
    GUEST_MODES
};

struct guest_start {
    enum guest_mode mode;
    bool user;          /* CPL 3 */
    uint16_t control;   /* bits that switch things on: see guest_start */
    unsigned offset;    /* of the code, from GUEST_CODE */
    uint64_t registers; /* four bits each */
};

extern struct sys_cpu *guest_cpu;
extern uint8_t *guest_ram;

/* Once, on the thread that runs the CPU from then on. */
void guest_make(void);
/* Everything anew: memory, registers, translations. */
void guest_start(const struct guest_start *s, const uint8_t *code, size_t size);
/* Runs until it halts, shuts down, or has had its few milliseconds. */
void guest_run(void);

#endif
