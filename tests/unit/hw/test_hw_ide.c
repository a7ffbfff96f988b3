/* The IDE controller: a disk on the primary channel, a CD-ROM drive on the secondary. */
#include "hw_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "hw/i440fx.h"
#include "hw/ide.h"
#include "hw/piix3.h"

#define RAM_SIZE 0x200000u
#define SECTORS  20000u
#define DISC     100u /* sectors of 2048 */
#define BM       0xc000
#define IDE      PCI_DEVFN(1, 1)
#define PRD      0x1000u
#define DATA     0x20000u

static struct i440fx *host;
static struct piix3 *piix3;
static struct ide *ide;
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

    strcpy(path, "/tmp/mortise-ide-XXXXXX");
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

static int setup(void **state)
{
    struct ide_drive drives[IDE_DRIVES] = {{.disk = NULL}};
    struct error err = {""};
    (void)state;

    bql_assert_locked();
    test_forget();
    for (unsigned n = 0; n < 16; n++) {
        machine.isa_irq[n] = test_irq(n);
    }
    assert_int_equal(memory_region_init_ram(&machine.ram, "ram", RAM_SIZE, &err), 0);
    ram = memory_region_host(&machine.ram);
    memory_region_add(&machine.memory, 0, &machine.ram, 0);
    assert_int_equal(i440fx_new(&machine, NULL, &host, &err), 0);
    assert_int_equal(piix3_new(&machine, (struct irq){.set = NULL}, &piix3, &err), 0);
    drives[0].disk = make_disk(disk_path, SECTORS * 512, false);
    drives[2].disk = make_disk(disc_path, DISC * 2048, true);
    drives[2].cd = true;
    assert_int_equal(ide_new(machine.pci, IDE, drives, &ide, &err), 0);
    config_write(IDE, 0x20, 4, BM);
    config_write(IDE, 4, 2, 5);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bql_assert_locked();
    i440fx_free(host);
    memory_region_destroy(&machine.ram);
    (void)unlink(disk_path);
    (void)unlink(disc_path);
    return 0;
}

static void command(uint16_t base, uint8_t device, uint32_t lba, uint8_t count, uint8_t cmd)
{
    test_out((uint16_t)(base + 6), 1, device | (lba >> 24 & 15));
    test_out((uint16_t)(base + 2), 1, count);
    test_out((uint16_t)(base + 3), 1, lba & 0xff);
    test_out((uint16_t)(base + 4), 1, lba >> 8 & 0xff);
    test_out((uint16_t)(base + 5), 1, lba >> 16 & 0xff);
    test_out((uint16_t)(base + 7), 1, cmd);
}

static uint8_t status(uint16_t base)
{
    return (uint8_t)test_in((uint16_t)(base + 7), 1);
}

static void read_data(uint16_t base, void *buf, unsigned len)
{
    for (unsigned i = 0; i < len; i += 2) {
        uint16_t word = (uint16_t)test_in(base, 2);

        memcpy((uint8_t *)buf + i, &word, 2);
    }
}

static void test_disk_identifies_itself(void **state)
{
    uint16_t id[256];
    (void)state;

    command(0x1f0, 0xa0, 0, 0, 0xec);
    assert_true(test_line[14]);
    assert_int_equal(status(0x1f0), 0x58);
    assert_false(test_line[14]);
    read_data(0x1f0, id, 512);
    assert_int_equal(status(0x1f0), 0x50);
    assert_int_equal(id[60] | id[61] << 16, SECTORS);
    assert_int_equal(id[27], 'M' << 8 | 'O');
    command(0x1f0, 0xb0, 0, 0, 0xec); /* no slave */
    assert_int_equal(status(0x1f0), 0);
}

static void test_cd_answers_identify_with_its_signature(void **state)
{
    uint16_t id[256];
    (void)state;

    command(0x170, 0xa0, 0, 0, 0xec);
    assert_int_equal(status(0x170) & 1, 1);
    assert_int_equal(test_in(0x174, 1), 0x14);
    assert_int_equal(test_in(0x175, 1), 0xeb);
    command(0x170, 0xa0, 0, 0, 0xa1);
    read_data(0x170, id, 512);
    assert_int_equal(id[0], 0x85c0);
}

