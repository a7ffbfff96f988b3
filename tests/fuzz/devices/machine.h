/* A whole PC whose CPUs do not execute: the fuzzer makes their accesses. Time and
 * the other ends of its lines are the fuzzer's, disks are in memory. Made anew for
 * each input, on one thread, so that an input always does the same. */
#ifndef MORTISE_TESTS_FUZZ_DEVICES_MACHINE_H
#define MORTISE_TESTS_FUZZ_DEVICES_MACHINE_H

#include "exec/memory_internal.h"
#include "hw/machine.h"
#include "locks/thread.h"

#define FUZZ_RAM_SIZE   (4u << 20)
#define FUZZ_CPUS       2u
#define FUZZ_RANGES_MAX 256u

enum fuzz_line { FUZZ_SERIAL0, FUZZ_SERIAL1, FUZZ_DEBUGCON, FUZZ_CONSOLE, FUZZ_LINES };

/* Bits of the kind of machine. */
enum { FUZZ_WITH_FLASH = 1 << 0, FUZZ_WITH_Q35 = 1 << 1 };

extern struct machine fuzz_machine;

/* Once, by the thread that stays the main loop's. */
void fuzz_machine_start(void) REQUIRES(bql, main_loop_role);

/* One machine at a time. BARs are mapped, as firmware does it. */
void fuzz_machine_up(unsigned kind) REQUIRES(bql, main_loop_role) MAY_BLOCK;
void fuzz_machine_down(void) REQUIRES(bql, main_loop_role) MAY_BLOCK;

/* As firmware does, after a reset. */
void fuzz_map_bars(void) REQUIRES(bql);

/* Registers that a CPU can reach now, read from the flat views. */
struct fuzz_range {
    struct address_space *as;
    const struct memory_region *mr;
    uint64_t first, last;
};
unsigned fuzz_ranges(struct fuzz_range ranges[FUZZ_RANGES_MAX]) REQUIRES(bql);

/* As the CPU: without the BQL. */
uint64_t fuzz_load(struct address_space *as, uint64_t addr, unsigned size) REQUIRES(bql) MAY_BLOCK;
void fuzz_store(struct address_space *as, uint64_t addr, unsigned size, uint64_t value)
    REQUIRES(bql) MAY_BLOCK;
uint32_t fuzz_config_read(unsigned devfn, unsigned reg, unsigned size) REQUIRES(bql) MAY_BLOCK;
void fuzz_config_write(unsigned devfn, unsigned reg, unsigned size, uint32_t value)
    REQUIRES(bql) MAY_BLOCK;
uint8_t *fuzz_ram(void);

/* Which CPU makes the accesses. */
void fuzz_select_cpu(unsigned n);
/* What a CPU asks of its local APIC besides: an interrupt to deliver, CR8, MSRs. */
void fuzz_acknowledge(void) REQUIRES(bql) MAY_BLOCK;
void fuzz_set_tpr(uint8_t cr8) REQUIRES(bql) MAY_BLOCK;
void fuzz_msr(uint32_t msr, bool write, uint64_t value) REQUIRES(bql) MAY_BLOCK;

/* One round of the main loop; does what has been asked of the machine. */
void fuzz_round(void) REQUIRES(bql, main_loop_role) MAY_BLOCK;
void fuzz_advance(int64_t ns) REQUIRES(bql, main_loop_role) MAY_BLOCK;
void fuzz_reset(void) REQUIRES(bql, main_loop_role);
void fuzz_power_button(void) REQUIRES(bql, main_loop_role);

/* The screen, as a display asks for it. */
void fuzz_look_at_screen(void) REQUIRES(bql);

/* Bytes come in by a line; it takes no more output, or takes it again. */
void fuzz_line_input(enum fuzz_line line, const uint8_t *bytes, size_t len) REQUIRES(bql);
void fuzz_line_block(enum fuzz_line line, bool blocked) REQUIRES(bql);

/* The keyboard's and the mouse's user. */
void fuzz_key(unsigned code, bool down) REQUIRES(bql);
void fuzz_mouse(int8_t dx, int8_t dy, uint8_t buttons) REQUIRES(bql);

/* Ends the process with a message. */
_Noreturn void fuzz_fail(const char *what, const char *why);

#endif
