/* The AHCI controller: a disk on port 0, a CD-ROM drive on port 2, driven by hand, by the
 * rules and against them. */
#include "hw_test.h"

#include <stdio.h>
#include <threads.h>
#include <unistd.h>

#include "hw/ahci.h"
#include "hw/ich9.h"
#include "hw/q35.h"

#define RAM_SIZE   0x400000u
#define SECTORS    20000u
#define DISC       100u /* sectors of 2048 */
#define AHCI       PCI_DEVFN(31, 2)
#define BAR        0xe0000000u
#define PORT(n)    (BAR + 0x100 + 0x80 * (n))
#define LIST(n)    (0x10000u + 0x1000 * (n))
#define FIS(n)     (0x18000u + 0x1000 * (n))
#define TABLE      0x20000u
#define DATA       0x40000u
#define LINE       16
#define CMD        0x18
#define TASK_FILE  0x20
#define SIGNATURE  0x24
#define LINK       0x28
#define CONTROL    0x2c
#define ERROR      0x30
#define ISSUED     0x38
#define EVENTS     0x10
#define ENABLED    0x14
#define TASK_ERROR (1u << 30)
#define BUS_ERROR  (1u << 29)

static struct q35 *host;
static struct ich9 *ich9;
static struct ahci *ahci;
static uint8_t *ram;
static char disk_path[32], disc_path[32];

static void config_write(unsigned devfn, unsigned reg, unsigned size, uint32_t value)
{
    test_out(0xcf8, 4, 0x80000000 | devfn << 8 | (reg & 0xfc));
    test_out((uint16_t)(0xcfc + reg % 4), size, value);
}

static struct disk *make_disk(char *path, uint64_t size, bool read_only)
{
    struct error err = {""};
    struct disk *disk;
    int fd;

    strcpy(path, "/tmp/mortise-ahci-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    for (uint64_t at = 0; at < size; at += 512) { /* each sector begins with its number */
        uint32_t n = (uint32_t)(at / 512);

        assert_int_equal(pwrite(fd, &n, sizeof(n), (off_t)at), sizeof(n));
    }
    (void)close(fd);
    assert_int_equal(disk_open(path, read_only, &disk, &err), 0);
    return disk;
}

static void put(uint64_t at, uint64_t value, unsigned size)
{
    memcpy(ram + at, &value, size);
}

static uint32_t get(uint64_t at, unsigned size)
{
    uint32_t value = 0;

    memcpy(&value, ram + at, size);
    return value;
}

static uint32_t port_read(unsigned n, unsigned reg)
{
    return (uint32_t)test_load(PORT(n) + reg, 4);
}

static void port_write(unsigned n, unsigned reg, uint32_t value)
{
    test_store(PORT(n) + reg, 4, value);
}

static void start(unsigned n)
{
    port_write(n, 0x00, LIST(n));
    port_write(n, 0x08, FIS(n));
    port_write(n, CMD, 0x10);
    port_write(n, EVENTS, UINT32_MAX);
    port_write(n, ERROR, UINT32_MAX);
    port_write(n, ENABLED, 0x7dc0007f);
    port_write(n, CMD, 0x11);
}

static void set_up_controller(void)
{
    config_write(AHCI, 0x24, 4, BAR);
    config_write(AHCI, 4, 2, 6);
    test_store(BAR + 4, 4, 2); /* interrupts on */
    start(0);
    start(2);
}

static int setup(void **state)
{
    struct ich9_lines lines = {.smi = {.set = NULL}};
    struct ide_drive drive = {.disk = NULL};
    struct error err = {""};
    (void)state;

    bql_assert_locked();
    test_forget();
    for (unsigned n = 0; n < 16; n++) {
        machine.isa_irq[n] = test_irq(n);
    }
    for (unsigned n = 0; n < PCI_PIRQS; n++) {
        lines.pirq[n] = test_irq(16 + n);
    }
    assert_int_equal(memory_region_init_ram(&machine.ram, "ram", RAM_SIZE, &err), 0);
    ram = memory_region_host(&machine.ram);
    memory_region_add(&machine.memory, 0, &machine.ram, 0);
    machine.low_ram = RAM_SIZE;
    assert_int_equal(q35_new(&machine, NULL, &host, &err), 0);
    assert_int_equal(ich9_new(&machine, &lines, &ich9, &err), 0);
    assert_int_equal(ahci_new(machine.pci, AHCI, &ahci, &err), 0);
    drive.disk = make_disk(disk_path, SECTORS * 512, false);
    assert_int_equal(ahci_attach(ahci, 0, &drive, &err), 0);
    drive = (struct ide_drive){.disk = make_disk(disc_path, DISC * 2048, true), .cd = true};
    assert_int_equal(ahci_attach(ahci, 2, &drive, &err), 0);
    set_up_controller();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bql_assert_locked();
    q35_free(host);
    memory_region_destroy(&machine.ram);
    (void)unlink(disk_path);
    (void)unlink(disc_path);
    return 0;
}