static void test_sectors_by_programmed_io(void **state)
{
    uint8_t buf[512];
    uint32_t n;
    (void)state;

    command(0x1f0, 0xe0, 1234, 3, 0x20);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(status(0x1f0), 0x58);
        read_data(0x1f0, buf, 512);
        memcpy(&n, buf, 4);
        assert_int_equal(n, 1234 + i);
    }
    assert_int_equal(status(0x1f0), 0x50);
    command(0x1f0, 0xe0, 77, 2, 0x30);
    assert_false(test_line[14]);
    for (unsigned i = 0; i < 256; i++) {
        test_out(0x1f0, 4, 0xdead0000 | i);
    }
    assert_true(test_line[14]);
    assert_int_equal(status(0x1f0), 0x50);
    command(0x1f0, 0xe0, 78, 1, 0xc4);
    read_data(0x1f0, buf, 512);
    memcpy(&n, buf, 4);
    assert_int_equal(n, 0xdead0080);
    command(0x1f0, 0xa0, 1 << 8 | 1, 1, 0x20); /* cylinder 1, head 0, sector 1 */
    read_data(0x1f0, buf, 512);
    memcpy(&n, buf, 4);
    assert_int_equal(n, 16 * 63);
}

static void test_sectors_outside_of_the_disk_are_not_found(void **state)
{
    (void)state;
    command(0x1f0, 0xe0, SECTORS, 1, 0x20);
    assert_int_equal(status(0x1f0), 0x51);
    assert_int_equal(test_in(0x1f1, 1), 0x10);
    command(0x1f0, 0xe0, SECTORS - 1, 2, 0xc8);
    assert_int_equal(status(0x1f0), 0x51);
    command(0x1f0, 0xa0, 0, 1, 0x20); /* sector 0 does not exist */
    assert_int_equal(status(0x1f0), 0x51);
    command(0x1f0, 0xe0, 0, 0, 0xff);
    assert_int_equal(test_in(0x1f1, 1), 4);
}

static void prd(unsigned n, uint32_t addr, uint32_t len, bool last)
{
    uint32_t word = (len & 0xffff) | (last ? 0x80000000u : 0);

    memcpy(ram + PRD + 8 * n, &addr, 4);
    memcpy(ram + PRD + 8 * n + 4, &word, 4);
}

static void test_sectors_by_dma(void **state)
{
    uint32_t n;
    (void)state;

    prd(0, DATA, 0x300, false);
    prd(1, DATA + 0x300, 0x1000 - 0x300, true);
    test_out(BM + 4, 4, PRD);
    command(0x1f0, 0xe0, 500, 8, 0xc8);
    assert_false(test_line[14]);
    test_out(BM, 1, 9);
    assert_true(test_line[14]);
    assert_int_equal(test_in(BM + 2, 1) & 7, 4);
    memcpy(&n, ram + DATA + 7 * 512, 4);
    assert_int_equal(n, 507);
    test_out(BM + 2, 1, 4);
    test_out(BM, 1, 0);
    assert_int_equal(test_in(BM + 2, 1) & 7, 0);
    memset(ram + DATA, 0x77, 0x1000);
    command(0x1f0, 0xe0, 500, 8, 0xca);
    test_out(BM, 1, 1);
    assert_int_equal(status(0x1f0), 0x50);
    test_out(BM, 1, 0);
    command(0x1f0, 0xe0, 507, 1, 0x20);
    assert_int_equal(test_in(0x1f0, 4), 0x77777777);
}

static void test_dma_with_a_table_that_is_too_short_or_not_memory_fails(void **state)
{
    (void)state;
    prd(0, DATA, 512, true);
    test_out(BM + 4, 4, PRD);
    command(0x1f0, 0xe0, 0, 8, 0xc8);
    test_out(BM, 1, 9);
    assert_int_equal(status(0x1f0) & 1, 1);
    assert_int_equal(test_in(BM + 2, 1) & 2, 2);
    test_out(BM, 1, 0);
    test_out(BM + 4, 4, 0xfffffffc);
    command(0x1f0, 0xe0, 0, 8, 0xc8);
    test_out(BM, 1, 9);
    assert_int_equal(status(0x1f0) & 1, 1);
    test_out(BM, 1, 0);
    prd(0, RAM_SIZE + 0x100000, 0, true);
    test_out(BM + 4, 4, PRD);
    command(0x1f0, 0xe0, 0, 8, 0xc8);
    test_out(BM, 1, 9);
    assert_int_equal(status(0x1f0) & 1, 1);
}

