/* Making cases: random instances of forms, their placement, and initial
 * states under which they do something worth comparing. */
#ifndef MORTISE_DIFF_GEN_H
#define MORTISE_DIFF_GEN_H

#include "diff.h"
#include "forms.h"

struct insn {
    uint64_t pc;
    uint8_t bytes[15];
    uint8_t len;
    struct form *form;
    ZydisDecodedInstruction zi;
    ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
};

/* A random instance of the form. False if none was found. */
bool gen_insn(struct rng *r, struct form *f, bool sequence, struct insn *in);

/* Instructions with operands off one base; returns how many. How often: in percent of
 * cases, given by each engine's side. */
unsigned gen_neighbours(struct rng *r, struct insn *insns);
extern const unsigned gen_neighbours_percent;

/* Case `number` of `seed`: nothing else goes into it (but forms_only). */
void gen_case(uint64_t seed, uint64_t number, uint32_t state_count, struct diff_case *c,
              struct diff_state *states);

/* Number of a general register, or -1. */
int gpr_number(ZydisRegister reg);

/* Puts operand and operation into a state's registers and memory (steer.c). */
void steer_state(struct rng *r, const struct diff_case *c, const struct insn *insns,
                 struct diff_state *st);

/* A guest address for an operand of `size` bytes in the arena of a region:
 * mostly inside it. */
uint64_t steer_pick_address(struct rng *r, int region, unsigned size, bool sequence);

#endif
