/* Where -device puts IDE drives and PCI devices: by bus, unit and address, and the
 * sentences about places that are not there. */
#include "hw_test.h"

#include <stdio.h>
#include <unistd.h>

#include "hw/device_place.h"
#include "hw/drive.h"
#include "hw/i440fx.h"
#include "hw/piix3.h"

static struct i440fx *host;
static struct piix3 *piix3;
static char path[32];

static int setup(void **state)
{
    struct error err = {""};
    (void)state;

    bql_assert_locked();
    test_forget();
    machine.config.type = MACHINE_PC;
    machine.ide = NULL;
    for (unsigned n = 0; n < 16; n++) {
        machine.isa_irq[n] = test_irq(n);
    }
    assert_int_equal(i440fx_new(&machine, NULL, &host, &err), 0);
    assert_int_equal(piix3_new(&machine, (struct irq){.set = NULL}, &piix3, &err), 0);
    strcpy(path, "/tmp/mortise-place-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 65536), 0);
    (void)close(fd);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bql_assert_locked();
    i440fx_free(host);
    drives_free();
    machine.ide = NULL;
    (void)unlink(path);
    return 0;
}

static void add_drive(const char *how)
{
    struct error err = {""};
    char text[128];

    bql_assert_locked();
    (void)snprintf(text, sizeof(text), "file=%s,format=raw,%s", path, how);
    if (drive_add(text, &err) < 0) {
        fail_msg("%s: %s", text, err.text);
    }
}

/* What it says; NULL: it worked. */
static const char *add(const char *text)
{
    static struct error err;
    struct device_props p;
    int ret;

    bql_assert_locked();
    err.text[0] = '\0';
    assert_int_equal(device_props_parse(&p, text, &err), 0);
    ret = device_ide_new(&machine, &p, strcmp(p.first, "ide-cd") == 0, &err);
    device_props_free(&p);
    return ret < 0 ? err.text : NULL;
}

static void assert_refused(const char *text, const char *sentence)
{
    const char *said = add(text);

    if (!said) {
        fail_msg("%s works", text);
        return;
    }
    assert_string_equal(said, sentence);
}

static void test_places_are_taken_as_named_or_in_order(void **state)
{
    (void)state;
    bql_assert_locked();
    add_drive("if=none,id=a");
    assert_null(add("ide-hd,drive=a,bus=ide.0,unit=1"));
    assert_false(ide_place_is_free(machine.ide, 1));
    assert_true(ide_place_is_free(machine.ide, 0));
    assert_null(add("ide-cd"));
    assert_false(ide_place_is_free(machine.ide, 0));
    assert_null(add("ide-cd,bus=ide.1"));
    assert_null(add("ide-cd,bus=ide.1"));
    assert_refused("ide-cd,bus=ide.1", "bus 'ide.1' is full");
    assert_refused("ide-cd", "ide-cd: all IDE buses are full");
}

static void test_what_is_not_there_is_refused(void **state)
{
    (void)state;
    add_drive("if=none,id=a");
    assert_refused("ide-hd,drive=a,bus=ide.2", "ide-hd: bus 'ide.2' not found");
    assert_refused("ide-hd,drive=a,bus=ide.", "ide-hd: bus 'ide.' not found");
    assert_refused("ide-hd,drive=a,bus=pci.0", "'ide-hd' can't go on PCI bus");
    assert_refused("ide-hd,drive=a,unit=2", "can't create IDE unit 2, bus supports only 2 units");
    assert_refused("ide-hd", "ide-hd: no drive specified");
    assert_refused("ide-hd,drive=b", "ide-hd: property 'drive' can't find value 'b'");
    assert_null(add("ide-hd,drive=a"));
}

static void test_nothing_is_used_twice(void **state)
{
    (void)state;
    add_drive("if=none,id=a");
    add_drive("if=none,id=b");
    add_drive("if=virtio,id=c");
    assert_null(add("ide-hd,drive=a,unit=0"));
    assert_refused("ide-hd,drive=b,unit=0", "IDE unit 0 of bus 'ide.0' is in use");
    assert_refused("ide-hd,drive=a", "ide-hd: property 'drive' can't take value 'a', it's in use");
    assert_refused("ide-hd,drive=c", "ide-hd: property 'drive' can't take value 'c', it's in use "
                                     "(its -drive is not if=none)");
}

static void test_a_cd_rom_drive_may_be_empty_and_a_disk_may_not(void **state)
{
    struct error err = {""};
    (void)state;
    bql_assert_locked();
    assert_int_equal(drive_add("if=none,media=cdrom,id=a", &err), 0);
    assert_refused("ide-hd,drive=a", "ide-hd: device needs media, but drive 'a' is empty");
    assert_null(add("ide-cd,drive=a"));
}

static void test_an_id_belongs_to_one_drive(void **state)
{
    struct error err = {""};
    (void)state;
    bql_assert_locked();
    assert_int_equal(drive_add("if=none,media=cdrom,id=a", &err), 0);
    assert_true(drive_add("if=none,media=cdrom,id=a", &err) < 0);
    assert_string_equal(err.text, "-drive: there are two with id=a");
}

static const char *pci_place(const char *text, int *devfn)
{
    static struct error err;
    struct device_props p;
    int ret;

    err.text[0] = '\0';
    assert_int_equal(device_props_parse(&p, text, &err), 0);
    ret = device_pci_place(&machine, &p, devfn, &err);
    device_props_free(&p);
    return ret < 0 ? err.text : NULL;
}

static void test_pci_buses_go_by_the_machine_s_name(void **state)
{
    int devfn = 0;
    (void)state;
    assert_null(pci_place("VGA", &devfn));
    assert_int_equal(devfn, -1);
    assert_null(pci_place("VGA,bus=pci.0,addr=1f.7", &devfn));
    assert_int_equal(devfn, 0xff);
    assert_string_equal(pci_place("VGA,bus=pcie.0", &devfn), "VGA: bus 'pcie.0' not found");
    assert_string_equal(pci_place("VGA,bus=ide.1", &devfn), "'VGA' can't go on IDE bus");
    assert_string_equal(pci_place("VGA,addr=20", &devfn),
                        "addr=20: SLOT or SLOT.FUNCTION expected");
    machine.config.type = MACHINE_Q35;
    assert_null(pci_place("VGA,bus=pcie.0", &devfn));
    assert_null(pci_place("VGA,bus=pcie.0,addr=3", &devfn));
    assert_int_equal(devfn, 3 << 3);
    assert_string_equal(pci_place("VGA,bus=ide.5", &devfn), "'VGA' can't go on IDE bus");
    assert_string_equal(pci_place("VGA,bus=ide.6", &devfn), "VGA: bus 'ide.6' not found");
}

#define PLACE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_places_are_taken_as_named_or_in_order),
        PLACE_TEST(test_what_is_not_there_is_refused),
        PLACE_TEST(test_nothing_is_used_twice),
        PLACE_TEST(test_a_cd_rom_drive_may_be_empty_and_a_disk_may_not),
        PLACE_TEST(test_an_id_belongs_to_one_drive),
        PLACE_TEST(test_pci_buses_go_by_the_machine_s_name),
    };
    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
