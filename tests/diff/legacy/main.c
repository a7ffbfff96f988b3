/* diff_legacy_test [SEED [COUNT [CASE]]]: see legacy.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include "legacy.h"
#include "x86sys/state.h"

#define STATES      8
#define REPORTS     30
#define FIXED_FLAGS 0x202u
#define PLAIN_FLAGS (SYS_RF_ARITH | X86_DF)

static struct legacy_result expected, got;
static unsigned mismatches, states, faults;

static void print_code(const struct legacy_case *c)
{
    ZydisDecoder d;
    ZydisFormatter f;
    ZydisDecoderInit(
        &d, c->is_16 ? ZYDIS_MACHINE_MODE_LONG_COMPAT_16 : ZYDIS_MACHINE_MODE_LONG_COMPAT_32,
        c->is_16 ? ZYDIS_STACK_WIDTH_16 : ZYDIS_STACK_WIDTH_32);
    ZydisFormatterInit(&f, ZYDIS_FORMATTER_STYLE_INTEL);
    ZydisDecodedInstruction zi;
    ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
    char text[128] = "?";
    if (ZYAN_SUCCESS(ZydisDecoderDecodeFull(&d, c->insn.bytes, c->insn.len, &zi, ops))) {
        ZydisFormatterFormatInstruction(&f, &zi, ops, zi.operand_count_visible, text, sizeof(text),
                                        LEGACY_START, ZYAN_NULL);
    }
    fprintf(stderr, "  ");
    for (unsigned k = 0; k < c->insn.len; k++) {
        fprintf(stderr, "%02x", c->insn.bytes[k]);
    }
    fprintf(stderr, "  %s; native ", text);
    for (unsigned k = 0; k < c->native_len; k++) {
        fprintf(stderr, "%02x", c->native[k]);
    }
    fprintf(stderr, "\n");
}

static bool is_fault(const struct legacy_result *r)
{
    return r->vector != SYS_BP;
}

static uint32_t compared_flags(const struct legacy_case *c, const struct legacy_result *r)
{
    uint32_t mask = PLAIN_FLAGS & ~c->insn.flags_undefined;
    return is_fault(r) ? mask & ~(uint32_t)SYS_RF_ARITH : mask;
}

static bool equal(const struct legacy_case *c)
{
    if (expected.vector != got.vector || expected.at_insn != got.at_insn ||
        (expected.vector == SYS_PF && (expected.cr2 ^ got.cr2) & ~(PAGE - 1))) {
        /* The x87 reports what is pending after we have looked at the operand. */
        return expected.vector == SYS_MF && expected.at_insn == got.at_insn;
    }
    if (memcmp(expected.gpr, got.gpr, sizeof(got.gpr)) != 0 ||
        (expected.flags ^ got.flags) & compared_flags(c, &got)) {
        return false;
    }
    xsave_normalise(expected.xsave, true);
    xsave_normalise(got.xsave, true);
    for (unsigned i = 2; i < 4; i++) { /* ES and B follow from the rest of FSW and FCW */
        expected.xsave[i] &= 0x7f;
        got.xsave[i] &= 0x7f;
    }
    return memcmp(expected.xsave, got.xsave, xsave_size()) == 0 &&
           memcmp(expected.data, got.data, LEGACY_SIZE) == 0;
}

static void print_vectors(const struct diff_state *st)
{
    unsigned shown = 0;
    for (size_t i = 0; i < xsave_size() && shown < 8; i++) {
        if (expected.xsave[i] != got.xsave[i]) {
            char where[32];
            fprintf(stderr, "  %-14s before %02x expected %02x got %02x\n",
                    xsave_where(i, where, sizeof(where)), st->xsave[i], expected.xsave[i],
                    got.xsave[i]);
            shown++;
        }
    }
}

static void report(const struct legacy_case *c, const struct diff_state *st, uint64_t seed,
                   uint64_t n, unsigned s)
{
    static const char names[8][4] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
    if (mismatches++ >= REPORTS) {
        return;
    }
    fprintf(stderr,
            "MISMATCH case %" PRIu64 " state %u, %u bits; rerun: diff_legacy_test %" PRIu64
            " 1 %" PRIu64 "\n",
            n, s, c->is_16 ? 16 : 32, seed, n);
    print_code(c);
    fprintf(stderr, "  expected: vector %u cr2 %x flags %x\n", expected.vector, expected.cr2,
            expected.flags);
    fprintf(stderr, "  got:      vector %u cr2 %x flags %x (before %" PRIx64 ")\n", got.vector,
            got.cr2, got.flags, st->rflags);
    for (unsigned i = 0; i < 8; i++) {
        fprintf(stderr, "  %s before %08x expected %08x got %08x%s\n", names[i],
                (uint32_t)st->gpr[i], expected.gpr[i], got.gpr[i],
                expected.gpr[i] != got.gpr[i] ? "  <--" : "");
    }
    print_vectors(st);
    for (unsigned i = 0; i < LEGACY_SIZE; i++) {
        if (expected.data[i] != got.data[i]) {
            fprintf(stderr, "  memory %04x before %02x expected %02x got %02x\n", i,
                    legacy_memory[i], expected.data[i], got.data[i]);
            break;
        }
    }
}

static void run_case(uint64_t seed, uint64_t n)
{
    static struct diff_state st;
    struct legacy_case c;
    struct rng r = rng_for(seed, n);
    legacy_gen(&r, &c);
    legacy_engine_put(&c);
    for (unsigned s = 0; s < STATES; s++) {
        legacy_gen_state(&r, &c, &st);
        legacy_native_run(&c, &st, &expected);
        legacy_engine_run(&c, &st, &got);
        states++;
        faults += is_fault(&expected);
        if (expected.vector != SYS_DB && !equal(&c)) {
            report(&c, &st, seed, n, s);
            break;
        }
    }
}

static uint64_t argument(int argc, char **argv, int i, uint64_t otherwise)
{
    return i < argc ? strtoull(argv[i], NULL, 0) : otherwise;
}

int main(int argc, char **argv)
{
    uint64_t seed = argument(argc, argv, 1, 1);
    uint64_t count = argument(argc, argv, 2, 4000);
    uint64_t first = argument(argc, argv, 3, 0);
    struct rng r = rng_for(seed, 0);
    xsave_init();
    legacy_engine_init();
    legacy_native_init();
    values_fill(&r, legacy_memory, LEGACY_SIZE);
    for (uint64_t n = first; n < first + count; n++) {
        run_case(seed, n);
    }
    printf("seed %" PRIu64 ": %u states, %u ending with a fault, %u mismatches\n", seed, states,
           faults, mismatches);
    return mismatches ? 1 : 0;
}
