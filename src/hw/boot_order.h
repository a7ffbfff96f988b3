/* bootindex= of devices: which of them firmware boots from first, in the file "bootorder" of
 * fw_cfg. SeaBIOS and OVMF know the devices by their paths as Open Firmware would name them. */
#ifndef MORTISE_HW_BOOT_ORDER_H
#define MORTISE_HW_BOOT_ORDER_H

#include "hw/machine.h"
#include "hw/props.h"

/* If the properties have a bootindex. An IDE drive by its place: hw/device_place.h counts. */
NODISCARD int boot_order_add_ide(const struct machine *m, const struct device_props *p,
                                 unsigned place, struct error *err) REQUIRES(bql);
NODISCARD int boot_order_add_virtio_blk(const struct device_props *p, int devfn, struct error *err)
    REQUIRES(bql);

/* Once all devices are there. Without a bootindex there is no such file. */
NODISCARD int boot_order_publish(struct machine *m, struct error *err) REQUIRES(bql);
void boot_order_forget(void) REQUIRES(bql);

#endif
