/* Buses by the names that QEMU has for them. The machine "pc" has pci.0, and ide.0 and
 * ide.1 with two units each; "q35" has pcie.0, and ide.0 to ide.5 with one. */
#include "hw/device_place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/ahci.h"
#include "hw/boot_order.h"
#include "hw/drive.h"
#include "hw/ide.h"
#include "hw/pci.h"

/* The buses for IDE drives of a machine. */
struct ide_buses {
    unsigned count, units;
};

static struct ide_buses ide_buses(const struct machine *m)
{
    return m->config.type == MACHINE_Q35 ? (struct ide_buses){AHCI_PORTS, 1}
                                         : (struct ide_buses){IDE_DRIVES / 2, 2};
}

static const char *pci_name(const struct machine *m)
{
    return m->config.type == MACHINE_Q35 ? "pcie.0" : "pci.0";
}

/* The number behind "ide."; -1: there is no such bus. */
static int ide_number(const struct machine *m, const char *bus)
{
    unsigned long n;
    char *end;

    if (strncmp(bus, "ide.", 4) != 0 || bus[4] < '0' || bus[4] > '9') {
        return -1;
    }
    n = strtoul(bus + 4, &end, 10);
    return *end || n >= ide_buses(m).count ? -1 : (int)n;
}

static int not_here(const struct machine *m, const char *device, const char *bus, struct error *err)
{
    if (strcmp(bus, pci_name(m)) == 0) {
        return error_set(err, EINVAL, "'%s' can't go on PCI bus", device);
    }
    return ide_number(m, bus) >= 0 ? error_set(err, EINVAL, "'%s' can't go on IDE bus", device)
                                   : error_set(err, ENODEV, "%s: bus '%s' not found", device, bus);
}

int device_pci_place(const struct machine *m, const struct device_props *p, int *devfn,
                     struct error *err)
{
    const char *text = device_props_get(p, "addr"), *bus = device_props_get(p, "bus");
    unsigned long slot, function = 0;
    char *end;

    *devfn = -1;
    if (bus && strcmp(bus, pci_name(m)) != 0) {
        return not_here(m, p->first, bus, err);
    }
    if (!text) {
        return 0;
    }
    slot = strtoul(text, &end, 16);
    if (end != text && *end == '.') {
        function = strtoul(end + 1, &end, 16);
    }
    if (end == text || *end || slot > 31 || function > 7) {
        return error_set(err, EINVAL, "addr=%s: SLOT or SLOT.FUNCTION expected", text);
    }
    *devfn = PCI_DEVFN((int)slot, (int)function);
    return 0;
}

static bool is_free(const struct machine *m, unsigned at) REQUIRES(bql)
{
    return m->ahci ? ahci_port_is_free(m->ahci, at) : ide_place_is_free(m->ide, at);
}

/* The first free place of [from, end), or -1. */
static int first_free(const struct machine *m, unsigned from, unsigned end) REQUIRES(bql)
{
    for (unsigned at = from; at < end; at++) {
        if (is_free(m, at)) {
            return (int)at;
        }
    }
    return -1;
}

/* The place that bus and unit leave. */
static int ide_place(const struct machine *m, const struct device_props *p, unsigned *place,
                     struct error *err) REQUIRES(bql)
{
    const struct ide_buses buses = ide_buses(m);
    const char *bus = device_props_get(p, "bus");
    bool any_unit = !device_props_get(p, "unit");
    uint64_t unit = 0;
    int n = bus ? ide_number(m, bus) : 0, at;
    int ret = device_props_number(p, "unit", 0, UINT32_MAX, &unit, err);

    if (ret < 0) {
        return ret;
    }
    if (n < 0) {
        return not_here(m, p->first, bus, err);
    }
    if (unit >= buses.units) {
        return error_set(err, EINVAL, "can't create IDE unit %llu, bus supports only %u units",
                         (unsigned long long)unit, buses.units);
    }
    if (!any_unit) {
        *place = (unsigned)n * buses.units + (unsigned)unit;
        return is_free(m, *place) ? 0
                                  : error_set(err, EBUSY, "IDE unit %u of bus 'ide.%d' is in use",
                                              (unsigned)unit, n);
    }
    at = bus ? first_free(m, (unsigned)n * buses.units, ((unsigned)n + 1) * buses.units)
             : first_free(m, 0, buses.count * buses.units);
    if (at < 0) {
        return bus ? error_set(err, EBUSY, "bus '%s' is full", bus)
                   : error_set(err, EBUSY, "%s: all IDE buses are full", p->first);
    }
    *place = (unsigned)at;
    return 0;
}

static int attach(struct machine *m, unsigned place, const struct ide_drive *drive,
                  struct error *err) REQUIRES(bql)
{
    return m->ahci ? ahci_attach(m->ahci, place, drive, err)
                   : ide_attach(m->ide, place, drive, err);
}

int device_ide_new(struct machine *m, const struct device_props *p, bool cd, struct error *err)
{
    const char *id = device_props_get(p, "drive"), *serial = device_props_get(p, "serial");
    struct ide_drive drive = {.disk = NULL};
    unsigned place = 0;
    int ret = m->ahci ? 0 : drive_need_ide(m, err);

    if (ret == 0) {
        ret = ide_place(m, p, &place, err);
    }
    if (ret == 0 && !id && !cd) {
        ret = error_set(err, EINVAL, "%s: no drive specified", p->first);
    }
    if (ret == 0 && id) {
        ret = drive_take(id, p->first, cd, &drive, err);
    }
    if (ret < 0) {
        return ret;
    }
    drive.cd = cd;
    drive.serial = serial ? serial : drive.serial;
    ret = attach(m, place, &drive, err);
    if (ret < 0) {
        disk_close(drive.disk);
    }
    return ret < 0 ? ret : boot_order_add_ide(m, p, place, err);
}
