/* Layout of the XSAVE area in standard format, from CPUID. */
#include "diff.h"

#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

#define COMPONENTS 8
/* x87, SSE, AVX, opmask, ZMM_Hi256, Hi16_ZMM: all that user code computes with. */
#define GUEST_COMPONENTS 0xe7u

static struct {
    uint64_t mask;
    size_t size;
    struct {
        unsigned offset, size;
    } part[COMPONENTS];
} layout;

void xsave_init(void)
{
    layout.mask = host_xcr0() & GUEST_COMPONENTS;
    layout.size = 576;
    for (unsigned i = 2; i < COMPONENTS; i++) {
        unsigned a, b, c, d;
        if (!(layout.mask & (1u << i))) {
            continue;
        }
        __cpuid_count(0xd, i, a, b, c, d);
        layout.part[i].size = a;
        layout.part[i].offset = b;
        if (a + b > layout.size) {
            layout.size = a + b;
        }
    }
    if (layout.size > XSAVE_MAX) {
        fprintf(stderr, "diff_test: the XSAVE area has %zu bytes, more than expected\n",
                layout.size);
        exit(2);
    }
}

uint64_t xsave_mask(void)
{
    return layout.mask;
}

size_t xsave_size(void)
{
    return layout.size;
}

static uint8_t *vector_byte(uint8_t *img, unsigned n, unsigned at)
{
    if (n >= 16) {
        return layout.part[7].size ? img + layout.part[7].offset + 64 * (n - 16) + at : NULL;
    }
    if (at < 16) {
        return img + 160 + 16 * n + at;
    }
    if (at < 32) {
        return layout.part[2].size ? img + layout.part[2].offset + 16 * n + at - 16 : NULL;
    }
    return layout.part[6].size ? img + layout.part[6].offset + 32 * n + at - 32 : NULL;
}

void xsave_set_vector(uint8_t *img, unsigned n, unsigned at, const void *src, unsigned len)
{
    const uint8_t *s = src;
    for (unsigned i = 0; i < len; i++) {
        uint8_t *p = vector_byte(img, n, at + i);
        if (p) {
            *p = s[i];
        }
    }
}

void xsave_normalise(uint8_t *img, bool mask_x87_pointers)
{
    uint64_t in_use;
    memcpy(&in_use, img + 512, 8);
    if (!(in_use & 1)) {
        memset(img, 0, 24);
        img[0] = 0x7f;
        img[1] = 0x03;
        memset(img + 32, 0, 128);
    }
    if (!(in_use & 2)) {
        memset(img + 160, 0, 256);
    }
    for (unsigned i = 2; i < COMPONENTS; i++) {
        if (layout.part[i].size && !(in_use & (1u << i))) {
            memset(img + layout.part[i].offset, 0, layout.part[i].size);
        }
    }
    memset(img + 28, 0, 4); /* MXCSR_MASK */
    if (mask_x87_pointers) {
        memset(img + 6, 0, 18);
    }
    for (unsigned i = 0; i < 8; i++) {
        memset(img + 42 + 16 * i, 0, 6);
    }
    memset(img + 416, 0, 160);
    memcpy(img + 512, &(uint64_t){GUEST_COMPONENTS},
           8); /* so that doing it again changes nothing */
    /* Gaps between the components. */
    size_t at = 576;
    while (at < layout.size) {
        size_t next = layout.size, end = 0;
        for (unsigned i = 2; i < COMPONENTS; i++) {
            size_t off = layout.part[i].offset;
            if (layout.part[i].size && off >= at && off < next) {
                next = off;
                end = off + layout.part[i].size;
            }
        }
        memset(img + at, 0, next - at);
        at = end ? end : layout.size;
    }
}

const char *xsave_where(size_t at, char *buf, size_t size)
{
    static const char *const legacy[] = {"FCW", "FSW", "FTW", "FOP"};
    if (at < 8) {
        snprintf(buf, size, "%s", legacy[at / 2]);
    } else if (at < 24) {
        snprintf(buf, size, "%s", at < 16 ? "FIP" : "FDP");
    } else if (at < 32) {
        snprintf(buf, size, "MXCSR");
    } else if (at < 160) {
        snprintf(buf, size, "ST%zu/MM%zu byte %zu", (at - 32) / 16, (at - 32) / 16, at % 16);
    } else if (at < 416) {
        snprintf(buf, size, "XMM%zu byte %zu", (at - 160) / 16, at % 16);
    } else {
        snprintf(buf, size, "XSAVE byte %zu", at);
        static const struct {
            const char *name;
            unsigned step, base, first;
        } kinds[COMPONENTS] = {[2] = {"YMM", 16, 16, 0},
                               [5] = {"K", 8, 0, 0},
                               [6] = {"ZMM", 32, 32, 0},
                               [7] = {"ZMM", 64, 0, 16}};
        for (unsigned i = 2; i < COMPONENTS; i++) {
            size_t off = layout.part[i].offset;
            if (kinds[i].name && layout.part[i].size && at >= off &&
                at < off + layout.part[i].size) {
                snprintf(buf, size, "%s%zu byte %zu", kinds[i].name,
                         (at - off) / kinds[i].step + kinds[i].first,
                         (at - off) % kinds[i].step + kinds[i].base);
            }
        }
    }
    return buf;
}
