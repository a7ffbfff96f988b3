/* A CPU with a fake memory for tests of the protected-mode architecture: 2 MiB at
 * linear address 0, one descriptor table, one IDT, one TSS, a stack per level; pages
 * may be made absent, read-only or supervisor. */
#ifndef MORTISE_TESTS_X86SYS_PROTECTED_KIT_H
#define MORTISE_TESTS_X86SYS_PROTECTED_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "x86sys/emulate.h"
#include "x86sys/model.h"
#include "x86sys/system_insns.h"

/* Where things are. */
enum {
    KIT_GDT = 0x1000,
    KIT_LDT = 0x1800,
    KIT_IDT = 0x2000,
    KIT_TSS = 0x4000,
    KIT_TSS2 = 0x5000,
    KIT_STACK0 = 0x8000, /* tops */
    KIT_STACK1 = 0x9000,
    KIT_STACK3 = 0xa000,
    KIT_IST1 = 0xb000,
    KIT_CODE = 0x10000,
    KIT_HANDLER = 0x20000,
    KIT_DATA = 0x30000,
};

/* Selectors of the GDT, RPL 0. */
enum {
    KIT_CODE0 = 0x08,
    KIT_DATA0 = 0x10,
    KIT_CODE3 = 0x18,
    KIT_DATA3 = 0x20,
    KIT_CODE0_64 = 0x28,
    KIT_CODE3_64 = 0x30,
    KIT_CODE0_CONF = 0x38,
    KIT_DATA3_ABSENT = 0x40,
    KIT_CODE0_16 = 0x48,
    KIT_DATA0_16 = 0x50,
    KIT_TSS_SEL = 0x58, /* 16 bytes */
    KIT_LDT_SEL = 0x68, /* 16 bytes */
    KIT_RODATA3 = 0x78,
    KIT_XCODE3 = 0x80, /* execute-only */
    KIT_CODE1 = 0x88,
    KIT_DATA1 = 0x90,
    KIT_TSS2_SEL = 0x98, /* 16 bytes */
    KIT_TASK_GATE = 0xa8,
    KIT_CALL_GATE = 0xb0, /* 16 bytes */
    KIT_DOWN0 = 0xc0,     /* expand-down, offsets above 0x0fff */
    KIT_CODE3_ABSENT = 0xc8,
    KIT_CODE0_SMALL = 0xd0, /* limit 0xfff */
    KIT_GDT_END = 0xe0,
};

extern struct sys_cpu *kit_cpu;

int kit_setup(void **state);
int kit_teardown(void **state);
/* Whose CPU it is: AMD's, if nothing is said. */
void kit_vendor(enum sys_vendor vendor);

/* Memory. */
void kit_put(uint64_t address, uint64_t value, unsigned size);
uint64_t kit_get(uint64_t address, unsigned size);
enum { KIT_ABSENT = 1, KIT_READ_ONLY = 2, KIT_SUPERVISOR = 4 };
void kit_page(uint64_t address, unsigned how);

/* Tables. attr as in struct sys_seg; the limit is in bytes. */
void kit_desc(unsigned selector, uint32_t base, uint32_t limit, unsigned attr);
void kit_system_desc_64(unsigned selector, uint64_t base, uint32_t limit, unsigned attr);
/* attr: type, DPL, P. */
void kit_gate(unsigned vector, unsigned selector, uint32_t offset, unsigned attr);
void kit_gate_64(unsigned vector, unsigned selector, uint64_t offset, unsigned attr, unsigned ist);

/* Puts the CPU into a mode, at KIT_CODE with its stack: 32-bit segments. */
void kit_real(void);
void kit_protected(unsigned cpl);
void kit_vm86(unsigned iopl);
void kit_long(unsigned cpl, bool code64);

/* An instruction of this mode at cpu->rip, two bytes long, without operands. */
struct sys_insn kit_insn(void);
/* ... with a memory operand [address]. */
struct sys_insn kit_insn_mem(uint64_t address);

/* Asserts that the result is an exception with this vector and error code, and that
 * rip is where it was. */
void kit_assert_exception(enum sys_result r, uint8_t vector, uint32_t error);
#define kit_assert_done(r) assert_int_equal((r), SYS_DONE)

/* Delivers an exception (has_error: error >= 0); asserts that the CPU is alive. */
void kit_deliver(uint8_t vector, int error);

/* The flags of requests, for sys_take_interrupts; the vector that the fake APIC
 * hands out, -1: none. */
extern int kit_apic_vector;
extern unsigned kit_smm_entries, kit_power_on_resets;

#endif
