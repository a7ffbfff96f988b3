/* The firmware configuration device: named blobs that firmware reads, through ports
 * 0x510 and 0x511 byte by byte, or by DMA through 0x514. */
#ifndef MORTISE_HW_FW_CFG_H
#define MORTISE_HW_FW_CFG_H

#include <stddef.h>

#include "hw/machine.h"

enum fw_cfg_key {
    FW_CFG_SIGNATURE = 0x00,
    FW_CFG_ID = 0x01,
    FW_CFG_RAM_SIZE = 0x03,
    FW_CFG_NOGRAPHIC = 0x04,
    FW_CFG_NB_CPUS = 0x05,
    FW_CFG_KERNEL_ADDR = 0x07,
    FW_CFG_KERNEL_SIZE = 0x08,
    FW_CFG_INITRD_ADDR = 0x0a,
    FW_CFG_INITRD_SIZE = 0x0b,
    FW_CFG_BOOT_MENU = 0x0e,
    FW_CFG_MAX_CPUS = 0x0f,
    FW_CFG_KERNEL_ENTRY = 0x10,
    FW_CFG_KERNEL_DATA = 0x11,
    FW_CFG_INITRD_DATA = 0x12,
    FW_CFG_CMDLINE_ADDR = 0x13,
    FW_CFG_CMDLINE_SIZE = 0x14,
    FW_CFG_CMDLINE_DATA = 0x15,
    FW_CFG_SETUP_ADDR = 0x16,
    FW_CFG_SETUP_SIZE = 0x17,
    FW_CFG_SETUP_DATA = 0x18,
    FW_CFG_FILE_DIR = 0x19,
    FW_CFG_IRQ0_OVERRIDE = 0x8002,
};

struct fw_cfg;

/* Sets m->fw_cfg. */
NODISCARD int fw_cfg_new(struct machine *m, struct error *err) REQUIRES(bql);
void fw_cfg_free(struct fw_cfg *f) REQUIRES(bql);
void fw_cfg_reset(void *opaque) REQUIRES(bql);

/* An item with a number, copied from data; replaces what was there. */
NODISCARD int fw_cfg_add(struct fw_cfg *f, uint16_t key, const void *data, size_t size,
                         struct error *err) REQUIRES(bql);
/* The same for an integer of 2, 4 or 8 bytes. */
NODISCARD int fw_cfg_add_int(struct fw_cfg *f, uint16_t key, uint64_t value, unsigned size,
                             struct error *err) REQUIRES(bql);
/* A file of the directory; its name has at most 55 characters. */
NODISCARD int fw_cfg_add_file(struct fw_cfg *f, const char *name, const void *data, size_t size,
                              struct error *err) REQUIRES(bql);
/* One that the guest can write to by DMA; `written` (with the BQL) hears of it. */
NODISCARD int fw_cfg_add_writable_file(struct fw_cfg *f, const char *name, const void *data,
                                       size_t size, void (*written)(void *opaque, const void *data),
                                       void *opaque, struct error *err) REQUIRES(bql);
/* From now on the contents of the file `name` are made anew whenever the guest selects
 * it, by `fill` with the BQL: `size` bytes, which are what they were before. */
void fw_cfg_refill_file(struct fw_cfg *f, const char *name,
                        void (*fill)(void *opaque, uint8_t *data, size_t size), void *opaque)
    REQUIRES(bql);

#endif
