/* Bochs' display interface: modes by width, height and depth. A mode that the memory
 * cannot hold is cut to one that it can. */
#include <string.h>

#include "hw/vga_internal.h"

#define ID      0xb0c5u
#define X_MAX   4096u
#define Y_MAX   4096u
#define BPP_MAX 32u

static unsigned bytes_per_pixel(unsigned bpp)
{
    return bpp == 4 ? 1 : (bpp + 7) / 8;
}

static bool bpp_exists(unsigned bpp)
{
    return bpp == 4 || bpp == 8 || bpp == 15 || bpp == 16 || bpp == 24 || bpp == 32;
}

uint16_t vga_vbe_read(const struct vga *v, unsigned reg)
{
    if (reg >= VBE_REGS) {
        return 0;
    }
    if (v->vbe[VBE_ENABLE] & VBE_CAPS) { /* what is possible, not what is */
        switch (reg) {
        case VBE_XRES: /* NOLINT(bugprone-branch-clone): two limits that happen to be the same */
            return X_MAX;
        case VBE_YRES:
            return Y_MAX;
        case VBE_BPP:
            return BPP_MAX;
        default:
            break;
        }
    }
    return v->vbe[reg];
}

/* Makes the registers of a mode fit each other and the memory. */
static void fit(struct vga *v) REQUIRES(bql)
{
    uint16_t *r = v->vbe;
    uint32_t line, lines;

    r[VBE_XRES] = (uint16_t)(r[VBE_XRES] & ~7u);
    r[VBE_XRES] = r[VBE_XRES] == 0 ? 8 : r[VBE_XRES] > X_MAX ? X_MAX : r[VBE_XRES];
    if (r[VBE_VIRT_WIDTH] < r[VBE_XRES] || r[VBE_VIRT_WIDTH] > X_MAX) {
        r[VBE_VIRT_WIDTH] = r[VBE_XRES];
    }
    line = r[VBE_VIRT_WIDTH] * bytes_per_pixel(r[VBE_BPP]);
    lines = v->size / line;
    r[VBE_VIRT_HEIGHT] = (uint16_t)(lines < UINT16_MAX ? lines : UINT16_MAX);
    r[VBE_YRES] = r[VBE_YRES] == 0 ? 1 : r[VBE_YRES] > Y_MAX ? Y_MAX : r[VBE_YRES];
    if (r[VBE_YRES] > lines) {
        r[VBE_YRES] = (uint16_t)lines;
    }
    if (r[VBE_X_OFFSET] > r[VBE_VIRT_WIDTH] - r[VBE_XRES]) {
        r[VBE_X_OFFSET] = (uint16_t)(r[VBE_VIRT_WIDTH] - r[VBE_XRES]);
    }
    if (r[VBE_Y_OFFSET] > lines - r[VBE_YRES]) {
        r[VBE_Y_OFFSET] = (uint16_t)(lines - r[VBE_YRES]);
    }
}

/* The VGA's own registers, as far as they matter for the window in a linear mode. */
static void set_window(struct vga *v) REQUIRES(bql)
{
    v->gfx[6] = (uint8_t)((v->gfx[6] & ~0x0cu) | 0x05);
    v->gfx[5] &= (uint8_t)~0x10u;
    if (v->vbe[VBE_BPP] == 4) {
        v->seq[4] &= (uint8_t)~0x08u;
    } else {
        v->seq[4] |= 0x08;
        v->seq[2] = 0x0f;
    }
}

static void enable(struct vga *v, uint16_t value) REQUIRES(bql)
{
    bool was = v->vbe[VBE_ENABLE] & VBE_ENABLED;

    v->vbe[VBE_ENABLE] = value;
    v->vbe[VBE_BANK] = 0;
    if (!(value & VBE_ENABLED) || was) {
        return;
    }
    v->vbe[VBE_VIRT_WIDTH] = v->vbe[VBE_XRES];
    v->vbe[VBE_X_OFFSET] = v->vbe[VBE_Y_OFFSET] = 0;
    fit(v);
    set_window(v);
    if (!(value & VBE_KEEP)) {
        memset(v->memory, 0,
               (size_t)v->vbe[VBE_XRES] * bytes_per_pixel(v->vbe[VBE_BPP]) * v->vbe[VBE_YRES]);
    }
}

void vga_vbe_write(struct vga *v, unsigned reg, uint16_t value)
{
    switch (reg) {
    case VBE_ID:
        if (value >= 0xb0c0 && value <= ID) {
            v->vbe[VBE_ID] = value;
        }
        break;
    case VBE_ENABLE:
        enable(v, value);
        break;
    case VBE_BPP:
        v->vbe[VBE_BPP] = bpp_exists(value) ? value : 8;
        fit(v);
        break;
    case VBE_BANK:
        v->vbe[VBE_BANK] = (uint16_t)(value & (v->size / 65536 - 1));
        break;
    case VBE_XRES:
    case VBE_YRES:
    case VBE_VIRT_WIDTH:
    case VBE_X_OFFSET:
    case VBE_Y_OFFSET:
        v->vbe[reg] = value;
        if (v->vbe[VBE_ENABLE] & VBE_ENABLED) {
            fit(v);
        }
        break;
    default:
        break;
    }
}
