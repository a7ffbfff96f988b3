/* Devices of the command line that have a character device: it is theirs, and is closed with
 * them when the machine is gone. */
#include <errno.h>

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
    struct chardev *c;
    int devfn, ret = device_pci_place(m, p, &devfn, err);

    if (ret == 0) {
        ret = open_char(p, &c, err);
    }
    return ret < 0 ? ret : virtio_console_new(m->pci, devfn, c, err);
}

int device_char_new_debugcon(struct machine *m, const struct device_props *p, struct error *err)
{
    struct chardev *c;
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
    while (debugcon_count > 0) {
        debugcon_free(debugcons[--debugcon_count]);
    }
    while (char_count > 0) {
        chardev_free(chars[--char_count]);
    }
}
