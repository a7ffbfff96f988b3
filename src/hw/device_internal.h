/* What the files about devices of the command line share. */
#ifndef MORTISE_HW_DEVICE_INTERNAL_H
#define MORTISE_HW_DEVICE_INTERNAL_H

#include "hw/device.h"

/* NULL: there is none of that name. */
const struct device_type *device_type_find(const char *name);
bool device_type_has(const struct device_type *t, const char *property);
/* The name that may have been meant; NULL: none is near. */
const char *device_type_suggest(const char *name);

/* device_global.c: adds what -global says of the type, unless it is there. */
NODISCARD int device_globals_apply(const struct device_type *t, struct device_props *p,
                                   struct error *err) REQUIRES(bql);
void device_globals_free(void) REQUIRES(bql);

/* device_char.c: devices with a character device, which is `chardev`: one that -chardev has
 * named, or what -serial takes. */
NODISCARD int device_char_new_virtio_console(struct machine *m, const struct device_props *p,
                                             struct error *err) REQUIRES(bql);
/* A virtio console without a character device, and what gives it one. */
NODISCARD int device_char_new_virtio_serial(struct machine *m, const struct device_props *p,
                                            struct error *err) REQUIRES(bql);
NODISCARD int device_char_new_virtconsole(struct machine *m, const struct device_props *p,
                                          struct error *err) REQUIRES(bql);
NODISCARD int device_char_new_debugcon(struct machine *m, const struct device_props *p,
                                       struct error *err) REQUIRES(bql);
void device_chars_free(void) REQUIRES(bql);

#endif
