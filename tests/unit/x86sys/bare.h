/* A bare machine for payloads of tests/guest/system: 16 MiB of RAM at 0, one vCPU on
 * the calling thread, no devices but one at BARE_IO. */
#ifndef MORTISE_TESTS_X86SYS_BARE_H
#define MORTISE_TESTS_X86SYS_BARE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "x86sys/machine.h"
#include "x86sys/state.h"

/* As in tests/guest/system/system.inc. */
enum {
    BARE_RESULTS = 0x8000,
    BARE_LOAD = 0x10000,
    BARE_STACK = 0x80000,
    BARE_ABSENT = 0x200000,
    BARE_READ_ONLY = 0x201000,
    BARE_RAM_SIZE = 16 << 20,
    BARE_IO = 32 << 20, /* a device of one page, mapped to itself: see bare_io */
};

extern struct sys_cpu *bare_cpu;
extern uint8_t *bare_ram;

/* The device: a register that reads as what was written last, and how often. */
extern struct bare_io {
    uint64_t value;
    unsigned reads, writes;
    void (*touched)(bool write); /* called at each access, if not NULL */
} bare_io;

/* The vector that the fake APIC hands out next, or -1. */
extern atomic_int bare_vector;

/* Group fixtures: once per process. */
int bare_setup(void **state);
int bare_teardown(void **state);

/* Loads a payload (NAME.bin), resets everything else. */
void bare_load(const char *name);
/* ... code bytes. */
void bare_load_bytes(const uint8_t *bytes, size_t size);

/* Where it starts: BARE_LOAD. 64-bit: with 4 KiB pages that map RAM to itself but for
 * BARE_ABSENT and BARE_READ_ONLY; SSE on; CPL 0. */
void bare_start_real(void);
void bare_start_32(void);
void bare_start_64(void);

/* A second vCPU on the same memory, for another thread, which attaches to it; the
 * caller frees it. */
struct sys_cpu *bare_new_cpu(void);
void bare_start_64_on(struct sys_cpu *cpu);
void bare_run_on(struct sys_cpu *cpu);

/* A page of 64-bit mode, with bits of its entry. Before anything has run. */
void bare_map(uint64_t linear, uint64_t phys, uint64_t bits);
/* 64-bit interrupt gate to ring 0. */
void bare_set_handler(struct sys_cpu *cpu, unsigned vector, uint64_t handler);

/* Runs until HLT with interrupts off; fails on a triple fault. */
void bare_run(void);

uint64_t bare_reg(enum x86_reg reg);
uint64_t bare_read(uint64_t address, unsigned size);

#endif