static void test_48_bit_addresses(void **state)
{
    uint8_t buf[512];
    uint32_t n;
    (void)state;

    test_out(0x1f6, 1, 0xe0);
    test_out(0x1f2, 1, 0);
    test_out(0x1f2, 1, 1);
    test_out(0x1f3, 1, 0);
    test_out(0x1f3, 1, 5);
    test_out(0x1f4, 1, 0);
    test_out(0x1f4, 1, 1);
    test_out(0x1f5, 1, 0);
    test_out(0x1f5, 1, 0);
    test_out(0x1f7, 1, 0x24);
    read_data(0x1f0, buf, 512);
    memcpy(&n, buf, 4);
    assert_int_equal(n, 0x105);
    test_out(0x1f5, 1, 0xff);
    test_out(0x1f5, 1, 0);
    test_out(0x1f7, 1, 0x24);
    assert_int_equal(status(0x1f0), 0x51);
    test_out(0x1f7, 1, 0x27);
    assert_int_equal(test_in(0x1f3, 1) | test_in(0x1f4, 1) << 8, SECTORS - 1);
}

static void packet(const uint8_t *bytes, bool dma, unsigned limit)
{
    test_out(0x176, 1, 0xa0);
    test_out(0x171, 1, dma);
    test_out(0x174, 1, limit & 0xff);
    test_out(0x175, 1, limit >> 8);
    test_out(0x177, 1, 0xa0);
    assert_int_equal(status(0x170) & 8, 8);
    for (unsigned i = 0; i < 12; i += 2) {
        test_out(0x170, 2, (unsigned)(bytes[i] | bytes[i + 1] << 8));
    }
}

static void test_disc_is_read_by_packet(void **state)
{
    static const uint8_t capacity[12] = {0x25}, read[12] = {0x28, 0, 0, 0, 0, 10, 0, 0, 40};
    uint8_t buf[2048];
    uint32_t n;
    (void)state;

    packet(capacity, false, 0xfffe);
    assert_int_equal(test_in(0x174, 1), 8);
    read_data(0x170, buf, 8);
    assert_int_equal(buf[3], DISC - 1);
    assert_int_equal(status(0x170), 0x50);
    packet(read, false, 2048);
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(test_in(0x175, 1), 8);
        assert_int_equal(status(0x170) & 8, 8);
        read_data(0x170, buf, 2048);
        memcpy(&n, buf, 4);
        assert_int_equal(n, (10 + i) * 4);
    }
    assert_int_equal(status(0x170), 0x50);
    prd(0, DATA, 40 * 2048 & 0xffff, false);
    prd(1, DATA + (40 * 2048 & 0xffff), 0, true);
    test_out(BM + 12, 4, PRD);
    packet(read, true, 0);
    test_out(BM + 8, 1, 9);
    assert_int_equal(status(0x170), 0x50);
    memcpy(&n, ram + DATA + 39 * 2048, 4);
    assert_int_equal(n, 49 * 4);
}

static void test_disc_that_is_changed_or_missing_is_reported(void **state)
{
    static const uint8_t ready[12] = {0}, sense[12] = {3, 0, 0, 0, 18};
    static const uint8_t beyond[12] = {0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff};
    struct error err;
    uint8_t buf[18];
    (void)state;

    bql_assert_locked();
    packet(beyond, false, 2048);
    assert_int_equal(status(0x170) & 1, 1);
    packet(sense, false, 18);
    read_data(0x170, buf, 18);
    assert_int_equal(buf[2], 5);
    assert_int_equal(buf[12], 0x21);
    assert_int_equal(ide_change_disc(ide, 2, NULL, &err), 0);
    packet(ready, false, 0);
    assert_int_equal(status(0x170) & 1, 1);
    packet(ready, false, 0);
    packet(sense, false, 18);
    read_data(0x170, buf, 18);
    assert_int_equal(buf[2], 2);
    assert_int_equal(buf[12], 0x3a);
    assert_int_equal(ide_change_disc(ide, 0, NULL, &err), -ENODEV);
}

