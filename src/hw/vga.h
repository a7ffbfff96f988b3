/* A VGA with the linear modes of Bochs' display interface ("std VGA", 1234:1111): the
 * ports and the memory window of a VGA, a frame buffer in BAR 0, both kinds of registers
 * once more in BAR 2. */
#ifndef MORTISE_HW_VGA_H
#define MORTISE_HW_VGA_H

#include "hw/pci.h"

#define VGA_MEMORY_DEFAULT (16u << 20)

struct vga;

/* `memory`: a power of two from 1 to 256 MiB. Freed with the bus. */
NODISCARD int vga_new(struct pci_bus *bus, int devfn, uint32_t memory, struct vga **out,
                      struct error *err) REQUIRES(bql);

/* What is on the screen. Pixels are 0x00rrggbb, rows follow each other; the caller
 * frees them. Fails with -ENODATA while the screen is blank. */
struct vga_image {
    unsigned width, height;
    uint32_t *pixels;
};
NODISCARD int vga_screen(struct vga *v, struct vga_image *image, struct error *err) REQUIRES(bql);

/* In a text mode: its characters, row by row, with newlines; ends with 0. False: it is
 * in a graphics mode. */
bool vga_text(struct vga *v, char *buf, size_t size) REQUIRES(bql);

#endif