/* The table of slot 0 with a message for the drive and one memory area. */
static void prepare(unsigned n, uint8_t command, uint64_t lba, unsigned count, uint32_t len)
{
    uint8_t *fis = ram + TABLE;

    memset(ram + LIST(n), 0, 32);
    memset(ram + TABLE, 0, 0x100);
    put(LIST(n), 5 | (len ? 1u : 0) << 16, 4);
    put(LIST(n) + 8, TABLE, 8);
    fis[0] = 0x27;
    fis[1] = 0x80;
    fis[2] = command;
    for (unsigned i = 0; i < 3; i++) {
        fis[4 + i] = (uint8_t)(lba >> 8 * i);
        fis[8 + i] = (uint8_t)(lba >> 8 * (i + 3));
    }
    fis[7] = 0x40;
    fis[12] = (uint8_t)count;
    fis[13] = (uint8_t)(count >> 8);
    put(TABLE + 0x80, DATA, 8);
    put(TABLE + 0x8c, len - 1, 4);
}

/* Until the port has said something; its own thread works on the command. */
static uint32_t wait_for_events(unsigned n)
{
    for (unsigned i = 0; i < 5000; i++) {
        uint32_t events = port_read(n, EVENTS);

        if (events) {
            port_write(n, EVENTS, events);
            test_store(BAR + 8, 4, 1u << n);
            return events;
        }
        (void)thrd_sleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    fail_msg("port %u is silent", n);
    return 0;
}

static uint32_t run(unsigned n)
{
    port_write(n, ISSUED, 1);
    return wait_for_events(n);
}

static void test_controller_says_what_it_has(void **state)
{
    (void)state;
    assert_int_equal(test_load(BAR, 4) & 0x1f, 5);
    assert_int_equal(test_load(BAR, 4) >> 31, 1);
    assert_int_equal(test_load(BAR + 0xc, 4), 0x3f);
    assert_int_equal(test_load(BAR + 4, 4), 0x80000002);
    assert_int_equal(port_read(0, LINK), 0x113);
    assert_int_equal(port_read(0, SIGNATURE), 0x00000101);
    assert_int_equal(port_read(0, TASK_FILE) & 0xff, 0x50);
    assert_int_equal(port_read(2, SIGNATURE), 0xeb140101);
    assert_int_equal(port_read(1, LINK), 0);
    assert_int_equal(port_read(1, SIGNATURE), 0xffffffff);
    assert_int_equal(port_read(1, TASK_FILE), 0x7f);
    assert_int_equal(ram[FIS(0) + 0x40], 0x34); /* the drive has introduced itself */
}

static void test_disk_identifies_itself_by_programmed_io(void **state)
{
    (void)state;
    prepare(0, 0xec, 0, 0, 512);
    assert_int_equal(run(0), 2);
    assert_int_equal(get(DATA + 2UL * 100, 4), SECTORS);
    assert_int_equal(get(DATA + 2UL * 76, 2), 2); /* a SATA disk */
    assert_int_equal(get(LIST(0) + 4, 4), 512);
    assert_int_equal(ram[FIS(0) + 0x20], 0x5f);
    assert_int_equal(port_read(0, TASK_FILE), 0x50);
    assert_int_equal(port_read(0, ISSUED), 0);
}

static void test_sectors_are_read_and_written_by_dma(void **state)
{
    (void)state;
    prepare(0, 0x25, 1000, 16, 16 * 512);
    assert_int_equal(run(0), 1);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(get(DATA + 512UL * i, 4), 1000 + i);
    }
    assert_int_equal(get(LIST(0) + 4, 4), 16 * 512);
    memset(ram + DATA, 0x5a, 1024);
    prepare(0, 0x35, 7, 2, 1024);
    assert_int_equal(run(0), 1);
    memset(ram + DATA, 0, 2048);
    prepare(0, 0x25, 6, 4, 2048);
    assert_int_equal(run(0), 1);
    assert_int_equal(get(DATA, 4), 6);
    assert_int_equal(get(DATA + 512, 4), 0x5a5a5a5a);
    assert_int_equal(get(DATA + 1536 - 4, 4), 0x5a5a5a5a);
    assert_int_equal(get(DATA + 1536, 4), 9);
}

