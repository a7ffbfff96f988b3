/* CPUID: what the host has and what the guest is told.
 *
 * Guest instructions run as themselves, so nearly everything the host has,
 * the guest has. Hidden is what would change state the engine does not keep
 * for the guest, or what the decoder (Zydis 4.0) does not know: an
 * instruction that is promised must run. New feature bits are hidden until
 * they are looked at. (Intel SDM volume 2, CPUID; AMD APM volume 3, E.3.) */
#include "x86/host.h"

#include <errno.h>

#include "x86/host_asm.h"

#define BIT(n) (1u << (n))

#define LEAF1_ECX_XSAVE   BIT(26)
#define LEAF1_ECX_OSXSAVE BIT(27)
#define LEAF1_ECX_AVX     BIT(28)
#define LEAF7_EBX_BMI2    BIT(8)

/* x87, SSE, AVX, AVX-512. Not: MPX, protection keys, PASID, CET, AMX, APX. */
#define XCR0_GUEST 0xe7u

struct x86_host x86_host;

static uint32_t xsave_size(uint64_t components)
{
    uint32_t size = 576; /* legacy region and header */
    for (unsigned i = 2; i < 63; i++) {
        if (components & (1ULL << i)) {
            struct x86_cpuid r = x86_host_cpuid(0xd, i);
            if (r.ebx + r.eax > size) {
                size = r.ebx + r.eax;
            }
        }
    }
    return size;
}

int x86_host_detect(struct error *err)
{
    struct x86_cpuid r = x86_host_cpuid(1, 0);
    if (!(r.ecx & LEAF1_ECX_XSAVE) || !(r.ecx & LEAF1_ECX_OSXSAVE)) {
        return error_set(err, ENOTSUP, "this CPU or kernel has no XSAVE, which translation needs");
    }
    x86_host.avx = (r.ecx & LEAF1_ECX_AVX) != 0;
    x86_host.bmi2 = (x86_host_cpuid(7, 0).ebx & LEAF7_EBX_BMI2) != 0;
    uint64_t xcr0 = x86_host_xgetbv(0);
    x86_host.xcr0 = xcr0 & XCR0_GUEST;
    x86_host.hides_state = xcr0 != x86_host.xcr0;
    x86_host.xsave_size = xsave_size(x86_host.xcr0);
    return 0;
}

static void mask_leaf7(struct x86_cpuid *r, uint32_t subleaf)
{
    if (subleaf == 0) {
        r->ebx &= ~(BIT(2) | BIT(4) | BIT(11) | BIT(14) | BIT(22) | BIT(25));
        /* no: SGX, HLE, RTM, MPX, PCOMMIT, Processor Trace. FSGSBASE is emulated: */
        r->ebx |= BIT(0);
        r->ecx &= BIT(1) | BIT(6) | BIT(8) | BIT(9) | BIT(10) | BIT(11) | BIT(12) | BIT(14) |
                  BIT(22) | BIT(25) | BIT(27) | BIT(28);
        /* AVX512_VBMI, VBMI2, GFNI, VAES, VPCLMULQDQ, VNNI, BITALG, VPOPCNTDQ, RDPID,
         * CLDEMOTE, MOVDIRI, MOVDIR64B */
        r->edx &= BIT(2) | BIT(3) | BIT(4) | BIT(8) | BIT(10) | BIT(14) | BIT(23);
        /* AVX512_4VNNIW, 4FMAPS, FSRM, VP2INTERSECT, MD_CLEAR, SERIALIZE, AVX512_FP16 */
        r->eax = r->eax > 1 ? 1 : r->eax;
        return;
    }
    if (subleaf == 1) {
        r->eax &= BIT(4) | BIT(5) | BIT(10) | BIT(11) | BIT(12);
        /* AVX_VNNI, AVX512_BF16, FZRM, FSRS, FSRCS */
    } else {
        r->eax = 0;
    }
    r->ebx = 0;
    r->ecx = 0;
    r->edx = 0;
}

static void mask_leaf_d(struct x86_cpuid *r, uint32_t subleaf)
{
    if (subleaf == 0) {
        r->eax = (uint32_t)x86_host.xcr0;
        r->edx = (uint32_t)(x86_host.xcr0 >> 32);
        r->ebx = x86_host.xsave_size;
        r->ecx = x86_host.xsave_size;
    } else if (subleaf == 1) {
        r->eax &= BIT(0) | BIT(1) | BIT(2); /* XSAVEOPT, XSAVEC, XGETBV 1 */
        r->ecx = 0;
        r->edx = 0;
    } else if (subleaf >= 64 || !(x86_host.xcr0 & (1ULL << subleaf))) {
        *r = (struct x86_cpuid){0, 0, 0, 0};
    }
}

struct x86_cpuid x86_guest_cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct x86_cpuid r = x86_host_cpuid(leaf, subleaf);
    switch (leaf) {
    case 1:
        r.ecx &= ~(BIT(2) | BIT(3) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(10) | BIT(15));
        /* no: DTES64, MONITOR, VMX, SMX, EIST, TM2, CNXT-ID, PDCM */
        break;
    case 7:
        mask_leaf7(&r, subleaf);
        break;
    case 0xd:
        mask_leaf_d(&r, subleaf);
        break;
    case 0x12: /* SGX */
    case 0x14: /* Processor Trace */
    case 0x19: /* Key Locker */
    case 0x1c: /* LBR */
    case 0x1d: /* AMX */
    case 0x1e:
    case 0x24: /* AVX10 */
        r = (struct x86_cpuid){0, 0, 0, 0};
        break;
    case 0x80000001:
        r.ecx &= ~(BIT(2) | BIT(10) | BIT(15)); /* no: SVM, IBS, LWP */
        break;
    case 0x8000000a:
        r = (struct x86_cpuid){0, 0, 0, 0};
        break;
    default:
        break;
    }
    return r;
}
