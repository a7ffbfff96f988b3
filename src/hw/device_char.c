/* Devices of the command line that have a character device: it is theirs, and is closed with
 * them when the machine is gone. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hw/chardev_named.h"
#include "hw/debugcon.h"
#include "hw/device_internal.h"
#include "hw/device_place.h"
#include "hw/virtio_console.h"

#define CHARS_MAX     16
#define DEBUGCON_PORT 0xe9

static struct chardev *chars[CHARS_MAX] GUARDED_BY(bql);
static unsigned char_count GUARDED_BY(bql);
static struct debugcon *debugcons[CHARS_MAX] GUARDED_BY(bql);
static unsigned debugcon_count GUARDED_BY(bql);

/* What a virtio-serial-pci is to the virtconsole on it. */
static struct serial_bus {
    char name[64];
    struct virtio_console *console; /* NULL: it has a virtconsole */
} serial_buses[CHARS_MAX] GUARDED_BY(bql);
static unsigned serial_bus_count GUARDED_BY(bql);

static int open_char(const struct device_props *p, struct chardev **out, struct error *err)
    REQUIRES(bql)
{
    const char *spec = device_props_get(p, "chardev");
    int ret;

    if (char_count == CHARS_MAX) {
        return error_set(err, E2BIG, "more than %d devices with a character device", CHARS_MAX);
    }
    ret = spec && chardev_named_is(spec)
              ? chardev_named_take(spec, p->first, out, err)
              : chardev_new(spec ? spec : "null", p->first, true, out, err);
    if (ret == 0) {
        chars[char_count++] = *out;
    }
    return ret;
}

int device_char_new_virtio_console(struct machine *m, const struct device_props *p,
                                   struct error *err)
{
    struct virtio_console *console;
    struct chardev *c = NULL;
    int devfn, ret = device_pci_place(m, p, &devfn, err);

    if (ret == 0) {
        ret = open_char(p, &c, err);
    }
    return ret < 0 ? ret : virtio_console_new(m->pci, devfn, c, &console, err);
}

int device_char_new_virtio_serial(struct machine *m, const struct device_props *p,
                                  struct error *err)
{
    const char *id = device_props_get(p, "id");
    struct serial_bus *bus = &serial_buses[serial_bus_count];
    int devfn, ret = device_pci_place(m, p, &devfn, err);

    if (ret == 0 && serial_bus_count == CHARS_MAX) {
        ret = error_set(err, E2BIG, "more than %d of %s", CHARS_MAX, p->first);
    }
    if (ret < 0) {
        return ret;
    }
    (void)snprintf(bus->name, sizeof(bus->name), "%s.0", id ? id : "virtio-serial-bus");
    ret = virtio_console_new(m->pci, devfn, NULL, &bus->console, err);
    serial_bus_count += ret == 0;
    return ret;
}

/* On the bus that it names, or the last that has room. */
int device_char_new_virtconsole(struct machine *m, const struct device_props *p, struct error *err)
{
    const char *name = device_props_get(p, "bus");
    struct serial_bus *bus = NULL;
    struct chardev *c = NULL;
    bool named = false;
    int ret;
    (void)m;

    for (unsigned i = serial_bus_count; i-- > 0 && !bus;) {
        struct serial_bus *b = &serial_buses[i];

        if (!name || strcmp(name, b->name) == 0) {
            named = true;
            bus = b->console ? b : NULL;
        }
    }
    if (!bus) {
        return named ? error_set(err, EBUSY, "virtconsole: a virtio-serial-pci has room for one")
               : name
                   ? error_set(err, ENODEV, "virtconsole: bus '%s' not found", name)
                   : error_set(err, ENODEV, "virtconsole: there is no virtio-serial-pci before it");
    }
    ret = open_char(p, &c, err);
    if (ret == 0) {
        virtio_console_connect(bus->console, c);
        bus->console = NULL;
    }
    return ret;
}

int device_char_new_debugcon(struct machine *m, const struct device_props *p, struct error *err)
{
    struct chardev *c = NULL;
    uint64_t port, readback;
    int ret = device_props_number(p, "iobase", DEBUGCON_PORT, UINT16_MAX, &port, err);

    if (ret == 0) {
        ret = device_props_number(p, "readback", DEBUGCON_PORT, UINT8_MAX, &readback, err);
    }
    if (ret == 0) {
        ret = open_char(p, &c, err);
    }
    if (ret == 0) {
        ret =
            debugcon_new(m, (uint16_t)port, (uint8_t)readback, c, &debugcons[debugcon_count], err);
        debugcon_count += ret == 0;
    }
    return ret;
}

void device_chars_free(void)
{
    serial_bus_count = 0;
    while (debugcon_count > 0) {
        debugcon_free(debugcons[--debugcon_count]);
    }
    while (char_count > 0) {
        chardev_free(chars[--char_count]);
    }
}