static void test_data_go_to_several_areas_of_odd_sizes(void **state)
{
    static const uint32_t sizes[] = {2, 510, 1000, 536};
    uint32_t at = DATA;
    (void)state;

    prepare(0, 0x25, 40, 4, 1);
    put(LIST(0) + 2, 4, 2);
    for (unsigned i = 0; i < 4; i++) {
        put(TABLE + 0x80 + 16UL * i, at, 8);
        put(TABLE + 0x8c + 16UL * i, sizes[i] - 1, 4);
        at += sizes[i] + 6; /* a hole between them */
    }
    memset(ram + DATA, 0xee, 4096);
    assert_int_equal(run(0), 1);
    assert_int_equal(get(DATA, 4), 0xeeee0028); /* the first two bytes, then the hole */
    assert_int_equal(get(DATA + 8 + 510 + 6, 4), 41);
    assert_int_equal(get(at - 6, 4), 0xeeeeeeee);
}

static void test_programmed_io_writes_and_flush(void **state)
{
    (void)state;
    memset(ram + DATA, 0x77, 1024);
    prepare(0, 0x34, 100, 2, 1024);
    assert_int_equal(run(0), 1);
    prepare(0, 0xea, 0, 0, 0);
    assert_int_equal(run(0), 1);
    prepare(0, 0x24, 99, 4, 2048);
    assert_int_equal(run(0), 2);
    assert_int_equal(get(DATA, 4), 99);
    assert_int_equal(get(DATA + 512, 4), 0x77777777);
    assert_int_equal(get(DATA + 1536, 4), 102);
}

