/* The machine of hw_test.h with the IDE controller of a PC: a disk on the primary channel, a
 * CD-ROM drive on the secondary. */
#ifndef TESTS_UNIT_HW_IDE_TEST_H
#define TESTS_UNIT_HW_IDE_TEST_H

#include "hw_test.h"

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

UNUSED static void command(uint16_t base, uint8_t device, uint32_t lba, uint8_t count, uint8_t cmd)
{
    test_out((uint16_t)(base + 6), 1, device | (lba >> 24 & 15));
    test_out((uint16_t)(base + 2), 1, count);
    test_out((uint16_t)(base + 3), 1, lba & 0xff);
    test_out((uint16_t)(base + 4), 1, lba >> 8 & 0xff);
    test_out((uint16_t)(base + 5), 1, lba >> 16 & 0xff);
    test_out((uint16_t)(base + 7), 1, cmd);
}

UNUSED static uint8_t status(uint16_t base)
{
    return (uint8_t)test_in((uint16_t)(base + 7), 1);
}

UNUSED static void read_data(uint16_t base, void *buf, unsigned len)
{
    for (unsigned i = 0; i < len; i += 2) {
        uint16_t word = (uint16_t)test_in(base, 2);

        memcpy((uint8_t *)buf + i, &word, 2);
    }
}

UNUSED static void prd(unsigned n, uint32_t addr, uint32_t len, bool last)
{
    uint32_t word = (len & 0xffff) | (last ? 0x80000000u : 0);

    memcpy(ram + PRD + 8 * n, &addr, 4);
    memcpy(ram + PRD + 8 * n + 4, &word, 4);
}

#endif
