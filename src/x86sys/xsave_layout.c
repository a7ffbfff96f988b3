/* Where state components lie in XSAVE areas. The host's layout is the guest's, since
 * the host's instructions write and read the areas; PKRU, which is emulated, has its
 * place behind all that the host has.
 *
 * Asked before the first vCPU runs: pthread_once would spoil the guest's registers. */
#include <pthread.h>

#include "x86/host.h"
#include "x86sys/host_asm.h"
#include "x86sys/model.h"

#define PKRU        9u
#define PARTS       10u
#define LEGACY_BITS 3u

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct IMMUTABLE_AFTER_INIT {
    struct sys_xsave_part part[PARTS];
    uint32_t mxcsr_mask;
} layout;

static uint32_t mxcsr_mask_of_host(void)
{
    _Alignas(16) uint32_t area[128];
    area[7] = 0;
    sys_host_fxsave(area);
    return area[7] ? area[7] : 0xffbf; /* 0: a CPU without denormals-are-zero */
}

static void ask_host(void)
{
    layout.mxcsr_mask = mxcsr_mask_of_host();
    uint32_t end = SYS_XSAVE_LEGACY;
    for (unsigned i = 2; i < PKRU; i++) {
        if (!(x86_host.xcr0 >> i & 1)) {
            continue;
        }
        struct x86_cpuid r = x86_host_cpuid(0xd, i);
        layout.part[i] = (struct sys_xsave_part){r.ebx, r.eax, r.ecx & 2};
        end = r.ebx + r.eax > end ? r.ebx + r.eax : end;
    }
    layout.part[PKRU] = (struct sys_xsave_part){(end + 63) & ~63u, 8, false};
}

void sys_xsave_layout_init(void)
{
    pthread_once(&once, ask_host);
}

struct sys_xsave_part sys_xsave_part(unsigned component)
{
    return component < PARTS ? layout.part[component] : (struct sys_xsave_part){0, 0, false};
}

uint32_t sys_mxcsr_mask(void)
{
    return layout.mxcsr_mask;
}

uint32_t sys_xsave_size(uint64_t components)
{
    uint32_t size = SYS_XSAVE_LEGACY;
    for (unsigned i = 2; i < PARTS; i++) {
        if (components >> i & 1) {
            struct sys_xsave_part p = sys_xsave_part(i);
            size = p.offset + p.size > size ? p.offset + p.size : size;
        }
    }
    return size;
}

uint32_t sys_xsave_compact_offset(uint64_t components, unsigned component)
{
    uint32_t at = SYS_XSAVE_LEGACY;
    for (unsigned i = 2; i < PARTS; i++) {
        struct sys_xsave_part p = sys_xsave_part(i);
        bool there = components >> i & 1;
        if (there && p.align64) {
            at = (at + 63) & ~63u;
        }
        if (i == component) {
            break;
        }
        at += there ? p.size : 0;
    }
    return at;
}

uint32_t sys_xsave_compact_size(uint64_t components)
{
    return sys_xsave_compact_offset(components, PARTS);
}
