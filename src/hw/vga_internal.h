/* What the files of the VGA share. All under the BQL. */
#ifndef MORTISE_HW_VGA_INTERNAL_H
#define MORTISE_HW_VGA_INTERNAL_H

#include "hw/vga.h"

enum vbe_reg {
    VBE_ID,
    VBE_XRES,
    VBE_YRES,
    VBE_BPP,
    VBE_ENABLE,
    VBE_BANK,
    VBE_VIRT_WIDTH,
    VBE_VIRT_HEIGHT,
    VBE_X_OFFSET,
    VBE_Y_OFFSET,
    VBE_MEMORY, /* in 64 KiB, read-only */
    VBE_REGS
};
enum vbe_enable {
    VBE_ENABLED = 1,
    VBE_CAPS = 2,
    VBE_DAC_8 = 0x20,
    VBE_LINEAR = 0x40,
    VBE_KEEP = 0x80
};

struct vga {
    struct pci_device pci;
    struct memory_region frame, mmio, window, ports, vbe_ports;
    uint32_t size IMMUTABLE_AFTER_INIT;   /* of the frame buffer */
    uint8_t *memory IMMUTABLE_AFTER_INIT; /* plane p of address a is at 4 * a + p */

    /* The standard registers. */
    uint8_t misc GUARDED_BY(bql), feature GUARDED_BY(bql), status GUARDED_BY(bql);
    uint8_t seq_index GUARDED_BY(bql), seq[8] GUARDED_BY(bql);
    uint8_t gfx_index GUARDED_BY(bql), gfx[16] GUARDED_BY(bql);
    uint8_t attr_index GUARDED_BY(bql), attr[32] GUARDED_BY(bql);
    bool attr_data GUARDED_BY(bql); /* the next write to 0x3c0 is data */
    uint8_t crtc_index GUARDED_BY(bql), crtc[32] GUARDED_BY(bql);
    uint8_t dac[768] GUARDED_BY(bql), dac_mask GUARDED_BY(bql);
    unsigned dac_read GUARDED_BY(bql), dac_write GUARDED_BY(bql); /* byte in dac */
    bool dac_reading GUARDED_BY(bql);
    uint32_t latch GUARDED_BY(bql);

    uint16_t vbe_index GUARDED_BY(bql), vbe[VBE_REGS] GUARDED_BY(bql);
};

/* vga_regs.c; port is from 0x3b0 to 0x3df. */
uint8_t vga_port_read(struct vga *v, unsigned port) REQUIRES(bql);
void vga_port_write(struct vga *v, unsigned port, uint8_t value) REQUIRES(bql);
void vga_regs_reset(struct vga *v) REQUIRES(bql);

/* vga_memory.c; addr is in the window of 128 KiB at 0xa0000. */
uint8_t vga_window_read(struct vga *v, uint32_t addr) REQUIRES(bql);
void vga_window_write(struct vga *v, uint32_t addr, uint8_t value) REQUIRES(bql);

/* vga_vbe.c */
uint16_t vga_vbe_read(const struct vga *v, unsigned reg) REQUIRES(bql);
void vga_vbe_write(struct vga *v, unsigned reg, uint16_t value) REQUIRES(bql);

#endif
