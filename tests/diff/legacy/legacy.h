/* Differential test of 16- and 32-bit code at CPL 3: random instructions in the system
 * engine, against the same instruction in 64-bit mode on the host CPU, which is not
 * always allowed to run other code. Zydis's encoder makes the latter; the address of
 * the memory operand is computed here and comes in a register. Flat 32-bit segments,
 * or 16-bit ones with bases and a limit of 64 KiB.
 *
 * All in one process: such an instruction reaches nothing but the areas here. */
#ifndef MORTISE_DIFF_LEGACY_H
#define MORTISE_DIFF_LEGACY_H

#include "diff.h"
#include "x86/emit.h"
#include "x86sys/insn.h"

#define LEGACY_CODE   0x20000000u /* one page */
#define LEGACY_NATIVE 0x21000000u /* the host's code: one page */
#define LEGACY_DATA   0x30000000u
#define LEGACY_SIZE   0x10000u /* of the data */
#define LEGACY_START  0x100u   /* of the code in its page */

struct legacy_case {
    bool is_16;
    struct sys_insn insn;
    uint8_t native[16]; /* 64-bit code; none for LEA */
    unsigned native_len;
    uint8_t address_reg; /* holds the address of the memory operand there, or X86_NONE */
};

/* How a run ended, and what is left. */
struct legacy_result {
    unsigned vector;
    uint32_t cr2;
    uint32_t gpr[8], flags;
    bool at_insn; /* it ended there, not behind it */
    _Alignas(64) uint8_t xsave[XSAVE_MAX];
    uint8_t data[LEGACY_SIZE];
};

/* Initial memory. */
extern uint8_t legacy_memory[LEGACY_SIZE];

void legacy_gen(struct rng *r, struct legacy_case *c);
void legacy_gen_state(struct rng *r, const struct legacy_case *c, struct diff_state *st);

/* After legacy_engine_init: the host's signal handlers go on top of the engine's. */
void legacy_native_init(void);
void legacy_native_run(const struct legacy_case *c, const struct diff_state *st,
                       struct legacy_result *res);

void legacy_engine_init(void);
void legacy_engine_put(const struct legacy_case *c);
void legacy_engine_run(const struct legacy_case *c, const struct diff_state *st,
                       struct legacy_result *res);

#endif
