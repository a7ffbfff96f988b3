/* Floating-point and vector state in signal frames: an XSAVE area in standard
 * format with the kernel's marks (uapi/asm/sigcontext.h, struct _fpx_sw_bytes).
 *
 * What comes back from the guest's stack may be anything. It is checked as
 * XRSTOR would check it, before it gets near one. */
#include <errno.h>
#include <string.h>

#include "user/copy.h"
#include "user/signal.h"
#include "user/signal_frame.h"
#include "user/user.h"

#define LEGACY_SIZE  512
#define HEADER_END   576
#define MXCSR_OFFSET 24
#define MASK_OFFSET  28
#define XMM_OFFSET   160
#define XMM_END      416
#define SW_OFFSET    464
#define BV_OFFSET    512
#define YMM_OFFSET   576 /* component 2 has a fixed place */
#define YMM_SIZE     256

#define FEATURE_X87 1u
#define FEATURE_SSE 2u
#define FEATURE_AVX 4u

#define FCW_INIT      0x37f
#define MXCSR_INIT    0x1f80
#define MXCSR_DEFAULT 0xffbf /* valid bits if the area says nothing of them */

#define MAGIC1 0x46505853u
#define MAGIC2 0x46505845u

struct sw_bytes {
    uint32_t magic1;
    uint32_t extended_size;
    uint64_t features;
    uint32_t xstate_size;
    uint32_t padding[7];
};

_Static_assert(SW_OFFSET + sizeof(struct sw_bytes) == LEGACY_SIZE, "fills the legacy area");

size_t signal_xstate_size(void)
{
    return x86_xsave_size() + sizeof(uint32_t);
}

static uint64_t get_bv(const uint8_t *area)
{
    uint64_t bv;
    memcpy(&bv, area + BV_OFFSET, sizeof(bv));
    return bv;
}

static void set_bv(uint8_t *area, uint64_t bv)
{
    memcpy(area + BV_OFFSET, &bv, sizeof(bv));
}

static void init_x87(uint8_t *area)
{
    const uint16_t fcw = FCW_INIT;
    memset(area, 0, MXCSR_OFFSET);
    memset(area + 32, 0, XMM_OFFSET - 32);
    memcpy(area, &fcw, sizeof(fcw));
}

/* A component that is in its initial state need not have been written: the
 * guest sees the initial values nevertheless. */
static void spell_out_initial(uint8_t *area)
{
    uint64_t bv = get_bv(area);
    if (!(bv & FEATURE_X87)) {
        init_x87(area);
    }
    if (!(bv & FEATURE_SSE)) {
        memset(area + XMM_OFFSET, 0, XMM_END - XMM_OFFSET);
    }
    if (!(bv & FEATURE_AVX) && (x86_xsave_mask() & FEATURE_AVX)) {
        memset(area + YMM_OFFSET, 0, YMM_SIZE);
    }
    set_bv(area, bv | FEATURE_X87 | FEATURE_SSE);
}

int signal_xstate_save(struct user_thread *t, uint64_t addr)
{
    uint8_t *area = t->cpu->xsave;
    uint32_t size = (uint32_t)x86_xsave_size();
    const uint32_t magic2 = MAGIC2;
    const struct sw_bytes sw = {
        .magic1 = MAGIC1,
        .extended_size = size + (uint32_t)sizeof(magic2),
        .features = x86_xsave_mask(),
        .xstate_size = size,
    };
    spell_out_initial(area);
    memcpy(area + SW_OFFSET, &sw, sizeof(sw));
    int r = guest_write(addr, area, size);
    return r < 0 ? r : guest_write(addr + size, &magic2, sizeof(magic2));
}

void signal_xstate_reset(struct user_thread *t)
{
    uint8_t *area = t->cpu->xsave;
    const uint32_t mxcsr = MXCSR_INIT;
    uint32_t mask;
    memcpy(&mask, area + MASK_OFFSET, sizeof(mask));
    memset(area, 0, HEADER_END);
    init_x87(area);
    memcpy(area + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
    memcpy(area + MASK_OFFSET, &mask, sizeof(mask));
}

/* Whether XRSTOR takes this header and MXCSR. `valid_mxcsr` is what the CPU
 * itself has said. */
static bool acceptable(const uint8_t *area, uint32_t valid_mxcsr)
{
    static const uint8_t zero[HEADER_END - BV_OFFSET - 8];
    uint32_t mxcsr;
    memcpy(&mxcsr, area + MXCSR_OFFSET, sizeof(mxcsr));
    return !(mxcsr & ~valid_mxcsr) && !(get_bv(area) & ~x86_xsave_mask()) &&
           memcmp(area + BV_OFFSET + 8, zero, sizeof(zero)) == 0;
}

/* Whether the marks say that there is more than the legacy area, and how
 * much. */
static bool has_extended(uint64_t addr, const uint8_t *legacy, struct sw_bytes *sw)
{
    uint32_t magic2;
    memcpy(sw, legacy + SW_OFFSET, sizeof(*sw));
    return sw->magic1 == MAGIC1 && sw->xstate_size >= HEADER_END &&
           sw->xstate_size <= x86_xsave_size() && sw->xstate_size <= sw->extended_size &&
           guest_read(&magic2, addr + sw->xstate_size, sizeof(magic2)) == 0 && magic2 == MAGIC2;
}

int signal_xstate_restore(struct user_thread *t, uint64_t addr)
{
    uint8_t *area = t->cpu->xsave;
    uint32_t valid_mxcsr;
    struct sw_bytes sw;

    if (addr == 0) {
        signal_xstate_reset(t);
        return 0;
    }
    memcpy(&valid_mxcsr, area + MASK_OFFSET, sizeof(valid_mxcsr));
    if (valid_mxcsr == 0) {
        valid_mxcsr = MXCSR_DEFAULT;
    }
    signal_xstate_reset(t);
    if ((addr & 15) || guest_read(area, addr, LEGACY_SIZE) < 0) {
        return -EFAULT;
    }
    if (!has_extended(addr, area, &sw)) {
        set_bv(area, FEATURE_X87 | FEATURE_SSE);
    } else if ((addr & 63) || guest_read(area + LEGACY_SIZE, addr + LEGACY_SIZE,
                                         sw.xstate_size - LEGACY_SIZE) < 0) {
        signal_xstate_reset(t);
        return -EFAULT;
    }
    if (!acceptable(area, valid_mxcsr)) {
        signal_xstate_reset(t);
        return -EFAULT;
    }
    if (has_extended(addr, area, &sw)) {
        set_bv(area, get_bv(area) & sw.features);
    }
    memcpy(area + MASK_OFFSET, &valid_mxcsr, sizeof(valid_mxcsr));
    return 0;
}