/* Fails with this sense. */
static void assert_sense(const uint8_t *bytes, unsigned key, unsigned code, unsigned qualifier)
{
    static const uint8_t sense[12] = {3, 0, 0, 0, 18};
    uint8_t buf[18];

    packet(bytes, false, 2048);
    assert_int_equal(status(0x170) & 9, 1);
    packet(sense, false, 18);
    read_data(0x170, buf, 18);
    assert_int_equal(buf[2], key);
    assert_int_equal(buf[12], code);
    assert_int_equal(buf[13], qualifier);
}

static void assert_works(const uint8_t *bytes)
{
    packet(bytes, false, 2048);
    assert_int_equal(status(0x170), 0x50);
}

static void test_tray_goes_out_and_in_unless_that_is_prevented(void **state)
{
    static const uint8_t ready[12] = {0}, eject[12] = {0x1b, 0, 0, 0, 2};
    static const uint8_t load[12] = {0x1b, 0, 0, 0, 3}, stop[12] = {0x1b};
    static const uint8_t lock[12] = {0x1e, 0, 0, 0, 1}, unlock[12] = {0x1e};
    static const uint8_t event[12] = {0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8};
    static const uint8_t read[12] = {0x28, 0, 0, 0, 0, 0, 0, 0, 1};
    uint8_t buf[8];
    (void)state;

    assert_works(ready);
    assert_works(lock);
    assert_sense(eject, 5, 0x53, 2);
    assert_works(ready);
    assert_works(unlock);
    assert_works(stop);
    assert_works(ready);
    assert_works(eject);
    assert_works(eject);
    assert_sense(ready, 2, 0x3a, 2);
    assert_sense(read, 2, 0x3a, 2);
    packet(event, false, 8);
    read_data(0x170, buf, 8);
    assert_int_equal(buf[5], 1);
    assert_works(load);
    assert_sense(ready, 6, 0x28, 0);
    assert_works(ready);
    packet(event, false, 8);
    read_data(0x170, buf, 8);
    assert_int_equal(buf[5], 2);
}

static void test_vital_product_data_are_no_inquiry(void **state)
{
    static const uint8_t page[12] = {0x12, 1, 0x80, 0, 36}, inquiry[12] = {0x12, 0, 0, 0, 36};
    uint8_t buf[36];
    (void)state;

    assert_sense(page, 5, 0x24, 0);
    packet(inquiry, false, 36);
    read_data(0x170, buf, 36);
    assert_int_equal(buf[0], 5);
}

static void test_random_accesses_are_survived(void **state)
{
    uint64_t r = 88172645463325252;
    (void)state;

    for (unsigned i = 0; i < 200000; i++) {
        uint16_t base = r >> 40 & 1 ? 0x1f0 : 0x170;
        unsigned what = r >> 8 & 15;

        r ^= r << 13;
        r ^= r >> 7;
        r ^= r << 17;
        if (what < 8) {
            test_out((uint16_t)(base + what), what ? 1 : 1u << (r >> 12) % 3, r >> 16);
        } else if (what < 12) {
            (void)test_in((uint16_t)(base + (r >> 16) % 8), 1u << (r >> 24) % 3);
        } else if (what < 15) {
            test_out((uint16_t)(BM + (r >> 16) % 16), 1u << (r >> 24) % 3,
                     r >> 32 & 1 ? r >> 30 : PRD | (r >> 30 & 0xff));
        } else {
            prd((unsigned)(r >> 16 & 15), (uint32_t)(r >> 20) & 0x3fffff,
                (uint32_t)(r >> 24) & 0xffff, r >> 50 & 1);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_disk_identifies_itself),
        TEST(test_cd_answers_identify_with_its_signature),
        TEST(test_sectors_by_programmed_io),
        TEST(test_sectors_outside_of_the_disk_are_not_found),
        TEST(test_sectors_by_dma),
        TEST(test_dma_with_a_table_that_is_too_short_or_not_memory_fails),
        TEST(test_48_bit_addresses),
        TEST(test_disc_is_read_by_packet),
        TEST(test_disc_that_is_changed_or_missing_is_reported),
        TEST(test_tray_goes_out_and_in_unless_that_is_prevented),
        TEST(test_vital_product_data_are_no_inquiry),
        TEST(test_random_accesses_are_survived),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
