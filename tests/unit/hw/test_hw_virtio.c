/* Virtio over PCI: a block device and an entropy device, driven by hand, by the rules
 * and against them. */
#include "virtio_test.h"

#include <stdatomic.h>
#include <stdio.h>
#include <threads.h>
#include <unistd.h>

#include "base/tsan.h"
#include "hw/virtio_blk.h"
#include "hw/virtio_rng.h"
#include "hw/virtq.h"

#define SECTORS 2048u

static char path[] = "/tmp/mortise-virtio-XXXXXX";

#define BLK      PCI_DEVFN(4, 0)
#define RNG      PCI_DEVFN(5, 0)
#define SLOW_RNG PCI_DEVFN(6, 0)

static void select_device(unsigned devfn)
{
    config_write(BLK, 4, 2, 0);
    config_write(RNG, 4, 2, 0);
    config_write(SLOW_RNG, 4, 2, 0);
    place_device(devfn);
}

/* With queue 0, which is all that these devices have. */
static void start(uint64_t features)
{
    start_queues(features, 1);
}

static void desc(unsigned n, uint64_t addr, uint32_t len, unsigned flags, unsigned next)
{
    desc_on(0, n, addr, len, flags, next);
}

static void offer(unsigned head)
{
    offer_on(0, head);
}

/* A disk works on a thread of its own, which waits for its turn on a busy machine:
 * naps of 0.1 ms, and a minute of them before what is waited for is taken to fail. */
#define NAPS 600000

static void nap(void)
{
    const struct timespec time = {.tv_nsec = 100000};
    (void)thrd_sleep(&time, NULL);
}

/* Until everything offered has come back. */
static bool finished(void)
{
    for (int i = 0; i < NAPS && used_index(0) != avail_index[0]; i++) {
        nap();
    }
    return used_index(0) == avail_index[0];
}

/* A request with header and status around data in one buffer; the status. */
static int request(unsigned type, uint64_t sector, uint32_t len, bool in)
{
    put(DATA, type, 8);
    put(DATA + 8, sector, 8);
    ram[DATA + 16] = 0xee;
    desc(0, DATA, 16, 1, len ? 1 : 2);
    desc(1, DATA + 0x1000, len, in ? 3 : 1, 2);
    desc(2, DATA + 16, 1, 2, 0);
    offer(0);
    assert_true(finished());
    return ram[DATA + 16];
}

