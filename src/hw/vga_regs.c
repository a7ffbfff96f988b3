/* The VGA's registers (IBM VGA technical reference; FreeVGA project). What does not
 * show on a screen that is looked at now and then is kept and otherwise ignored. */
#include <string.h>

#include "hw/vga_internal.h"

#define STATUS_RETRACE 0x08u
#define STATUS_BLANK   0x01u
#define MISC_COLOR     0x01u
#define CRTC_PROTECT   0x80u
#define SEQ_INDICES    5u
#define GFX_INDICES    9u
#define ATTR_INDICES   21u
#define CRTC_INDICES   25u

/* The bits that exist. */
static const uint8_t seq_mask[8] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e};
static const uint8_t gfx_mask[16] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};

/* CRTC and status are at 0x3b? or 0x3d?, by the kind of monitor. */
static bool answers(const struct vga *v, unsigned port) REQUIRES(bql)
{
    bool color = v->misc & MISC_COLOR;

    return port >= 0x3c0 && port < 0x3d0 ? true : (port >= 0x3d0) == color;
}

static uint8_t dac_data(struct vga *v) REQUIRES(bql)
{
    uint8_t value = v->dac[v->dac_read];

    v->dac_read = (v->dac_read + 1) % sizeof(v->dac);
    return value;
}

uint8_t vga_port_read(struct vga *v, unsigned port)
{
    if (!answers(v, port)) {
        return 0xff;
    }
    switch (port) {
    case 0x3c0:
        return v->attr_index;
    case 0x3c1:
        return v->attr[v->attr_index & 31];
    case 0x3c2:
        return 0;
    case 0x3c4:
        return v->seq_index;
    case 0x3c5:
        return v->seq[v->seq_index & 7];
    case 0x3c6:
        return v->dac_mask;
    case 0x3c7:
        return v->dac_reading ? 3 : 0;
    case 0x3c8:
        return (uint8_t)(v->dac_write / 3);
    case 0x3c9:
        return dac_data(v);
    case 0x3ca:
        return v->feature;
    case 0x3cc:
        return v->misc;
    case 0x3ce:
        return v->gfx_index;
    case 0x3cf:
        return v->gfx[v->gfx_index & 15];
    case 0x3b4:
    case 0x3d4:
        return v->crtc_index;
    case 0x3b5:
    case 0x3d5:
        return v->crtc[v->crtc_index & 31];
    case 0x3ba:
    case 0x3da:
        v->attr_data = false;
        v->status ^= STATUS_RETRACE | STATUS_BLANK; /* whoever waits for it gets it */
        return v->status;
    default:
        return 0xff;
    }
}

static void write_attr(struct vga *v, uint8_t value) REQUIRES(bql)
{
    unsigned n = v->attr_index & 31;

    if (!v->attr_data) {
        v->attr_index = value & 0x3f;
    } else if (n < ATTR_INDICES) {
        v->attr[n] = n < 16 ? value & 0x3f : value;
    }
    v->attr_data = !v->attr_data;
}

static void write_crtc(struct vga *v, uint8_t value) REQUIRES(bql)
{
    unsigned n = v->crtc_index & 31;

    if (n <= 7 && (v->crtc[0x11] & CRTC_PROTECT)) {
        if (n == 7) { /* but for the line compare bit */
            v->crtc[7] = (uint8_t)((v->crtc[7] & ~0x10) | (value & 0x10));
        }
        return;
    }
    if (n < CRTC_INDICES) {
        v->crtc[n] = value;
    }
}

static void write_dac(struct vga *v, uint8_t value) REQUIRES(bql)
{
    v->dac[v->dac_write] = v->vbe[VBE_ENABLE] & VBE_DAC_8 ? value : value & 0x3f;
    v->dac_write = (v->dac_write + 1) % sizeof(v->dac);
}

void vga_port_write(struct vga *v, unsigned port, uint8_t value)
{
    if (!answers(v, port)) {
        return;
    }
    switch (port) {
    case 0x3c0:
        write_attr(v, value);
        break;
    case 0x3c2:
        v->misc = value & 0xef;
        break;
    case 0x3c4:
        v->seq_index = value & 7;
        break;
    case 0x3c5:
        if (v->seq_index < SEQ_INDICES) {
            v->seq[v->seq_index] = value & seq_mask[v->seq_index];
        }
        break;
    case 0x3c6:
        v->dac_mask = value;
        break;
    case 0x3c7:
        v->dac_read = value * 3u;
        v->dac_reading = true;
        break;
    case 0x3c8:
        v->dac_write = value * 3u;
        v->dac_reading = false;
        break;
    case 0x3c9:
        write_dac(v, value);
        break;
    case 0x3ce:
        v->gfx_index = value & 15;
        break;
    case 0x3cf:
        if (v->gfx_index < GFX_INDICES) {
            v->gfx[v->gfx_index] = value & gfx_mask[v->gfx_index];
        }
        break;
    case 0x3b4:
    case 0x3d4:
        v->crtc_index = value & 31;
        break;
    case 0x3b5:
    case 0x3d5:
        write_crtc(v, value);
        break;
    case 0x3ba:
    case 0x3da:
        v->feature = value & 0x10;
        break;
    default:
        break;
    }
}

void vga_regs_reset(struct vga *v)
{
    v->misc = MISC_COLOR | 2; /* colour addresses, memory on */
    v->feature = v->status = 0;
    v->seq_index = v->gfx_index = v->attr_index = v->crtc_index = 0;
    v->attr_data = v->dac_reading = false;
    v->dac_read = v->dac_write = 0;
    v->dac_mask = 0xff;
    v->latch = 0;
    memset(v->seq, 0, sizeof(v->seq));
    memset(v->gfx, 0, sizeof(v->gfx));
    memset(v->attr, 0, sizeof(v->attr));
    memset(v->crtc, 0, sizeof(v->crtc));
    memset(v->dac, 0, sizeof(v->dac));
}