static void test_several_commands_are_done_in_their_order(void **state)
{
    (void)state;
    prepare(0, 0x25, 0, 1, 512);
    memcpy(ram + LIST(0) + 32, ram + LIST(0), 32);
    memcpy(ram + LIST(0) + 32 * 9UL, ram + LIST(0), 32);
    put(LIST(0) + 32 + 8, TABLE + 0x1000, 8);
    put(LIST(0) + 32 * 9UL + 8, TABLE + 0x2000, 8);
    memcpy(ram + TABLE + 0x1000, ram + TABLE, 0x100);
    memcpy(ram + TABLE + 0x2000, ram + TABLE, 0x100);
    for (unsigned i = 1; i < 3; i++) {
        ram[TABLE + 0x1000 * i + 4] = (uint8_t)(10 * i);
        put(TABLE + 0x1000UL * i + 0x80, DATA + 512 * i, 8);
    }
    port_write(0, ISSUED, 1 | 2 | 1 << 9);
    for (unsigned i = 0; i < 5000 && port_read(0, ISSUED); i++) {
        (void)thrd_sleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_int_equal(port_read(0, ISSUED), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(get(DATA + 512UL * i, 4), 10 * i);
    }
}

static void test_interrupt_follows_events_that_are_enabled(void **state)
{
    (void)state;
    assert_false(test_line[LINE]);
    prepare(0, 0x25, 0, 1, 512);
    port_write(0, ISSUED, 1);
    for (unsigned i = 0; i < 5000 && !port_read(0, EVENTS); i++) {
        (void)thrd_sleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_true(test_line[LINE]);
    assert_int_equal(test_load(BAR + 8, 4), 1);
    test_store(BAR + 8, 4, 1); /* too early: the port still has it */
    assert_true(test_line[LINE]);
    port_write(0, EVENTS, 1);
    assert_true(test_line[LINE]);
    test_store(BAR + 8, 4, 1);
    assert_false(test_line[LINE]);
    port_write(0, ENABLED, 0);
    (void)run(0);
    assert_int_equal(test_rises[LINE], 1);
}

static void test_failed_command_stops_the_port_until_it_is_restarted(void **state)
{
    (void)state;
    prepare(0, 0x25, SECTORS - 1, 2, 1024); /* beyond the end */
    assert_int_equal(run(0), TASK_ERROR | 1);
    assert_int_equal(port_read(0, TASK_FILE), 0x1051);
    assert_int_equal(port_read(0, ISSUED), 1);
    port_write(0, ISSUED, 2);
    assert_int_equal(port_read(0, ISSUED), 3);
    port_write(0, CMD, 0x10);
    assert_int_equal(port_read(0, ISSUED), 0);
    port_write(0, CMD, 0x11);
    prepare(0, 0x25, SECTORS - 1, 1, 512);
    assert_int_equal(run(0), 1);
    assert_int_equal(get(DATA, 4), SECTORS - 1);
}

static void test_command_that_does_not_exist_is_aborted(void **state)
{
    (void)state;
    prepare(0, 0x60, 0, 1, 512); /* queued reads are not offered */
    assert_int_equal(run(0), TASK_ERROR | 1);
    assert_int_equal(port_read(0, TASK_FILE), 0x0451);
}

static void test_disc_is_read_by_packets(void **state)
{
    (void)state;
    for (unsigned dma = 0; dma < 2; dma++) {
        prepare(2, 0xa0, 0, 0, 4096);
        put(LIST(2), 5 | 1 << 5 | 1 << 16, 4);
        ram[TABLE + 3] = (uint8_t)dma;
        ram[TABLE + 0x40] = 0x28;
        ram[TABLE + 0x45] = 9; /* first sector */
        ram[TABLE + 0x48] = 2;
        memset(ram + DATA, 0, 4096);
        assert_int_equal(run(2), 1);
        assert_int_equal(port_read(2, TASK_FILE) & 1, 0);
        assert_int_equal(get(DATA, 4), 36);
        assert_int_equal(get(DATA + 2048, 4), 40);
        assert_int_equal(get(LIST(2) + 4, 4), 4096);
    }
    prepare(2, 0xa0, 0, 0, 8);
    ram[TABLE + 3] = 1;
    ram[TABLE + 0x40] = 0x25; /* capacity */
    assert_int_equal(run(2), 1);
    assert_int_equal(ram[DATA + 3], DISC - 1);
    prepare(2, 0xa0, 0, 0, 8);
    ram[TABLE + 0x40] = 0xff;
    assert_int_equal(run(2), TASK_ERROR | 1);
    assert_int_equal(port_read(2, TASK_FILE), 0x5051);
}

/* Whether a packet command that moves no data is done. */
static bool packet_works(uint8_t command, uint8_t what)
{
    prepare(2, 0xa0, 0, 0, 0);
    put(LIST(2), 5 | 1 << 5, 4);
    ram[TABLE + 0x40] = command;
    ram[TABLE + 0x44] = what;
    return !(run(2) & TASK_ERROR);
}

static void test_machine_reset_unlocks_the_tray_and_takes_it_in(void **state)
{
    (void)state;
    bql_assert_locked();
    assert_true(packet_works(0x1b, 2)); /* eject */
    assert_true(packet_works(0x1e, 1)); /* lock */
    assert_false(packet_works(0, 0));
    pci_bus_reset(machine.pci);
    set_up_controller();
    assert_true(packet_works(0, 0));
    assert_true(packet_works(0x1b, 2));
}

static void test_link_reset_brings_the_signature_back(void **state)
{
    (void)state;
    prepare(0, 0xec, 0, 0, 512);
    (void)run(0);
    port_write(0, CMD, 0x10);
    port_write(0, CONTROL, 0x301);
    assert_int_equal(port_read(0, LINK), 1);
    assert_int_equal(port_read(0, SIGNATURE), 0xffffffff);
    port_write(0, CONTROL, 0x300);
    assert_int_equal(port_read(0, LINK), 0x113);
    assert_int_equal(port_read(0, SIGNATURE), 0x00000101);
    assert_int_equal(port_read(0, EVENTS), 1 << 6);
    assert_true(test_line[LINE]);
    port_write(0, ERROR, 1 << 26);
    assert_int_equal(port_read(0, EVENTS), 0);
}

static void test_software_reset_is_two_control_messages(void **state)
{
    (void)state;
    prepare(2, 0xa0, 0, 0, 0);
    ram[TABLE + 0x40] = 0xff;
    (void)run(2); /* the registers are no signature now */
    port_write(2, CMD, 0x10);
    port_write(2, CMD, 0x11);
    for (unsigned level = 2; level-- > 0;) {
        prepare(2, 0, 0, 0, 0);
        ram[TABLE + 1] = 0;
        ram[TABLE + 15] = level ? 4 : 0;
        port_write(2, ISSUED, 1);
        for (unsigned i = 0; i < 5000 && port_read(2, ISSUED); i++) {
            (void)thrd_sleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
        assert_int_equal(port_read(2, ISSUED), 0);
    }
    assert_int_equal(port_read(2, SIGNATURE), 0xeb140101);
    assert_int_equal(port_read(2, TASK_FILE), 0x0100);
}

static void test_controller_reset_forgets_everything(void **state)
{
    (void)state;
    test_store(BAR + 4, 4, 1);
    assert_int_equal(test_load(BAR + 4, 4), 0x80000000);
    assert_int_equal(port_read(0, 0), 0);
    assert_int_equal(port_read(0, CMD) & 0x11, 0);
    assert_int_equal(port_read(0, LINK), 0x113);
    assert_false(test_line[LINE]);
    port_write(0, ISSUED, 1);
    assert_int_equal(port_read(0, ISSUED), 0); /* the port is not started */
}

/* Nothing that lists, tables and areas may hold reaches beyond the guest's memory. */
static void test_hostile_addresses_end_in_errors(void **state)
{
    static const uint64_t nowhere[] = {RAM_SIZE, 0xffffffff00000000, BAR, UINT64_MAX};
    (void)state;

    for (unsigned i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        prepare(0, 0x25, 0, 8, 4096);
        put(TABLE + 0x80, nowhere[i], 8);
        assert_int_equal(run(0), TASK_ERROR | 1);
        start(0);
        prepare(0, 0xec, 0, 0, 512);
        put(TABLE + 0x80, nowhere[i], 8);
        assert_int_equal(run(0), TASK_ERROR | 1);
        start(0);
        put(LIST(0) + 8, nowhere[i], 8);
        assert_int_equal(run(0), BUS_ERROR);
        port_write(0, CMD, 0x10);
        port_write(0, 0, (uint32_t)nowhere[i]);
        port_write(0, 4, (uint32_t)(nowhere[i] >> 32));
        port_write(0, CMD, 0x11);
        assert_int_equal(run(0), BUS_ERROR);
        port_write(0, 4, 0);
        port_write(0, CMD, 0x10);
        start(0);
    }
    prepare(0, 0x25, 0, 8, 2048); /* fewer areas than data */
    assert_int_equal(run(0), TASK_ERROR | 1);
    start(0);
    prepare(0, 0x25, 0, 1, 512);
    put(LIST(0), 1 | 1 << 16, 4); /* no message to speak of */
    assert_int_equal(run(0), TASK_ERROR | 1);
    start(0);
    config_write(AHCI, 4, 2, 2); /* may not touch memory */
    prepare(0, 0x25, 0, 1, 512);
    assert_int_equal(run(0), BUS_ERROR);
}

static void test_stopping_waits_for_the_command_at_work(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        prepare(0, 0x25, 0, 4096, 0x200000);
        port_write(0, ISSUED, 1);
        if (i % 2) {
            (void)thrd_sleep(&(struct timespec){.tv_nsec = 100000L * i}, NULL);
        }
        port_write(0, CMD, 0x10);
        memset(ram + DATA, 0xcc, 0x200000);
        assert_int_equal(port_read(0, ISSUED), 0);
        port_write(0, CMD, 0x11);
        port_write(0, EVENTS, UINT32_MAX);
        assert_int_equal(get(DATA, 4), 0xcccccccc); /* nothing comes after that */
        assert_int_equal(get(DATA + 512, 4), 0xcccccccc);
    }
    prepare(0, 0x25, 3, 1, 512);
    assert_int_equal(run(0), 1);
    assert_int_equal(get(DATA, 4), 3);
}

static void test_every_register_takes_every_kind_of_write(void **state)
{
    static const uint32_t values[] = {0xffffffff, 0, 0x11, 0x301, 0xaaaaaaaa, 0x80000001};
    (void)state;

    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        for (unsigned reg = 0; reg < 0x480; reg += 4) {
            test_store(BAR + reg, 4, values[i]);
            (void)test_load(BAR + reg, 4);
        }
    }
    test_store(BAR + 4, 4, 1);
    assert_int_equal(port_read(0, LINK), 0x113);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_controller_says_what_it_has),
        TEST(test_disk_identifies_itself_by_programmed_io),
        TEST(test_sectors_are_read_and_written_by_dma),
        TEST(test_data_go_to_several_areas_of_odd_sizes),
        TEST(test_programmed_io_writes_and_flush),
        TEST(test_several_commands_are_done_in_their_order),
        TEST(test_interrupt_follows_events_that_are_enabled),
        TEST(test_failed_command_stops_the_port_until_it_is_restarted),
        TEST(test_command_that_does_not_exist_is_aborted),
        TEST(test_disc_is_read_by_packets),
        TEST(test_machine_reset_unlocks_the_tray_and_takes_it_in),
        TEST(test_link_reset_brings_the_signature_back),
        TEST(test_software_reset_is_two_control_messages),
        TEST(test_controller_reset_forgets_everything),
        TEST(test_hostile_addresses_end_in_errors),
        TEST(test_stopping_waits_for_the_command_at_work),
        TEST(test_every_register_takes_every_kind_of_write),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
