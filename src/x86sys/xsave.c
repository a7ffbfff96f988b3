/* XSAVE, XSAVEOPT, XSAVEC and XRSTOR. The host's instructions do the work, on the
 * guest's memory if the area lies in one page of RAM, else on a copy. Restoring
 * always works on a copy: what has been checked must be what is loaded, whatever
 * other vCPUs write meanwhile, as the host would fault on a bad header or MXCSR.
 *
 * PKRU is not in the host's registers; it is put into areas and taken out of them
 * here. XSAVEOPT is XSAVE: the host knows areas by their addresses, and those of
 * copies would deceive it. (SDM volume 1, chapter 13.) */
#include "x86sys/emulate.h"
#include "x86sys/copy_asm.h"
#include "x86sys/model.h"
#include "x86sys/operand.h"
#include "x86sys/ops.h"
#include "x86sys/vector.h"

#include <Zydis/Zydis.h>

#define PKRU         9u
#define PKRU_BIT     (1ULL << PKRU)
#define SSE_BIT      2ULL
#define AVX_BIT      4ULL
#define COMPACT      (1ULL << 63)
#define AREA_MXCSR   24u
#define AREA_HEADER  512u
#define HEADER_WORDS 8u

struct area {
    uint64_t linear;
    uint32_t size;
    uint64_t components;
    bool compact, wide;
};

static bool is_compact_form(const struct sys_insn *in)
{
    return in->mnemonic == ZYDIS_MNEMONIC_XSAVEC || in->mnemonic == ZYDIS_MNEMONIC_XSAVEC64;
}

static bool exists(const struct sys_cpu *cpu, const struct sys_insn *in)
{
    switch (in->mnemonic) {
    case ZYDIS_MNEMONIC_XSAVE:
    case ZYDIS_MNEMONIC_XSAVE64:
    case ZYDIS_MNEMONIC_XRSTOR:
    case ZYDIS_MNEMONIC_XRSTOR64:
        return true;
    case ZYDIS_MNEMONIC_XSAVEOPT:
    case ZYDIS_MNEMONIC_XSAVEOPT64:
        return sys_model_has(cpu->model, SYS_FEAT_XSAVEOPT);
    case ZYDIS_MNEMONIC_XSAVEC:
    case ZYDIS_MNEMONIC_XSAVEC64:
        return sys_model_has(cpu->model, SYS_FEAT_XSAVEC);
    default:
        return false;
    }
}

static bool may_run(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (!(cpu->cr4 & SYS_CR4_OSXSAVE) || !exists(cpu, in)) {
        return sys_raise(cpu, SYS_UD);
    }
    return cpu->cr0 & SYS_CR0_TS ? sys_raise(cpu, SYS_NM) : true;
}

static uint64_t *header(void *image)
{
    return (uint64_t *)(void *)((uint8_t *)image + AREA_HEADER);
}

static void put(void *to, uint64_t value)
{
    sys_copy(to, &value, sizeof(value));
}

/* In guest memory, perhaps, which other CPUs may access meanwhile: hence sys_copy. */
static void put_pkru(const struct sys_cpu *cpu, const struct area *a, void *image)
{
    uint64_t *h = header(image), there = 0;
    uint32_t at =
        a->compact ? sys_xsave_compact_offset(a->components, PKRU) : sys_xsave_part(PKRU).offset;
    if (a->compact) {
        sys_copy(&there, &h[1], sizeof(there));
        put(&h[1], there | PKRU_BIT);
    }
    sys_copy(&there, &h[0], sizeof(there));
    put(&h[0], cpu->pkru ? there | PKRU_BIT : there & ~PKRU_BIT);
    if (cpu->pkru || !a->compact) {
        put((uint8_t *)image + at, cpu->pkru);
    }
}

static void save_into(struct sys_cpu *cpu, const struct area *a, void *image)
{
    uint64_t host = a->components & ~PKRU_BIT;
    if (a->compact) {
        sys_vec_xsavec(cpu, image, host, a->wide);
    } else {
        sys_vec_xsave(cpu, image, host, a->wide);
    }
    if (a->components & PKRU_BIT) {
        put_pkru(cpu, a, image);
    }
}

