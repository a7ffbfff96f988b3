/* A PC's PCI bus with RAM, and a driver by hand for the virtio devices that a test puts
 * on it. Queue n has its rings RINGS * n behind those of queue 0. */
#ifndef TESTS_UNIT_VIRTIO_TEST_H
#define TESTS_UNIT_VIRTIO_TEST_H

#include "hw_test.h"

#include "hw/i440fx.h"
#include "hw/lapic.h"
#include "hw/piix3.h"

#define RAM_SIZE 0x200000u
#define BAR      0xe0000000u
#define MSIX     0xe0010000u
#define COMMON   BAR
#define ISR      (BAR + 0x1000)
#define CONFIG   (BAR + 0x2000)
#define NOTIFY   (BAR + 0x3000)
#define RINGS    0x8000u
#define DESC     0x10000u
#define AVAIL    0x12000u
#define USED     0x13000u
#define DATA     0x20000u

#define QUEUES     2u
#define QUEUE_SIZE 64u
#define VERSION_1  (UINT64_C(1) << 32)

static struct lapic_set *lapics;
static struct lapic *lapic;
static struct i440fx *host;
static struct piix3 *piix3;
static uint8_t *ram;
static uint16_t avail_index[QUEUES];

static void config_write(unsigned devfn, unsigned reg, unsigned size, uint32_t value)
{
    test_out(0xcf8, 4, 0x80000000 | devfn << 8 | (reg & 0xfc));
    test_out((uint16_t)(0xcfc + reg % 4), size, value);
}

UNUSED static uint32_t config_read(unsigned devfn, unsigned reg, unsigned size)
{
    test_out(0xcf8, 4, 0x80000000 | devfn << 8 | (reg & 0xfc));
    return (uint32_t)test_in((uint16_t)(0xcfc + reg % 4), size);
}

static void put(uint64_t addr, uint64_t value, unsigned size)
{
    memcpy(ram + addr, &value, size);
}

static uint16_t used_index(unsigned queue)
{
    return atomic_load_explicit((_Atomic(uint16_t) *)(void *)(ram + USED + RINGS * queue + 2),
                                memory_order_acquire);
}

/* Its registers at BAR and MSIX. */
static void place_device(unsigned devfn)
{
    config_write(devfn, 0x20, 4, BAR);
    config_write(devfn, 0x24, 4, 0);
    config_write(devfn, 0x14, 4, MSIX);
    config_write(devfn, 4, 2, 6);
}

static void set_up_queue(unsigned n)
{
    avail_index[n] = 0;
    test_store(COMMON + 0x16, 2, n);
    test_store(COMMON + 0x18, 2, QUEUE_SIZE);
    test_store(COMMON + 0x20, 8, DESC + RINGS * n);
    test_store(COMMON + 0x28, 8, AVAIL + RINGS * n);
    test_store(COMMON + 0x30, 8, USED + RINGS * n);
    test_store(COMMON + 0x1c, 2, 1);
}

/* Negotiates and sets queues up, as a driver does. */
static void start_queues(uint64_t features, unsigned queues)
{
    test_store(COMMON + 0x14, 1, 0);
    test_store(COMMON + 0x14, 1, 1);
    test_store(COMMON + 0x14, 1, 3);
    for (unsigned half = 0; half < 2; half++) {
        test_store(COMMON + 8, 4, half);
        test_store(COMMON + 0xc, 4, (uint32_t)(features >> 32 * half));
    }
    test_store(COMMON + 0x14, 1, 0xb);
    memset(ram + DESC, 0, RINGS * QUEUES);
    for (unsigned n = 0; n < queues; n++) {
        set_up_queue(n);
    }
    test_store(COMMON + 0x14, 1, 0xf);
}

static void desc_on(unsigned queue, unsigned n, uint64_t addr, uint32_t len, unsigned flags,
                    unsigned next)
{
    uint64_t at = DESC + RINGS * queue + 16 * n;

    put(at, addr, 8);
    put(at + 8, len, 4);
    put(at + 12, flags, 2);
    put(at + 14, next, 2);
}

static void offer_on(unsigned queue, unsigned head)
{
    uint64_t ring = AVAIL + RINGS * queue;

    put(ring + 4 + 2 * (avail_index[queue] % QUEUE_SIZE), head, 2);
    avail_index[queue]++;
    atomic_store_explicit((_Atomic(uint16_t) *)(void *)(ram + ring + 2), avail_index[queue],
                          memory_order_release);
    test_store(NOTIFY + 4 * queue, 2, queue);
}

/* The bus; the test puts devices on machine.pci. */
static void bus_up(void) REQUIRES(bql)
{
    struct error err = {""};

    test_forget();
    for (unsigned n = 0; n < 16; n++) {
        machine.isa_irq[n] = test_irq(n);
    }
    assert_int_equal(memory_region_init_ram(&machine.ram, "ram", RAM_SIZE, &err), 0);
    ram = memory_region_host(&machine.ram);
    memory_region_add(&machine.memory, 0, &machine.ram, 0);
    assert_int_equal(lapic_set_new(&machine.memory, 1, &lapics, &err), 0);
    assert_int_equal(lapic_new(lapics, 0, true, &lapic, &err), 0);
    lapic_attach(lapic, &test_cpu[0]);
    current_cpu = &test_cpu[0];
    test_store(LAPIC_BASE + 0xf0, 4, 0x1ff);
    assert_int_equal(i440fx_new(&machine, lapics, &host, &err), 0);
    assert_int_equal(piix3_new(&machine, (struct irq){.set = NULL}, &piix3, &err), 0);
}

static void bus_down(void) REQUIRES(bql)
{
    i440fx_free(host);
    lapic_set_free(lapics);
    memory_region_destroy(&machine.ram);
}

#endif
