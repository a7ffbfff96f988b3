/* The picture: what the registers and the memory make of the screen at this moment. */
#include <errno.h>
#include <stdlib.h>

#include "hw/vga_internal.h"

#define SEQ_CLOCK         1
#define CLOCK_OFF         0x20u
#define GFX_MODE          5
#define GFX_MISC          6
#define MISC_GRAPHICS     0x01u
#define MODE_256          0x40u
#define ATTR_ON           0x20u /* in the index register */
#define CRTC_LINES_MASK   0x1fu
#define GLYPH_LINES       32u
#define SEQ_FONTS         3
#define ATTR_MODE         0x10
#define MODE_BLINK        0x08u
#define CRTC_CURSOR_START 0x0a
#define CRTC_CURSOR_END   0x0b
#define CURSOR_OFF        0x20u

/* Colour n of the DAC. */
static uint32_t dac_color(const struct vga *v, unsigned n) REQUIRES(bql)
{
    const uint8_t *c = &v->dac[3UL * (n & v->dac_mask & 0xff)];
    unsigned shift = v->vbe[VBE_ENABLE] & VBE_DAC_8 ? 0 : 2;

    return (uint32_t)c[0] << (16 + shift) | (uint32_t)c[1] << (8 + shift) | (uint32_t)c[2] << shift;
}

/* Colour of four bits, by way of the attribute controller's palette. */
static uint32_t palette_color(const struct vga *v, unsigned n) REQUIRES(bql)
{
    unsigned entry = v->attr[n & 15] & 0x3f;

    if (v->attr[0x10] & 0x80) {
        entry = (entry & 15) | (v->attr[0x14] & 3u) << 4;
    }
    return dac_color(v, entry | (v->attr[0x14] & 0xcu) << 4);
}

static uint8_t byte_at(const struct vga *v, uint64_t at)
{
    return v->memory[at & (v->size - 1)];
}

static unsigned crtc_height(const struct vga *v) REQUIRES(bql)
{
    return (v->crtc[0x12] | (v->crtc[7] & 2u) << 7 | (v->crtc[7] & 0x40u) << 3) + 1;
}

static unsigned start_address(const struct vga *v) REQUIRES(bql)
{
    return (unsigned)v->crtc[0xc] << 8 | v->crtc[0xd];
}

static int allocate(struct vga_image *i, unsigned width, unsigned height, struct error *err)
{
    i->width = width;
    i->height = height;
    i->pixels = calloc((size_t)width * height, sizeof(*i->pixels));
    return i->pixels ? 0 : error_set(err, ENOMEM, "screen: out of memory");
}

/* One pixel of a linear mode at a byte of the memory. */
static uint32_t linear_pixel(const struct vga *v, uint64_t at, unsigned bpp) REQUIRES(bql)
{
    uint32_t p = byte_at(v, at);

    if (bpp <= 8) {
        return dac_color(v, p);
    }
    p |= (uint32_t)byte_at(v, at + 1) << 8;
    if (bpp == 15) {
        return (p & 0x7c00) << 9 | (p & 0x3e0) << 6 | (p & 0x1f) << 3;
    }
    if (bpp == 16) {
        return (p & 0xf800) << 8 | (p & 0x7e0) << 5 | (p & 0x1f) << 3;
    }
    return p | (uint32_t)byte_at(v, at + 2) << 16;
}

/* Four bits of planar memory: pixel x of the line that begins at an address. */
static unsigned planar_pixel(const struct vga *v, uint64_t line, unsigned x)
{
    unsigned value = 0;

    for (unsigned p = 0; p < 4; p++) {
        value |= (byte_at(v, (line + x / 8) * 4 + p) >> (7 - x % 8) & 1u) << p;
    }
    return value;
}

static int linear_screen(const struct vga *v, struct vga_image *i, struct error *err) REQUIRES(bql)
{
    unsigned bpp = v->vbe[VBE_BPP], bytes = bpp == 4 ? 1 : (bpp + 7) / 8;
    uint64_t line = (uint64_t)v->vbe[VBE_VIRT_WIDTH] * bytes;
    uint64_t at = line * v->vbe[VBE_Y_OFFSET] + (uint64_t)v->vbe[VBE_X_OFFSET] * bytes;
    int ret = allocate(i, v->vbe[VBE_XRES], v->vbe[VBE_YRES], err);

    for (unsigned y = 0; y < i->height && ret == 0; y++) {
        for (unsigned x = 0; x < i->width; x++) {
            i->pixels[y * i->width + x] =
                bpp == 4 ? palette_color(v, planar_pixel(v, y * (v->vbe[VBE_VIRT_WIDTH] / 8UL), x))
                         : linear_pixel(v, at + (uint64_t)y * line + (uint64_t)x * bytes, bpp);
        }
    }
    return ret;
}

