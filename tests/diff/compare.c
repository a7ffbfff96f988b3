/* Comparison of two results of the same run, and the report of a mismatch.
 *
 * Not compared, since the engine differs by design: FIP, FDP and FOP after
 * x87 instructions (they hold host addresses), and what host.h's levels
 * exclude. Where the stack pointer has become non-canonical, AMD CPUs raise
 * #GP when any interrupt returns, at an instruction that is innocent: then
 * only runs that end alike are compared. Nor are flags that the system engine
 * does not keep (sys/engine_side.c). A branch to an address that is not
 * canonical faults at the branch on the host, at the target in the engine. */
#include "compare.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "forms.h"

#define FIXED_FLAGS 0x202u /* always set in user mode */

static bool same_address(const struct diff_case *c, uint64_t a, uint64_t b)
{
    return a == b || (c->wide && a - b + PAGE < 2 * PAGE);
}

static bool same_end(const struct diff_case *c, const struct diff_result *a,
                     const struct diff_result *b)
{
    if (a->outcome != b->outcome || a->rip != b->rip) {
        return false;
    }
    return a->outcome != OUTCOME_FAULT ||
           (a->signo == b->signo && a->code == b->code && same_address(c, a->addr, b->addr));
}

static bool canonical(uint64_t addr)
{
    return (uint64_t)((int64_t)(addr << 16) >> 16) == addr;
}

static bool general_protection(const struct diff_result *r)
{
    return r->outcome == OUTCOME_FAULT && r->signo == SIGSEGV && r->code == SI_KERNEL;
}

/* (SIGILL: hypervisors that look into every #GP may not know the instruction.) */
static bool bad_stack_fault(const struct diff_result *r)
{
    return !canonical(r->gpr[4]) && r->outcome == OUTCOME_FAULT &&
           (r->signo == SIGILL || general_protection(r));
}

/* An effective address that is not canonical, but with a segment's base is:
 * some CPUs fault on it, others take the sum. */
static bool bad_offset(const struct diff_case *c, const struct diff_result *native,
                       const struct diff_result *engine)
{
    return (c->use_fs || c->use_gs) && general_protection(native) &&
           engine->outcome == OUTCOME_FAULT && engine->signo == SIGSEGV && engine->addr >> 47 != 0;
}

static bool bad_branch(const struct diff_result *native, const struct diff_result *engine)
{
    return general_protection(native) &&
           (engine->outcome == OUTCOME_NOCODE || general_protection(engine)) &&
           !canonical(engine->rip);
}

/* The system engine looks at a memory operand first: before the x87 reports what is
 * pending, and before XRSTOR wants it aligned. */
static bool other_fault_first(const struct diff_case *c, const struct diff_result *native,
                              const struct diff_result *engine)
{
    if (native->outcome != OUTCOME_FAULT || engine->outcome != OUTCOME_FAULT ||
        native->rip != engine->rip) {
        return false;
    }
    return (c->x87 && native->signo == SIGFPE && engine->signo != SIGFPE) ||
           (c->wide && general_protection(native) && engine->signo == SIGBUS);
}

static uint64_t flags_of(const struct diff_result *r)
{
    return (r->rflags & COMPARED_FLAGS) | FIXED_FLAGS;
}

bool results_equal(const struct diff_case *c, struct diff_result *native,
                   struct diff_result *engine)
{
    if (bad_stack_fault(native) || bad_stack_fault(engine) || bad_branch(native, engine) ||
        bad_offset(c, native, engine) || other_fault_first(c, native, engine)) {
        return true;
    }
    if (c->far_return && native->outcome == OUTCOME_FAULT && engine->outcome == OUTCOME_FAULT &&
        native->rip == engine->rip) {
        return true; /* selectors that the engine refuses, before it reads the rest */
    }
    if (!same_end(c, native, engine)) {
        return false;
    }
    if (c->no_values) {
        return true;
    }
    if (memcmp(native->gpr, engine->gpr, sizeof(native->gpr)) != 0 ||
        (flags_of(native) ^ flags_of(engine)) & ~engine->unknown_flags) {
        return false;
    }
    if (c->no_memory) {
        return true;
    }
    if (native->line_count != engine->line_count || native->line_hash != engine->line_hash) {
        return false;
    }
    xsave_normalise(native->xsave, c->x87);
    xsave_normalise(engine->xsave, c->x87);
    return memcmp(native->xsave, engine->xsave, xsave_size()) == 0;
}

