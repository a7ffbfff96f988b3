/* A vCPU with 16 MiB of RAM and no engine, for tests of instructions that C executes:
 * bytes are decoded and given to sys_execute. */
#ifndef MORTISE_TESTS_X86SYS_OPS_KIT_H
#define MORTISE_TESTS_X86SYS_OPS_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "x86sys/emulate.h"
#include "x86sys/machine.h"
#include "x86sys/state.h"

enum {
    OPS_TABLES = 0x100000, /* page tables */
    OPS_DATA = 0x200000,   /* linear and, shuffled by page, physical */
    OPS_PAGES = 64,        /* mapped from OPS_DATA on, user, writable */
    OPS_CODE = 0x8000,
};

extern struct sys_cpu *ops_cpu;

int ops_setup(void **state);
int ops_teardown(void **state);
/* Replaces the vCPU by one of another model. */
void ops_model(const char *model);

/* 64-bit mode at a CPL with the data pages mapped; or 32-bit flat, 16-bit real. */
void ops_long(unsigned cpl);
void ops_flat32(void);
void ops_real(void);

/* The byte of data at linear address a, in 64-bit mode. */
uint8_t *ops_data(uint64_t linear);
/* Takes a page of data away (0) or makes it read-only (1) or writable (2). */
void ops_page(unsigned page, int how);
uint8_t *ops_ram(uint64_t phys);

/* Runs one instruction to its end, REP included. Returns what came of it. */
enum sys_result ops_run(const char *bytes, size_t len);
#define OPS(text) ops_run(text, sizeof(text) - 1)

/* It worked; it raised this vector, with nothing changed but what the test says. */
void ops_assert_done(enum sys_result r);
void ops_assert_fault(enum sys_result r, uint8_t vector);

#endif
