/* What the host CPU can do, as far as the engine cares. Immutable after
 * x86_host_detect. */
#ifndef MORTISE_X86_HOST_H
#define MORTISE_X86_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/annotations.h"

struct IMMUTABLE_AFTER_INIT x86_host {
    bool avx, bmi2;
    bool hides_state;    /* components that the guest does not get are enabled */
    uint64_t xcr0;       /* state components the guest gets */
    uint32_t xsave_size; /* bytes of their standard format */
};
extern struct x86_host x86_host;

/* -ENOTSUP with a sentence if the host lacks what generated code needs
 * (XSAVE, OS support for it). */
NODISCARD int x86_host_detect(struct error *err);

struct x86_cpuid {
    uint32_t eax, ebx, ecx, edx;
};

/* The host's CPUID. */
struct x86_cpuid x86_host_cpuid(uint32_t leaf, uint32_t subleaf);

/* What the guest sees: the host's, without the features that the engine
 * does not translate (cpuid.c). */
struct x86_cpuid x86_guest_cpuid(uint32_t leaf, uint32_t subleaf);

#endif
