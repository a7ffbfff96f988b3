/* The PCI bus of a PC: configuration space by ports, BARs, interrupt routing, messages,
 * the attribute map. */
#include "hw_test.h"

#include "hw/i440fx.h"
#include "hw/lapic.h"
#include "hw/piix3.h"

static struct lapic_set *lapics;
static struct lapic *lapic;
static struct i440fx *host;
static struct piix3 *piix3;

/* A device with a memory BAR, a port BAR, INTA, MSI-X in BAR 2. */
static struct {
    struct pci_device pci;
    struct memory_region memory, ports;
    uint64_t last;
    unsigned resets;
} dev;

static enum memory_result dev_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)opaque;
    (void)size;
    *value = 0xa0 + offset;
    return MEMORY_OK;
}

static enum memory_result dev_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    (void)opaque;
    (void)size;
    dev.last = offset << 32 | value;
    return MEMORY_OK;
}

static const struct memory_ops dev_ops = {.read = dev_read, .write = dev_write, .max_size = 4};

static void dev_reset(struct pci_device *d)
{
    (void)d;
    dev.resets++;
}

static void dev_free(struct pci_device *d)
{
    (void)d;
    bql_assert_locked();
    memory_region_destroy(&dev.memory);
    memory_region_destroy(&dev.ports);
}

static const struct pci_device_ops dev_pci_ops = {.reset = dev_reset, .free = dev_free};