void report_code(const struct diff_case *c)
{
    ZydisFormatter formatter;
    ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
    for (unsigned i = 0; i < c->insn_count; i++) {
        unsigned at = c->insn_off[i];
        unsigned end = i + 1u < c->insn_count ? c->insn_off[i + 1] : c->code_len;
        ZydisDecodedInstruction zi;
        ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
        char text[256] = "?";
        if (ZYAN_SUCCESS(
                ZydisDecoderDecodeFull(forms_decoder(), c->code + at, end - at, &zi, ops))) {
            ZydisFormatterFormatInstruction(&formatter, &zi, ops, zi.operand_count_visible, text,
                                            sizeof(text), c->start + at, ZYAN_NULL);
        }
        fprintf(stderr, "  %" PRIx64 ": ", c->start + at);
        for (unsigned k = at; k < end; k++) {
            fprintf(stderr, "%02x", c->code[k]);
        }
        fprintf(stderr, "  %s\n", text);
    }
}

const char *case_mnemonic(const struct diff_case *c)
{
    ZydisDecodedInstruction zi;
    if (ZYAN_SUCCESS(
            ZydisDecoderDecodeInstruction(forms_decoder(), NULL, c->code, c->code_len, &zi))) {
        return ZydisMnemonicGetString(zi.mnemonic);
    }
    return "?";
}

static const char *const gpr_names[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                          "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

static void report_end(const char *who, const struct diff_result *r)
{
    static const char *const names[] = {"none",        "int3", "fault",  "no code",
                                        "system call", "skip", "timeout"};
    fprintf(stderr, "  %s: %s at rip %" PRIx64, who, names[r->outcome], r->rip);
    if (r->outcome == OUTCOME_FAULT) {
        fprintf(stderr, ", signal %d code %d address %" PRIx64, r->signo, r->code, r->addr);
    }
    fprintf(stderr, "\n");
}

static void report_registers(const struct diff_state *st, const struct diff_result *native,
                             const struct diff_result *engine)
{
    for (unsigned i = 0; i < 16; i++) {
        fprintf(stderr,
                "  %-6s before %016" PRIx64 " expected %016" PRIx64 " got %016" PRIx64 "%s\n",
                gpr_names[i], st->gpr[i], native->gpr[i], engine->gpr[i],
                native->gpr[i] != engine->gpr[i] ? "  <--" : "");
    }
    fprintf(stderr, "  rflags before %016" PRIx64 " expected %016" PRIx64 " got %016" PRIx64 "%s\n",
            st->rflags, flags_of(native), flags_of(engine),
            flags_of(native) != flags_of(engine) ? "  <--" : "");
}

static void report_vectors(const struct diff_state *st, const struct diff_result *native,
                           const struct diff_result *engine)
{
    unsigned shown = 0;
    for (size_t i = 0; i < xsave_size() && shown < 24; i++) {
        if (native->xsave[i] != engine->xsave[i]) {
            char where[32];
            fprintf(stderr, "  %-16s before %02x expected %02x got %02x\n",
                    xsave_where(i, where, sizeof(where)), st->xsave[i], native->xsave[i],
                    engine->xsave[i]);
            shown++;
        }
    }
}

static void report_lines(const char *who, const struct diff_result *r,
                         const struct diff_result *other)
{
    unsigned shown = 0;
    for (unsigned i = 0; i < r->line_count && i < LINES_KEPT && shown < 4; i++) {
        const struct line *l = &r->lines[i];
        bool same = false;
        for (unsigned k = 0; k < other->line_count && k < LINES_KEPT; k++) {
            same |= memcmp(l, &other->lines[k], sizeof(*l)) == 0;
        }
        if (same) {
            continue;
        }
        shown++;
        fprintf(stderr, "  memory, %s, %" PRIx64 ":", who, regions[l->region].arena + l->offset);
        for (unsigned b = 0; b < LINE; b++) {
            bool changed = l->bytes[b] != memory_pristine(l->region)[l->offset + b];
            fprintf(stderr, "%s%02x", changed ? "*" : " ", l->bytes[b]);
        }
        fprintf(stderr, "\n");
    }
}

void report_mismatch(const char *rerun, const struct diff_case *c, unsigned state,
                     const struct diff_state *st, const struct diff_result *native,
                     const struct diff_result *engine)
{
    uint32_t mxcsr;
    memcpy(&mxcsr, st->xsave + 24, 4);
    fprintf(stderr, "MISMATCH case %" PRIu64 " state %u; rerun: %s --case %" PRIu64 "\n", c->number,
            state, rerun, c->number);
    report_code(c);
    report_end("expected", native);
    report_end("got", engine);
    report_registers(st, native, engine);
    fprintf(stderr, "  fs_base %" PRIx64 " gs_base %" PRIx64 " mxcsr %x fcw %02x%02x\n", c->fs_base,
            c->gs_base, mxcsr, st->xsave[1], st->xsave[0]);
    if (!c->no_memory && !c->no_values) {
        report_vectors(st, native, engine);
        if (native->line_hash != engine->line_hash) {
            report_lines("expected", native, engine);
            report_lines("got", engine, native);
        }
    }
    fprintf(stderr, "\n");
}
