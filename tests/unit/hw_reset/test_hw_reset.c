/* A machine that has been reset is as one that nobody has touched: the same to look at,
 * and the same after the same accesses.
 *
 * What outlives a reset as it should is set right before: memory, disks, and what the
 * clock's battery keeps. Time is the same for both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "aio/clock.h"
#include "devices/disks.h"
#include "devices/ops.h"
#include "devices/standins.h"
#include "dump.h"
#include "hw/pci.h"

#define RESET_AT_NS (INT64_C(1) << 46) /* later than any input can make it */
#define INPUT_MAX   3000u
#define EXERCISES   4u

static uint64_t first_seed = 1, seed_count = 60;
static uint64_t random_state;

static uint8_t random_byte(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint8_t)(random_state >> 56);
}

static void write_all_config(void) REQUIRES(bql) MAY_BLOCK
{
    for (unsigned at = 0; at < 0x10000; at += 4) {
        if (fuzz_machine.pci->device[at >> 8]) {
            uint32_t value = random_byte() | (uint32_t)random_byte() << 8;

            fuzz_config_write(at >> 8, at & 0xff, 4, value | (uint32_t)random_byte() << 16);
        }
    }
}

/* Accesses to registers of all devices, or mostly of one. */
static void act(uint64_t seed, bool one) REQUIRES(bql, main_loop_role) MAY_BLOCK
{
    static uint8_t bytes[INPUT_MAX];
    struct fuzz_range ranges[FUZZ_RANGES_MAX];
    unsigned n = fuzz_ranges(ranges);

    random_state = seed;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = random_byte();
    }
    struct fuzz_input in = {.at = bytes, .left = sizeof(bytes)};
    fuzz_ops_run(&in, one && n ? ranges[seed / 2 % n].mr : NULL);
    if (seed % 5 == 0) {
        write_all_config();
    }
}

static void out(uint16_t port, uint8_t value) REQUIRES(bql) MAY_BLOCK
{
    fuzz_store(fuzz_machine.io_as, port, 1, value);
}

static void set_cmos(uint8_t index, uint8_t value) REQUIRES(bql) MAY_BLOCK
{
    out(0x70, index);
    out(0x71, value);
}

/* Its divider is reset while it is set, so that its seconds begin anew. */
static void set_clock(void) REQUIRES(bql) MAY_BLOCK
{
    static const uint8_t noon[] = {0, 0, 0, 0, 0x12, 0, 1, 1, 1, 0x24};

    set_cmos(0x0b, 0x82);
    set_cmos(0x0a, 0x66);
    for (uint8_t i = 0; i < 128; i++) {
        if (i < 0x0a || i > 0x0d) {
            set_cmos(i, i < sizeof(noon) ? noon[i] : 0);
        }
    }
    set_cmos(0x32, 0x20);
    set_cmos(0x0a, 0x26);
    set_cmos(0x0b, 0x02);
    out(0x70, 0x0c);
    (void)fuzz_load(fuzz_machine.io_as, 0x71, 1);
}

static void restore_what_outlives_resets(void) REQUIRES(bql)
{
    memset(fuzz_ram(), 0, FUZZ_RAM_SIZE);
    fuzz_disks_fill();
    for (unsigned line = 0; line < FUZZ_LINES; line++) {
        fuzz_line_block((enum fuzz_line)line, false);
    }
}

static void reset_at(int64_t ns) REQUIRES(bql, main_loop_role) MAY_BLOCK
{
    fuzz_advance(ns - standin_now);
    fuzz_round();
    restore_what_outlives_resets();
    for (unsigned n = 0; n < FUZZ_CPUS; n++) {
        atomic_store(&standin_cpu(n)->interrupt, 0); /* as a CPU's reset does */
    }
    fuzz_reset();
    fuzz_round();
    fuzz_select_cpu(0);
}

/* The dump of a machine on which `seed` has acted (0: nobody), behind a reset. */
static void dump_machine(struct dump *d, unsigned kind, uint64_t seed, unsigned exercise)
{
    thread_role_enter(&main_loop_role);
    bql_lock();
    fuzz_machine_up(kind);
    if (seed) {
        act(seed, seed & 1);
    }
    reset_at(RESET_AT_NS);
    dump_layout(d);
    fuzz_map_bars();
    set_clock();
    dump_registers(d);
    act(1000000 + exercise, false);
    fuzz_advance(INT64_C(1000000));
    dump_layout(d);
    dump_registers(d);
    fuzz_machine_down();
    bql_unlock();
    thread_role_leave(&main_loop_role);
}

static uint64_t place_of(const struct dump_row *r, size_t value)
{
    return r->first + (value - r->at) * r->step;
}

static void compare(unsigned kind, uint64_t seed, unsigned exercise, const struct dump *fresh)
{
    static struct dump d;

    dump_clear(&d);
    dump_machine(&d, kind, seed, exercise);
    size_t at = dump_differs(fresh, &d);
    if (at != SIZE_MAX) {
        const struct dump_row *a = dump_row_of(fresh, at), *b = dump_row_of(&d, at);
        if (!a || !b) {
            fail_msg("seed %u: %zu entries, not %zu", (unsigned)seed, d.count, fresh->count);
            return;
        }
        fail_msg("seed %u: %s, %s %llx: %llx, fresh %llx (entry %zu of %zu; %s %llx)",
                 (unsigned)seed, b->name, b->what, (unsigned long long)place_of(b, at),
                 (unsigned long long)d.values[at], (unsigned long long)fresh->values[at], at,
                 d.count, a->name, (unsigned long long)place_of(a, at));
    }
}

static void reset_brings_back(unsigned kind)
{
    struct dump fresh[EXERCISES] = {{.count = 0}};

    for (unsigned e = 0; e < EXERCISES; e++) {
        dump_machine(&fresh[e], kind, 0, e);
        compare(kind, 0, e, &fresh[e]); /* or nothing below would mean anything */
    }
    for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++) {
        compare(kind, seed, seed % EXERCISES, &fresh[seed % EXERCISES]);
    }
    for (unsigned e = 0; e < EXERCISES; e++) {
        dump_free(&fresh[e]);
    }
}

static void test_a_pc_that_is_reset_is_as_a_fresh_one(void **state)
{
    (void)state;
    reset_brings_back(0);
}

static void test_a_q35_that_is_reset_is_as_a_fresh_one(void **state)
{
    (void)state;
    reset_brings_back(FUZZ_WITH_Q35);
}

static int start(void **state)
{
    (void)state;
    thread_role_enter(&main_loop_role);
    bql_lock();
    fuzz_machine_start();
    bql_unlock();
    thread_role_leave(&main_loop_role);
    return 0;
}

/* test_hw_reset [FIRST [COUNT]]: other seeds. */
int main(int argc, char **argv)
{
    first_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : first_seed;
    seed_count = argc > 2 ? strtoull(argv[2], NULL, 0) : seed_count;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pc_that_is_reset_is_as_a_fresh_one),
        cmocka_unit_test(test_a_q35_that_is_reset_is_as_a_fresh_one),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