static int setup(void **state)
{
    struct error err = {""};
    struct disk *disk;
    int fd;
    (void)state;

    bql_assert_locked();
    bus_up();
    strcpy(path, "/tmp/mortise-virtio-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, SECTORS * 512), 0);
    (void)close(fd);
    assert_int_equal(disk_open(path, false, &disk, &err), 0);
    assert_int_equal(virtio_blk_new(machine.pci, BLK, disk, "serial-7", &err), 0);
    assert_int_equal(virtio_rng_new(machine.pci, RNG, 0, 1, &err), 0);
    assert_int_equal(virtio_rng_new(machine.pci, SLOW_RNG, 10, 100, &err), 0);
    select_device(BLK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bql_assert_locked();
    bus_down();
    (void)unlink(path);
    return 0;
}

static void test_structures_are_found_by_capabilities(void **state)
{
    unsigned seen = 0, cap = config_read(BLK, 0x34, 1);
    (void)state;

    assert_int_equal(config_read(BLK, 0, 4), 0x10421af4);
    for (; cap; cap = config_read(BLK, cap + 1, 1)) {
        if (config_read(BLK, cap, 1) == 9) {
            seen |= 1u << config_read(BLK, cap + 3, 1);
            assert_int_equal(config_read(BLK, cap + 4, 1), 4);
        }
    }
    assert_int_equal(seen, 0x1e);
    assert_int_equal(test_load(CONFIG, 8), SECTORS);
    assert_int_equal(test_load(COMMON + 0x12, 2), 1);
}

static void test_driver_must_accept_version_1(void **state)
{
    (void)state;
    start(0);
    assert_int_equal(test_load(COMMON + 0x14, 1) & 8, 0);
    start(VERSION_1 | UINT64_C(1) << 60);
    assert_int_equal(test_load(COMMON + 0x14, 1) & 8, 0);
    start(VERSION_1);
    assert_int_equal(test_load(COMMON + 0x14, 1), 0xf);
}

static void test_blocks_are_written_and_read(void **state)
{
    (void)state;
    start(VERSION_1);
    memset(ram + DATA + 0x1000, 0x5a, 4096);
    assert_int_equal(request(1, 16, 4096, false), 0);
    memset(ram + DATA + 0x1000, 0, 4096);
    assert_int_equal(request(0, 17, 512, true), 0);
    assert_int_equal(ram[DATA + 0x1000], 0x5a);
    assert_int_equal(ram[DATA + 0x11ff], 0x5a);
    assert_int_equal(ram[DATA + 0x1200], 0);
    assert_int_equal(request(4, 0, 0, false), 0);
    assert_int_equal(request(8, 0, 20, true), 0);
    assert_string_equal(ram + DATA + 0x1000, "serial-7");
    put(DATA + 0x1000, 16, 8);
    put(DATA + 0x1008, 8, 8);
    assert_int_equal(request(13, 0, 16, false), 0);
    assert_int_equal(request(0, 16, 512, true), 0);
    assert_int_equal(ram[DATA + 0x1000], 0);
}

static void test_requests_outside_of_the_disk_fail(void **state)
{
    (void)state;
    start(VERSION_1);
    assert_int_equal(request(0, SECTORS, 512, true), 1);
    assert_int_equal(request(0, SECTORS - 1, 1024, true), 1);
    assert_int_equal(request(1, UINT64_MAX, 512, false), 1);
    assert_int_equal(request(1, UINT64_MAX / 512, 512, false), 1);
    assert_int_equal(request(0, 0, 100, true), 1);
    assert_int_equal(request(99, 0, 512, true), 2);
    put(DATA + 0x1000, UINT64_MAX, 8);
    put(DATA + 0x1008, 0xffffffff, 8);
    assert_int_equal(request(11, 0, 16, false), 1);
}

static void test_interrupts_by_message_and_by_line(void **state)
{
    unsigned msix = 0;
    (void)state;

    start(VERSION_1);
    bql_assert_locked();
    piix3_set_up(piix3, 0x600);
    assert_int_equal(request(4, 0, 0, false), 0);
    for (int i = 0; i < NAPS && !test_line[11]; i++) { /* slot 4, INTA: PIRQ D */
        nap();
    }
    assert_true(test_line[11]);
    assert_int_equal(test_load(ISR, 1), 1);
    assert_false(test_line[11]);
    for (unsigned cap = config_read(BLK, 0x34, 1); cap; cap = config_read(BLK, cap + 1, 1)) {
        msix = config_read(BLK, cap, 1) == 0x11 ? cap : msix;
    }
    config_write(BLK, msix + 2, 2, 0x8000);
    test_store(MSIX + 16, 8, LAPIC_BASE);
    test_store(MSIX + 24, 4, 0x61);
    test_store(MSIX + 28, 4, 0);
    start(VERSION_1);
    test_store(COMMON + 0x1a, 2, 1);
    assert_int_equal(test_load(COMMON + 0x1a, 2), 1);
    test_store(COMMON + 0x10, 2, 77);
    assert_int_equal(test_load(COMMON + 0x10, 2), 0xffff);
    assert_int_equal(request(4, 0, 0, false), 0);
    for (int i = 0; i < NAPS; i++) {
        if (test_load(LAPIC_BASE + 0x200 + 0x30, 4) == 2) {
            break;
        }
        nap();
    }
    assert_int_equal(lapic_ops.acknowledge(lapic), 0x61);
}

static void test_indirect_tables_and_event_indices(void **state)
{
    (void)state;
    start(VERSION_1 | UINT64_C(3) << 28);
    for (unsigned i = 0; i < 3 * QUEUE_SIZE; i++) {
        put(DATA, 0, 8);
        put(DATA + 8, i, 8);
        ram[DATA + 16] = 0xee;
        desc(32, DATA, 16, 1, 1); /* the table lies in the ring's own page */
        desc(33, DATA + 0x1000, 512, 3, 2);
        desc(34, DATA + 16, 1, 2, 0);
        desc(0, DESC + 32 * 16, 48, 4, 0);
        offer(0);
        assert_true(finished());
        assert_int_equal(ram[DATA + 16], 0);
    }
}

static bool needs_reset(void)
{
    for (int i = 0; i < NAPS; i++) {
        if (test_load(COMMON + 0x14, 1) & 0x40) {
            return true;
        }
        nap();
    }
    return false;
}

static void test_nonsense_in_the_ring_breaks_the_device_until_reset(void **state)
{
    (void)state;
    start(VERSION_1);
    offer(QUEUE_SIZE); /* no such descriptor */
    assert_true(needs_reset());
    start(VERSION_1);
    desc(0, DATA, 16, 1, 1); /* a loop */
    desc(1, DATA, 16, 1, 0);
    offer(0);
    assert_true(needs_reset());
    start(VERSION_1);
    desc(0, BAR, 16, 0, 0); /* not RAM */
    offer(0);
    assert_true(needs_reset());
    start(VERSION_1);
    desc(0, RAM_SIZE - 8, 16, 0, 0);
    offer(0);
    assert_true(needs_reset());
    start(VERSION_1);
    desc(0, UINT64_MAX - 8, 16, 0, 0);
    offer(0);
    assert_true(needs_reset());
    start(VERSION_1);
    desc(0, DATA, 16, 3, 1); /* what is read behind what is written */
    desc(1, DATA, 16, 0, 0);
    offer(0);
    assert_true(needs_reset());
    start(VERSION_1);
    avail_index[0] = 1000; /* more than the ring holds */
    offer(0);
    assert_true(needs_reset());
    start(VERSION_1);
    assert_int_equal(request(4, 0, 0, false), 0);
}

static void test_rings_outside_of_memory_are_harmless(void **state)
{
    static const uint64_t addrs[] = {RAM_SIZE - 16, BAR, UINT64_MAX - 15, 8, 3};
    (void)state;

    for (unsigned i = 0; i < 5; i++) {
        start(VERSION_1);
        test_store(COMMON + 0x14, 1, 0);
        test_store(COMMON + 8, 4, 1);
        test_store(COMMON + 0xc, 4, 1);
        test_store(COMMON + 0x14, 1, 0xb);
        test_store(COMMON + 0x20, 8, addrs[i]);
        test_store(COMMON + 0x28, 8, addrs[i]);
        test_store(COMMON + 0x30, 8, addrs[i]);
        test_store(COMMON + 0x1c, 2, 1);
        test_store(COMMON + 0x14, 1, 0xf);
        test_store(NOTIFY, 2, 0);
    }
}

static uint64_t random_state = 88172645463325252;

static uint64_t rnd(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void test_random_rings_and_registers_are_survived(void **state)
{
    (void)state;
#ifdef MORTISE_TSAN
    skip(); /* a guest that writes to buffers at work races, as it is meant to here */
#endif
    for (unsigned round = 0; round < 300; round++) {
        start(VERSION_1 | (rnd() & 3) << 28);
        for (unsigned n = 0; n < QUEUE_SIZE; n++) {
            desc(n, rnd() % (RAM_SIZE + 0x10000), (uint32_t)(rnd() % 0x3000), rnd() & 7,
                 (unsigned)(rnd() % (QUEUE_SIZE + 2)));
        }
        for (unsigned n = 0; n < 20; n++) {
            offer((unsigned)(rnd() % (QUEUE_SIZE + 1)));
            if (rnd() % 8 == 0) {
                test_store(COMMON + rnd() % 0x40, 4, rnd());
            }
            if (rnd() % 4 == 0) {
                put(DESC + rnd() % 0x1000, rnd(), 8);
            }
        }
        test_store(NOTIFY + rnd() % 0x1000, 2, rnd());
    }
    start(VERSION_1);
    assert_int_equal(request(4, 0, 0, false), 0);
}

static void test_entropy_device_fills_buffers(void **state)
{
    (void)state;
    bql_assert_locked();
    thread_role_assert(&main_loop_role);
    select_device(RNG);
    start(VERSION_1);
    memset(ram + DATA, 0, 64);
    desc(0, DATA, 64, 2, 0);
    offer(0);
    for (int i = 0; i < 10 && used_index(0) != 1; i++) {
        main_loop_wait(true);
    }
    assert_int_equal(used_index(0), 1);
    assert_memory_not_equal(ram + DATA, ram + DATA + 64, 64);
}

static uint32_t given(unsigned n)
{
    uint32_t len;

    memcpy(&len, ram + USED + 4 + 8 * n + 4, 4);
    return len;
}

static void test_entropy_device_gives_no_more_in_a_period_than_it_may(void **state)
{
    (void)state;
    bql_assert_locked();
    thread_role_assert(&main_loop_role);
    select_device(SLOW_RNG);
    start(VERSION_1);
    desc(0, DATA, 8, 2, 0);
    for (unsigned i = 0; i < 3; i++) {
        offer(0);
    }
    for (int i = 0; i < 10; i++) {
        main_loop_wait(true);
    }
    assert_int_equal(used_index(0), 2);
    assert_int_equal(given(0) + given(1), 10);
    test_advance(99000000, 1000000);
    assert_int_equal(used_index(0), 2);
    test_advance(2000000, 1000000);
    for (int i = 0; i < 10; i++) {
        main_loop_wait(true);
    }
    assert_int_equal(used_index(0), 3);
    assert_int_equal(given(2), 8);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_structures_are_found_by_capabilities),
        TEST(test_driver_must_accept_version_1),
        TEST(test_blocks_are_written_and_read),
        TEST(test_requests_outside_of_the_disk_fail),
        TEST(test_interrupts_by_message_and_by_line),
        TEST(test_indirect_tables_and_event_indices),
        TEST(test_nonsense_in_the_ring_breaks_the_device_until_reset),
        TEST(test_rings_outside_of_memory_are_harmless),
        TEST(test_random_rings_and_registers_are_survived),
        TEST(test_entropy_device_fills_buffers),
        TEST(test_entropy_device_gives_no_more_in_a_period_than_it_may),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