/* Graphics modes of the VGA: 256 colours of a byte, or four planes. */
static int graphics_screen(const struct vga *v, struct vga_image *i, struct error *err)
    REQUIRES(bql)
{
    bool wide = v->gfx[GFX_MODE] & MODE_256;
    unsigned repeat = (v->crtc[9] & CRTC_LINES_MASK) + 1;
    unsigned lines = crtc_height(v) / (v->crtc[9] & 0x80 ? 2 * repeat : repeat);
    unsigned width = (v->crtc[1] + 1u) * (wide ? 4 : 8);
    unsigned pitch = v->crtc[0x13] * 2u; /* addresses per line */
    int ret = lines == 0 ? error_set(err, ENODATA, "the screen has no lines")
                         : allocate(i, width, lines, err);

    for (unsigned y = 0; ret == 0 && y < lines; y++) {
        uint64_t line = start_address(v) + (uint64_t)y * pitch;

        for (unsigned x = 0; x < width; x++) {
            i->pixels[y * width + x] = wide ? dac_color(v, byte_at(v, line * 4 + x))
                                            : palette_color(v, planar_pixel(v, line, x));
        }
    }
    return ret;
}

struct text {
    unsigned columns, rows, lines; /* lines of a character */
    unsigned pitch;                /* cells per row in memory */
};

static struct text text_of(const struct vga *v) REQUIRES(bql)
{
    struct text t = {.columns = v->crtc[1] + 1u,
                     .lines = (v->crtc[9] & CRTC_LINES_MASK) + 1u,
                     .pitch = v->crtc[0x13] * 2u};

    t.rows = crtc_height(v) / t.lines;
    return t;
}

static uint64_t cell_at(const struct vga *v, const struct text *t, unsigned row, unsigned column)
    REQUIRES(bql)
{
    return (start_address(v) + (uint64_t)row * t->pitch + column) * 4;
}

/* Where in plane 2 the font of a character is: bit 3 of its attribute selects one of two
 * maps, each one of eight of 8 KiB. */
static uint64_t font_at(const struct vga *v, uint8_t attribute) REQUIRES(bql)
{
    unsigned map = v->seq[SEQ_FONTS], n = attribute & 8 ? map >> 2 & 3 : map & 3;

    return n * UINT64_C(0x4000) + (map >> (attribute & 8 ? 5 : 4) & 1) * UINT64_C(0x2000);
}

/* The cursor does not blink: a picture of it shows it. */
static bool cursor_at(const struct vga *v, uint64_t cell, unsigned line) REQUIRES(bql)
{
    unsigned first = v->crtc[CRTC_CURSOR_START], last = v->crtc[CRTC_CURSOR_END] & CRTC_LINES_MASK;

    return !(first & CURSOR_OFF) && line >= (first & CRTC_LINES_MASK) && line <= last &&
           cell / 4 == ((unsigned)v->crtc[0xe] << 8 | v->crtc[0xf]);
}

static bool text_pixel(const struct vga *v, uint64_t cell, unsigned line, unsigned x) REQUIRES(bql)
{
    uint64_t glyph = byte_at(v, cell) * (uint64_t)GLYPH_LINES + line;

    glyph += font_at(v, byte_at(v, cell + 1));
    return cursor_at(v, cell, line) || (byte_at(v, glyph * 4 + 2) >> (7 - x) & 1);
}

static int text_screen(const struct vga *v, struct vga_image *i, struct error *err) REQUIRES(bql)
{
    struct text t = text_of(v);
    unsigned backgrounds = v->attr[ATTR_MODE] & MODE_BLINK ? 7 : 15;
    int ret = t.rows == 0 ? error_set(err, ENODATA, "the screen has no lines")
                          : allocate(i, t.columns * 8, t.rows * t.lines, err);

    for (unsigned y = 0; ret == 0 && y < i->height; y++) {
        for (unsigned x = 0; x < i->width; x++) {
            uint64_t cell = cell_at(v, &t, y / t.lines, x / 8);
            unsigned attribute = byte_at(v, cell + 1);
            bool on = text_pixel(v, cell, y % t.lines, x % 8);

            i->pixels[y * i->width + x] =
                palette_color(v, on ? attribute & 15 : attribute >> 4 & backgrounds);
        }
    }
    return ret;
}

int vga_screen(struct vga *v, struct vga_image *image, struct error *err)
{
    if (v->vbe[VBE_ENABLE] & VBE_ENABLED) {
        return linear_screen(v, image, err);
    }
    if (!(v->attr_index & ATTR_ON) || (v->seq[SEQ_CLOCK] & CLOCK_OFF)) {
        return error_set(err, ENODATA, "the screen is blank");
    }
    return v->gfx[GFX_MISC] & MISC_GRAPHICS ? graphics_screen(v, image, err)
                                            : text_screen(v, image, err);
}

bool vga_text(struct vga *v, char *buf, size_t size)
{
    struct text t = text_of(v);
    size_t n = 0;

    if ((v->vbe[VBE_ENABLE] & VBE_ENABLED) || (v->gfx[GFX_MISC] & MISC_GRAPHICS) || size == 0) {
        return false;
    }
    for (unsigned row = 0; row < t.rows; row++) {
        for (unsigned column = 0; column <= t.columns && n + 1 < size; column++) {
            uint8_t c = column < t.columns ? byte_at(v, cell_at(v, &t, row, column)) : '\n';

            buf[n++] = (char)(c == '\n' || (c >= ' ' && c < 0x7f) ? c : ' ');
        }
    }
    buf[n] = 0;
    return true;
}
