/* Random values with a bias to the interesting: boundaries, floating-point
 * specials, small integers. */
#include "diff.h"

#include <string.h>

static const uint64_t integers[] = {
    0,
    1,
    2,
    3,
    7,
    8,
    15,
    16,
    31,
    32,
    33,
    63,
    64,
    65,
    127,
    128,
    255,
    256,
    0x7fff,
    0x8000,
    0xffff,
    0x10000,
    0x7fffffff,
    0x80000000u,
    0xffffffffu,
    0x100000000u,
    0x7fffffffffffffffu,
    0x8000000000000000u,
    0xffffffff80000000u,
    0xffffffffffff8000u,
    0xffffffffffffff80u,
    0xfffffffffffffffeu,
    0xffffffffffffffffu,
    0x5555555555555555u,
    0xaaaaaaaaaaaaaaaau,
};

static const uint64_t doubles[] = {
    0x0000000000000000u, 0x8000000000000000u, 0x3ff0000000000000u, 0xbff0000000000000u,
    0x7ff0000000000000u, 0xfff0000000000000u, 0x7ff8000000000000u, 0xfff8000000000000u,
    0x7ff0000000000001u, 0xfff4000000000000u, 0x0000000000000001u, 0x800fffffffffffffu,
    0x0010000000000000u, 0x7fefffffffffffffu, 0x4000000000000000u, 0x3fe0000000000000u,
    0x41dfffffffc00000u, 0xc1e0000000000000u, 0x43e0000000000000u, 0x400921fb54442d18u,
};

static const uint32_t floats[] = {
    0x00000000u, 0x80000000u, 0x3f800000u, 0xbf800000u, 0x7f800000u, 0xff800000u, 0x7fc00000u,
    0xffc00000u, 0x7f800001u, 0xffa00000u, 0x00000001u, 0x807fffffu, 0x00800000u, 0x7f7fffffu,
    0x40000000u, 0x3f000000u, 0x4effffffu, 0xcf000000u, 0x5f000000u, 0x40490fdbu,
};

#define PICK(r, table) ((table)[rng_below((r), sizeof(table) / sizeof((table)[0]))])

uint64_t value_random(struct rng *r)
{
    uint64_t v = rng_next(r);
    switch (rng_below(r, 12)) {
    case 0:
        return PICK(r, integers);
    case 1:
        return PICK(r, integers) + rng_below(r, 5) - 2u;
    case 2:
        return v & 0xff;
    case 3:
        return v & 0xffffffffu;
    case 4:
        return v >> rng_below(r, 64);
    case 5:
        return 1ull << (v & 63);
    default:
        return v;
    }
}

/* One 64-bit chunk of memory or vector register: mostly plain numbers. */
static uint64_t chunk(struct rng *r)
{
    uint64_t v = rng_next(r);
    switch (v & 15) {
    case 0:
        return PICK(r, integers);
    case 1:
    case 2:
        return PICK(r, doubles);
    case 3:
    case 4:
        return PICK(r, floats) | ((uint64_t)PICK(r, floats) << 32);
    case 5: /* a double of moderate size */
        return (v & 0x800fffffffffffffu) | ((uint64_t)(0x3e0 + rng_below(r, 0x60)) << 52);
    case 6: /* two such floats */
        return (v & 0x807fffff807fffffu) | ((uint64_t)(0x70 + rng_below(r, 0x20)) << 23) |
               ((uint64_t)(0x70 + rng_below(r, 0x20)) << 55);
    default:
        return rng_next(r);
    }
}

void values_fill(struct rng *r, uint8_t *dst, size_t len)
{
    for (size_t i = 0; i < len; i += 8) {
        uint64_t v = chunk(r);
        memcpy(dst + i, &v, 8);
    }
}

static void x87_random(struct rng *r, uint8_t *img)
{
    uint16_t fcw = rng_percent(r, 85) ? 0x37f : 0x340 | (uint16_t)(rng_next(r) & 0x3f);
    if (rng_percent(r, 40)) {
        fcw = (uint16_t)((fcw & ~0xf00) | (uint16_t)(rng_next(r) & 0xf00));
    }
    /* Pending unmasked exceptions are rare: every x87 instruction would just raise #MF. */
    uint16_t fsw = (uint16_t)(rng_next(r) & 0x7f00);
    if (rng_percent(r, 30)) {
        uint16_t flags = (uint16_t)(rng_next(r) & 0x7f);
        fsw |= rng_percent(r, 80) ? (uint16_t)(flags & fcw & 0x3f) : flags;
    }
    uint8_t ftw = rng_percent(r, 40) ? 0xff : (uint8_t)rng_next(r);
    if (rng_percent(r, 25)) {
        ftw = 0;
    }
    memcpy(img, &fcw, 2);
    memcpy(img + 2, &fsw, 2);
    img[4] = ftw;
    memset(img + 5, 0, 19); /* FOP, FIP, FDP */
    for (unsigned i = 0; i < 8; i++) {
        uint64_t mantissa = chunk(r);
        uint16_t exponent = (uint16_t)rng_next(r);
        switch (rng_below(r, 6)) {
        case 0:
            exponent = (uint16_t)(exponent & 0x8000); /* zero, denormal */
            break;
        case 1:
            exponent |= 0x7fff; /* infinity, NaN, MMX */
            break;
        case 2:
        case 3:
            exponent = (uint16_t)((exponent & 0x8000) | (0x3fc0 + (exponent & 0x7f)));
            mantissa |= 1ull << 63;
            break;
        case 4:
            mantissa |= 1ull << 63;
            break;
        default:
            break;
        }
        memcpy(img + 32 + 16 * i, &mantissa, 8);
        memcpy(img + 40 + 16 * i, &exponent, 2);
        memset(img + 42 + 16 * i, 0, 6);
    }
}

void state_random(struct rng *r, struct diff_state *st)
{
    for (unsigned i = 0; i < 16; i++) {
        st->gpr[i] = value_random(r);
    }
    st->rflags = 0x202 | (rng_next(r) & 0xcd5); /* AC, ID, NT stay clear */
    st->patch_count = 0;

    size_t size = xsave_size();
    values_fill(r, st->xsave + 160, 512 - 160);
    memset(st->xsave + 416, 0, 576 - 416); /* reserved, header */
    values_fill(r, st->xsave + 576, size - 576);
    x87_random(r, st->xsave);
    uint32_t mxcsr = 0x1f80;
    uint64_t bits = rng_next(r);
    if (bits & 1) {
        mxcsr ^= (uint32_t)(bits >> 8) & 0xe07f; /* rounding, FTZ, DAZ, flags */
    }
    if ((bits & 0xe) == 0) {
        mxcsr ^= (uint32_t)(bits >> 32) & 0x1f80;
    }
    memcpy(st->xsave + 24, &mxcsr, 4);
    memset(st->xsave + 28, 0, 4);
    uint64_t in_use = xsave_mask();
    if (rng_percent(r, 6)) {
        in_use &= rng_next(r); /* some components in their initial state */
    }
    memcpy(st->xsave + 512, &in_use, 8);
}
