/* The window at 0xa0000: four planes behind the graphics controller, in its modes:
 * chained (a byte per address, the planes in turn), odd and even (text), and planar
 * with latches, write modes 0 to 3 and read modes 0 and 1. */
#include "hw/vga_internal.h"

#define SEQ_MAP_MASK   2
#define SEQ_MEMORY     4
#define SEQ_CHAIN_4    0x08u
#define GFX_SET        0
#define GFX_SET_ENABLE 1
#define GFX_COMPARE    2
#define GFX_ROTATE     3
#define GFX_READ_MAP   4
#define GFX_MODE       5
#define GFX_MISC       6
#define GFX_DONT_CARE  7
#define GFX_BIT_MASK   8
#define MODE_ODD_EVEN  0x10u
#define MODE_READ_1    0x08u

/* Offset in the display's memory of an address in the window; UINT32_MAX: not shown. */
static uint32_t locate(const struct vga *v, uint32_t addr) REQUIRES(bql)
{
    switch (v->gfx[GFX_MISC] >> 2 & 3) {
    case 0:
        return addr;
    case 1:
        if (addr >= 0x10000) {
            return UINT32_MAX;
        }
        return v->vbe[VBE_ENABLE] & VBE_ENABLED ? addr + ((uint32_t)v->vbe[VBE_BANK] << 16) : addr;
    case 2:
        return addr >= 0x10000 && addr < 0x18000 ? addr - 0x10000 : UINT32_MAX;
    default:
        return addr >= 0x18000 ? addr - 0x18000 : UINT32_MAX;
    }
}

static uint32_t planes_at(const struct vga *v, uint32_t at)
{
    return pci_get(v->memory + at, 4);
}

/* A mask of whole bytes for those of four planes whose bit is set. */
static uint32_t spread(unsigned bits)
{
    uint32_t mask = 0;

    for (unsigned p = 0; p < 4; p++) {
        mask |= bits >> p & 1 ? UINT32_C(0xff) << 8 * p : 0;
    }
    return mask;
}

/* Byte index of an address in odd/even mode. */
static uint32_t odd_even(const struct vga *v, uint32_t addr, unsigned *plane) REQUIRES(bql)
{
    *plane = (v->gfx[GFX_READ_MAP] & 2u) | (addr & 1);
    return (addr & ~1u) << 1 | *plane;
}

uint8_t vga_window_read(struct vga *v, uint32_t addr)
{
    uint32_t at = locate(v, addr);
    unsigned plane;

    if (at >= v->size) {
        return 0xff;
    }
    if (v->seq[SEQ_MEMORY] & SEQ_CHAIN_4) {
        return v->memory[at];
    }
    if (v->gfx[GFX_MODE] & MODE_ODD_EVEN) {
        at = odd_even(v, at, &plane);
        return at < v->size ? v->memory[at] : 0xff;
    }
    if (at >= v->size / 4) {
        return 0xff;
    }
    v->latch = planes_at(v, at * 4);
    if (v->gfx[GFX_MODE] & MODE_READ_1) {
        uint32_t differ = (v->latch ^ spread(v->gfx[GFX_COMPARE])) & spread(v->gfx[GFX_DONT_CARE]);

        return (uint8_t)~(differ | differ >> 8 | differ >> 16 | differ >> 24);
    }
    return (uint8_t)(v->latch >> 8 * (v->gfx[GFX_READ_MAP] & 3));
}

static uint32_t all_planes(uint8_t value)
{
    return value * UINT32_C(0x01010101);
}

/* The logical operation with the latches, then the bit mask. */
static uint32_t combine(const struct vga *v, uint32_t value, uint8_t bits) REQUIRES(bql)
{
    uint32_t mask = all_planes(bits);

    switch (v->gfx[GFX_ROTATE] >> 3 & 3) {
    case 1:
        value &= v->latch;
        break;
    case 2:
        value |= v->latch;
        break;
    case 3:
        value ^= v->latch;
        break;
    default:
        break;
    }
    return (value & mask) | (v->latch & ~mask);
}

static uint32_t planar_value(const struct vga *v, uint8_t value) REQUIRES(bql)
{
    unsigned turn = v->gfx[GFX_ROTATE] & 7;
    uint8_t turned = (uint8_t)(value >> turn | value << (8 - turn));
    uint32_t set = spread(v->gfx[GFX_SET]), enable = spread(v->gfx[GFX_SET_ENABLE]);

    switch (v->gfx[GFX_MODE] & 3) {
    case 0:
        return combine(v, (all_planes(turned) & ~enable) | (set & enable), v->gfx[GFX_BIT_MASK]);
    case 1:
        return v->latch;
    case 2:
        return combine(v, spread(value & 15u), v->gfx[GFX_BIT_MASK]);
    default:
        return combine(v, set, turned & v->gfx[GFX_BIT_MASK]);
    }
}

void vga_window_write(struct vga *v, uint32_t addr, uint8_t value)
{
    uint32_t at = locate(v, addr);
    uint8_t map = v->seq[SEQ_MAP_MASK];
    unsigned plane = at & 3;
    uint32_t mask, old;

    if (at >= v->size) {
        return;
    }
    if (v->seq[SEQ_MEMORY] & SEQ_CHAIN_4) {
        if (map >> plane & 1) {
            v->memory[at] = value;
        }
        return;
    }
    if (v->gfx[GFX_MODE] & MODE_ODD_EVEN) {
        at = odd_even(v, at, &plane);
        if (at < v->size && (map >> plane & 1)) {
            v->memory[at] = value;
        }
        return;
    }
    if (at >= v->size / 4) {
        return;
    }
    mask = spread(map);
    old = planes_at(v, at * 4);
    pci_put(v->memory + at * 4UL, (planar_value(v, value) & mask) | (old & ~mask), 4);
}