static int setup(void **state)
{
    static const struct pci_ids ids = {.vendor = 0x1234, .device = 0x5678, .class_code = 0xff0000};
    struct error err = {""};
    (void)state;

    bql_assert_locked();
    test_forget();
    memset(&dev, 0, sizeof(dev));
    for (unsigned n = 0; n < 16; n++) {
        machine.isa_irq[n] = test_irq(n);
    }
    assert_int_equal(memory_region_init_ram(&machine.ram, "ram", 1 << 20, &err), 0);
    memory_region_add(&machine.memory, 0, &machine.ram, 0);
    assert_int_equal(lapic_set_new(&machine.memory, 1, &lapics, &err), 0);
    assert_int_equal(lapic_new(lapics, 0, true, &lapic, &err), 0);
    lapic_attach(lapic, &test_cpu[0]);
    current_cpu = &test_cpu[0];
    test_store(LAPIC_BASE + 0xf0, 4, 0x1ff);
    assert_int_equal(i440fx_new(&machine, lapics, &host, &err), 0);
    assert_int_equal(piix3_new(&machine, test_irq(20), &piix3, &err), 0);
    memory_region_init_io(&dev.memory, &dev_ops, &dev, "memory", 4096);
    memory_region_init_io(&dev.ports, &dev_ops, &dev, "ports", 32);
    assert_int_equal(
        pci_device_init(&dev.pci, machine.pci, PCI_DEVFN(3, 0), "dev", &ids, &dev_pci_ops, &err),
        0);
    pci_device_add_bar(&dev.pci, 0, PCI_BAR_MEMORY64 | PCI_BAR_PREFETCH, &dev.memory, 4096);
    pci_device_add_bar(&dev.pci, 3, PCI_BAR_IO, &dev.ports, 32);
    pci_device_set_pin(&dev.pci, 0);
    assert_int_equal(pci_msix_init(&dev.pci, 2, 3, &err), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bql_assert_locked();
    i440fx_free(host);
    lapic_set_free(lapics);
    memory_region_destroy(&machine.ram);
    return 0;
}

static void config_write(unsigned devfn, unsigned reg, unsigned size, uint32_t value)
{
    test_out(0xcf8, 4, 0x80000000 | devfn << 8 | (reg & 0xfc));
    test_out((uint16_t)(0xcfc + reg % 4), size, value);
}

static uint32_t config_read(unsigned devfn, unsigned reg, unsigned size)
{
    test_out(0xcf8, 4, 0x80000000 | devfn << 8 | (reg & 0xfc));
    return (uint32_t)test_in((uint16_t)(0xcfc + reg % 4), size);
}

#define DEV PCI_DEVFN(3, 0)

static void test_functions_are_found_and_others_are_not(void **state)
{
    (void)state;
    assert_int_equal(config_read(0, 0, 4), 0x12378086);
    assert_int_equal(config_read(PCI_DEVFN(1, 0), 0, 4), 0x70008086);
    assert_int_equal(config_read(PCI_DEVFN(1, 0), 0xe, 1), 0x80);
    assert_int_equal(config_read(PCI_DEVFN(1, 3), 2, 2), 0x7113);
    assert_int_equal(config_read(PCI_DEVFN(9, 0), 0, 4), 0xffffffff);
    test_out(0xcf8, 4, 0x80010000); /* bus 1 */
    assert_int_equal(test_in(0xcfc, 4), 0xffffffff);
    config_write(DEV, 0, 4, 0);
    assert_int_equal(config_read(DEV, 0, 4), 0x56781234);
}

static void test_bars_tell_their_size_and_are_mapped(void **state)
{
    (void)state;
    config_write(DEV, 0x10, 4, 0xffffffff);
    config_write(DEV, 0x14, 4, 0xffffffff);
    assert_int_equal(config_read(DEV, 0x10, 4), 0xfffff00c);
    assert_int_equal(config_read(DEV, 0x14, 4), 0xffffffff);
    config_write(DEV, 0x1c, 4, 0xffffffff);
    assert_int_equal(config_read(DEV, 0x1c, 4), 0xffffffe1);
    config_write(DEV, 0x10, 4, 0x40001000);
    config_write(DEV, 0x14, 4, 1);
    config_write(DEV, 0x1c, 4, 0xc000);
    assert_int_equal(test_load(0x140001004, 1), 0xff);
    config_write(DEV, 4, 2, 7);
    assert_int_equal(test_load(0x140001004, 1), 0xa4);
    test_out(0xc008, 2, 0x1234);
    assert_int_equal(dev.last, UINT64_C(8) << 32 | 0x1234);
    config_write(DEV, 0x10, 4, 0x40002000);
    assert_int_equal(test_load(0x140001004, 1), 0xff);
    assert_int_equal(test_load(0x140002004, 1), 0xa4);
    config_write(DEV, 4, 2, 0);
    assert_int_equal(test_load(0x140002004, 1), 0xff);
}

static void test_bar_hides_no_memory(void **state)
{
    (void)state;
    test_store(0x2000, 4, 0x11223344);
    config_write(DEV, 0x14, 4, 0);
    config_write(DEV, 0x10, 4, 0x2000);
    config_write(DEV, 4, 2, 2);
    assert_int_equal(test_load(0x2000, 4), 0x11223344);
    config_write(DEV, 0x10, 4, 0xfee00000);
    assert_int_equal(test_load(0xfee000f0, 4), 0x1ff);
}

static void test_pins_are_routed_by_the_south_bridge(void **state)
{
    (void)state;
    bql_assert_locked();
    pci_set_intx(&dev.pci, true); /* slot 3, INTA: PIRQ C */
    assert_false(test_line[11]);
    piix3_set_up(piix3, 0x600);
    assert_true(test_line[11]);
    assert_int_equal(config_read(DEV, 6, 2) & 8, 8);
    config_write(PCI_DEVFN(1, 0), 0x62, 1, 5);
    assert_false(test_line[11]);
    assert_true(test_line[5]);
    config_write(DEV, 4, 2, 0x400); /* interrupts off */
    assert_false(test_line[5]);
    config_write(DEV, 4, 2, 0);
    assert_true(test_line[5]);
    pci_set_intx(&dev.pci, false);
    assert_false(test_line[5]);
    assert_in_range(test_in(0x608, 4), 0, 0xffffff);
}

static void test_msix_vectors_are_sent_masked_and_pending(void **state)
{
    unsigned cap = config_read(DEV, 0x34, 1);
    (void)state;

    assert_int_equal(config_read(DEV, cap, 4), 0x00020011);
    config_write(DEV, 0x18, 4, 0x50000000);
    config_write(DEV, 4, 2, 6);
    pci_msix_notify(&dev.pci, 1); /* not enabled */
    assert_int_equal(lapic_ops.acknowledge(lapic), -1);
    config_write(DEV, cap + 2, 2, 0x8000);
    test_store(0x50000010, 8, LAPIC_BASE);
    test_store(0x50000018, 4, 0x51);
    pci_msix_notify(&dev.pci, 1);
    pci_msix_notify(&dev.pci, 3);
    assert_int_equal(lapic_ops.acknowledge(lapic), -1);
    assert_int_equal(test_load(0x50000800, 8), 2);
    test_store(0x5000001c, 4, 0);
    assert_int_equal(lapic_ops.acknowledge(lapic), 0x51);
    assert_int_equal(test_load(0x50000800, 8), 0);
    config_write(DEV, cap + 2, 2, 0xc000);
    pci_msix_notify(&dev.pci, 1);
    test_store(LAPIC_BASE + 0xb0, 4, 0);
    assert_int_equal(lapic_ops.acknowledge(lapic), -1);
    config_write(DEV, cap + 2, 2, 0x8000);
    assert_int_equal(lapic_ops.acknowledge(lapic), 0x51);
}

static void test_attribute_map_shows_ram_or_the_bus(void **state)
{
    (void)state;
    assert_int_equal(test_load(0xc0000, 4), 0xffffffff);
    config_write(0, 0x5a, 1, 3);
    test_store(0xc0000, 4, 0x12345678);
    assert_int_equal(test_load(0xc0000, 4), 0x12345678);
    assert_int_equal(test_load(0xc4000, 4), 0xffffffff);
    config_write(0, 0x5a, 1, 1);
    test_store(0xc0000, 4, 0);
    assert_int_equal(test_load(0xc0000, 4), 0x12345678);
    config_write(0, 0x59, 1, 0x30);
    test_store(0xffffc, 4, 0x55);
    assert_int_equal(test_load(0xffffc, 4), 0x55);
}

static void test_smram_is_seen_by_smm_alone_unless_open(void **state)
{
    uint64_t value = 0;
    (void)state;

    config_write(0, 0x72, 1, 0x4a);
    test_store(0xa8000, 4, 0x99);
    config_write(0, 0x72, 1, 0x0a);
    assert_int_equal(test_load(0xa8000, 4), 0xffffffff);
    value = test_cpu_load(machine.smram_as, 0xa8000, 4);
    assert_int_equal(value, 0x99);
    value = test_cpu_load(machine.smram_as, 0x2000, 4);
    assert_int_equal(value, test_load(0x2000, 4));
    config_write(0, 0x72, 1, 0x1a);
    config_write(0, 0x72, 1, 0x4a); /* locked */
    assert_int_equal(test_load(0xa8000, 4), 0xffffffff);
}

static void test_reset_control_register_resets(void **state)
{
    (void)state;
    test_out(0xcf8, 4, 0x80000000);
    test_out(0xcf9, 1, 2);
    assert_int_equal(test_requests, 0);
    test_out(0xcf9, 1, 6);
    assert_int_equal(test_requests, MACHINE_RESET);
    assert_int_equal(test_in(0xcf8, 4), 0x80000000);
}

static void test_reset_unmaps_everything(void **state)
{
    (void)state;
    bql_assert_locked();
    config_write(DEV, 0x10, 4, 0x40001000);
    config_write(DEV, 4, 2, 7);
    pci_set_intx(&dev.pci, true);
    i440fx_reset(host);
    assert_int_equal(dev.resets, 1);
    assert_int_equal(test_load(0x40001004, 1), 0xff);
    assert_int_equal(config_read(DEV, 0x10, 4), 0xc);
}

static void test_every_register_takes_every_kind_of_write(void **state)
{
    static const uint32_t values[] = {0xffffffff, 0, 0x80, 0xfee00007, 0xaaaaaaaa, 0x1fff};
    (void)state;

    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        for (unsigned devfn = 0; devfn < 32; devfn++) {
            for (unsigned reg = 0; reg < 256; reg++) {
                config_write(devfn, reg, 1u << reg % 3, values[i]);
                (void)config_read(devfn, reg, 1);
            }
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_functions_are_found_and_others_are_not),
        TEST(test_bars_tell_their_size_and_are_mapped),
        TEST(test_bar_hides_no_memory),
        TEST(test_pins_are_routed_by_the_south_bridge),
        TEST(test_msix_vectors_are_sent_masked_and_pending),
        TEST(test_attribute_map_shows_ram_or_the_bus),
        TEST(test_smram_is_seen_by_smm_alone_unless_open),
        TEST(test_reset_control_register_resets),
        TEST(test_reset_unmaps_everything),
        TEST(test_every_register_takes_every_kind_of_write),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