bool sys_op_xsave(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (!may_run(cpu, in)) {
        return false;
    }
    struct area a = {.components = sys_edx_eax(cpu) & cpu->xcr0,
                     .compact = is_compact_form(in),
                     .wide = in->rex & 8};
    a.size = a.compact ? sys_xsave_compact_size(a.components) : sys_xsave_size(a.components);
    if (!sys_operand(cpu, in, a.size, SYS_WRITE, &a.linear)) {
        return false;
    }
    if (a.linear & 63) {
        return sys_gp0(cpu);
    }
    bool one_page = a.linear % 4096 + a.size <= 4096;
    void *host = one_page ? sys_mem_host(cpu, a.linear, a.size, SYS_WRITE) : NULL;
    if (host) {
        save_into(cpu, &a, host);
        sys_mem_host_written(cpu, a.linear, a.size);
        return true;
    }
    /* What is not saved stays as it is: hence the read. */
    if (!sys_mem_probe(cpu, a.linear, a.size, SYS_WRITE) ||
        !sys_mem_read(cpu, a.linear, cpu->xsave_copy, a.size, SYS_READ)) {
        return false;
    }
    save_into(cpu, &a, cpu->xsave_copy);
    return sys_mem_write(cpu, a.linear, cpu->xsave_copy, a.size, SYS_WRITE);
}

static bool header_is_good(const struct sys_cpu *cpu, const uint64_t *h)
{
    if (!(h[1] & COMPACT)) {
        return !(h[0] & ~cpu->xcr0) && !h[1] && !h[2];
    }
    for (unsigned i = 2; i < HEADER_WORDS; i++) {
        if (h[i]) {
            return false;
        }
    }
    uint64_t there = h[1] & ~COMPACT;
    return sys_model_has(cpu->model, SYS_FEAT_XSAVEC) && !(there & ~cpu->xcr0) && !(h[0] & ~there);
}

/* Whether XRSTOR loads MXCSR from the area. */
static bool loads_mxcsr(const struct area *a, const uint64_t *h)
{
    return a->compact ? a->components & h[0] & SSE_BIT : a->components & (SSE_BIT | AVX_BIT);
}

static uint32_t take_pkru(const struct area *a, const uint64_t *h, const uint8_t *image)
{
    uint32_t value = 0;
    if (h[0] & PKRU_BIT) {
        uint32_t at = a->compact ? sys_xsave_compact_offset(h[1] & ~COMPACT, PKRU)
                                 : sys_xsave_part(PKRU).offset;
        value = *(const uint32_t *)(const void *)(image + at);
    }
    return value;
}

/* Reads the area as far as it is needed, in two steps: the header says how far. */
static bool read_area(struct sys_cpu *cpu, const struct sys_insn *in, struct area *a)
{
    uint8_t *copy = cpu->xsave_copy;
    if (!sys_operand(cpu, in, SYS_XSAVE_LEGACY, SYS_READ, &a->linear)) {
        return false;
    }
    if (a->linear & 63) {
        return sys_gp0(cpu);
    }
    if (!sys_mem_read(cpu, a->linear, copy, SYS_XSAVE_LEGACY, SYS_READ)) {
        return false;
    }
    uint64_t *h = header(copy);
    if (!header_is_good(cpu, h)) {
        return sys_gp0(cpu);
    }
    a->compact = h[1] & COMPACT;
    uint64_t needed = a->components & h[0];
    a->size = a->compact ? sys_xsave_compact_size(h[1] & ~COMPACT) : sys_xsave_size(needed);
    uint32_t rest = a->size - SYS_XSAVE_LEGACY;
    return !rest || (sys_operand(cpu, in, a->size, SYS_READ, &a->linear) &&
                     sys_mem_read(cpu, a->linear + SYS_XSAVE_LEGACY, copy + SYS_XSAVE_LEGACY, rest,
                                  SYS_READ));
}

bool sys_op_xrstor(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (!may_run(cpu, in)) {
        return false;
    }
    struct area a = {.components = sys_edx_eax(cpu) & cpu->xcr0, .wide = in->rex & 8};
    if (!read_area(cpu, in, &a)) {
        return false;
    }
    uint8_t *copy = cpu->xsave_copy;
    uint64_t *h = header(copy);
    uint32_t mxcsr = *(const uint32_t *)(const void *)(copy + AREA_MXCSR);
    if (loads_mxcsr(&a, h) && (mxcsr & ~sys_mxcsr_mask())) {
        return sys_gp0(cpu);
    }
    uint32_t pkru = take_pkru(&a, h, copy);
    h[0] &= ~PKRU_BIT;
    h[1] &= ~PKRU_BIT;
    for (unsigned i = 2; i < HEADER_WORDS; i++) {
        h[i] = 0;
    }
    sys_vec_xrstor(cpu, copy, a.components & ~PKRU_BIT, a.wide);
    if (a.components & PKRU_BIT) {
        sys_pkru_set(cpu, pkru);
    }
    return true;
}
