/* Cases: a single instruction, or a short sequence whose branches stay
 * inside it. */
#include "gen.h"

#include <string.h>

#define SEQUENCE_PERCENT 35

int gpr_number(ZydisRegister reg)
{
    ZydisRegister full = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
    if (full >= ZYDIS_REGISTER_RAX && full <= ZYDIS_REGISTER_R15) {
        return (int)(full - ZYDIS_REGISTER_RAX);
    }
    return -1;
}

/* Instructions that write FIP, FDP and FOP to memory. */
static bool stores_x87_pointers(const struct insn *in)
{
    switch (in->zi.mnemonic) {
    case ZYDIS_MNEMONIC_FNSTENV:
    case ZYDIS_MNEMONIC_FNSAVE:
    case ZYDIS_MNEMONIC_FXSAVE:
    case ZYDIS_MNEMONIC_FXSAVE64:
    case ZYDIS_MNEMONIC_XSAVE:
    case ZYDIS_MNEMONIC_XSAVE64:
    case ZYDIS_MNEMONIC_XSAVEC:
    case ZYDIS_MNEMONIC_XSAVEC64:
        return true;
    default:
        return false;
    }
}

static bool touches_x87(const struct insn *in)
{
    if (in->form->encoding == FORM_LEGACY && in->form->map == 0 &&
        (in->form->opcode & 0xf8) == 0xd8) {
        return true;
    }
    switch (in->zi.meta.isa_set) {
    case ZYDIS_ISA_SET_PENTIUMMMX:
    case ZYDIS_ISA_SET_SSE2MMX:
    case ZYDIS_ISA_SET_SSSE3MMX:
    case ZYDIS_ISA_SET_FXSAVE:
    case ZYDIS_ISA_SET_FXSAVE64:
    case ZYDIS_ISA_SET_XSAVE:
    case ZYDIS_ISA_SET_XSAVEC:
    case ZYDIS_ISA_SET_XSAVEOPT:
        return true;
    case ZYDIS_ISA_SET_SSE: /* PAVGB and the like have MMX forms there */
        return in->form->cls == CLASS_SSE;
    default:
        return false;
    }
}

static bool saves_components(const struct insn *in)
{
    switch (in->zi.mnemonic) {
    case ZYDIS_MNEMONIC_XSAVE:
    case ZYDIS_MNEMONIC_XSAVE64:
    case ZYDIS_MNEMONIC_XSAVEC:
    case ZYDIS_MNEMONIC_XSAVEC64:
    case ZYDIS_MNEMONIC_XSAVEOPT:
    case ZYDIS_MNEMONIC_XSAVEOPT64:
        return true;
    default:
        return false;
    }
}

static bool loads_segment(const struct insn *in)
{
    return in->zi.mnemonic == ZYDIS_MNEMONIC_LSS ||
           (in->zi.mnemonic == ZYDIS_MNEMONIC_MOV && in->zi.opcode == 0x8e);
}

static unsigned generate(struct rng *r, struct insn *insns)
{
    if (gen_neighbours_percent && rng_percent(r, gen_neighbours_percent)) {
        return gen_neighbours(r, insns);
    }
    bool sequence = rng_percent(r, SEQUENCE_PERCENT);
    unsigned wanted = sequence ? 2 + rng_below(r, INSNS_MAX - 1) : 1;
    unsigned n = 0;
    while (n < wanted) {
        struct form *f = forms_pick(r, forms_pick_class(r, sequence));
        struct insn *in = &insns[n];
        if (!gen_insn(r, f, sequence, in)) {
            continue;
        }
        if (sequence && (stores_x87_pointers(in) || f->level != COMPARE_ALL)) {
            if (rng_percent(r, 10)) { /* nothing else may be allowed (--only) */
                wanted = n ? n : 1;
            }
            if (n == 0 && wanted == 1) {
                n = 1;
            }
            continue;
        }
        n++;
    }
    for (unsigned i = 0; i < n; i++) {
        insns[i].form->cases++;
    }
    return n;
}

static void place(struct rng *r, struct diff_case *c, struct insn *insns)
{
    c->code_len = 0;
    for (unsigned i = 0; i < c->insn_count; i++) {
        c->insn_off[i] = (uint8_t)c->code_len;
        c->code_len += insns[i].len;
    }
    c->region = (uint8_t)(rng_percent(r, 60) ? REGION_NEAR : 1 + rng_below(r, REGIONS - 1));
    uint32_t at = 256 + rng_below(r, PAGE - 512);
    if (rng_percent(r, 12)) {
        at = PAGE - rng_below(r, c->code_len + 1);
    }
    c->start = regions[c->region].code + c->slot * SLOT_SIZE + at;
    c->end = c->start + c->code_len;
    for (unsigned i = 0; i < c->insn_count; i++) {
        insns[i].pc = c->start + c->insn_off[i];
    }
}

/* Where a branch of instruction i may lead. Going back is for those that
 * end by themselves; endless loops cost much time and show little. */
static uint64_t pick_target(struct rng *r, const struct diff_case *c, unsigned i, bool back_is_safe)
{
    if (back_is_safe ? rng_percent(r, 30) : rng_below(r, 400) == 0) {
        return c->start + c->insn_off[rng_below(r, i + 1)];
    }
    if (rng_percent(r, 8)) {
        return c->end + 24 + rng_below(r, 40); /* an INT3 there */
    }
    unsigned left = c->insn_count - i - 1;
    unsigned k = rng_below(r, left + 1);
    return k == left ? c->end : c->start + c->insn_off[i + 1 + k];
}

static void fix_branch(struct rng *r, const struct diff_case *c, struct insn *insns, unsigned i)
{
    struct insn *in = &insns[i];
    if (!in->zi.raw.imm[0].is_relative || in->zi.mnemonic == ZYDIS_MNEMONIC_XBEGIN) {
        return;
    }
    bool loop = in->zi.mnemonic == ZYDIS_MNEMONIC_LOOP || in->zi.mnemonic == ZYDIS_MNEMONIC_LOOPE ||
                in->zi.mnemonic == ZYDIS_MNEMONIC_LOOPNE;
    int64_t rel = (int64_t)(pick_target(r, c, i, loop) - (in->pc + in->len));
    unsigned size = in->zi.raw.imm[0].size / 8;
    if (size == 1 && (rel < INT8_MIN || rel > INT8_MAX)) {
        rel = 0;
    }
    memcpy(in->bytes + in->zi.raw.imm[0].offset, &rel, size);
    in->zi.raw.imm[0].value.s = rel;
}

/* Operands that are addressed by constants: the address is put into the code. */
static void fix_constant_address(struct rng *r, struct diff_case *c, struct insn *in, bool sequence)
{
    for (unsigned k = 0; k < in->zi.operand_count; k++) {
        ZydisDecodedOperand *op = &in->ops[k];
        if (op->type != ZYDIS_OPERAND_TYPE_MEMORY || op->mem.type == ZYDIS_MEMOP_TYPE_AGEN ||
            in->zi.raw.disp.size < 32) {
            continue;
        }
        bool rip = op->mem.base == ZYDIS_REGISTER_RIP || op->mem.base == ZYDIS_REGISTER_EIP;
        if (!rip && (op->mem.base != ZYDIS_REGISTER_NONE || op->mem.index != ZYDIS_REGISTER_NONE)) {
            continue;
        }
        uint64_t segment = op->mem.segment == ZYDIS_REGISTER_FS   ? c->fs_base
                           : op->mem.segment == ZYDIS_REGISTER_GS ? c->gs_base
                                                                  : 0;
        bool wide = in->zi.raw.disp.size == 64;
        int region = rip || wide ? c->region : REGION_LOW;
        int64_t disp = (int64_t)(steer_pick_address(r, region, op->size / 8, sequence) - segment);
        if (rip) {
            disp -= (int64_t)(in->pc + in->len);
        }
        if (!wide && disp != (int32_t)disp) {
            continue;
        }
        memcpy(in->bytes + in->zi.raw.disp.offset, &disp, in->zi.raw.disp.size / 8);
        in->zi.raw.disp.value = disp;
        op->mem.disp.value = disp;
    }
}

static void describe(struct diff_case *c, const struct insn *in)
{
    bool base = in->zi.meta.isa_set == ZYDIS_ISA_SET_RDWRFSGS;
    c->use_fs |= base;
    c->use_gs |= base;
    for (unsigned i = 0; i < in->zi.raw.prefix_count; i++) {
        c->use_fs |= in->zi.raw.prefixes[i].value == 0x64;
        c->use_gs |= in->zi.raw.prefixes[i].value == 0x65;
    }
    c->no_values |= in->form->level == COMPARE_END;
    c->no_memory |= in->form->level == COMPARE_NO_MEMORY;
    c->xstate |= saves_components(in);
    c->x87 |= touches_x87(in);
    c->segments |= loads_segment(in);
    for (unsigned k = 0; k < in->zi.operand_count; k++) {
        c->wide |= in->ops[k].type == ZYDIS_OPERAND_TYPE_MEMORY &&
                   (in->ops[k].size > 64 * 8 || in->ops[k].size == 28 * 8 ||
                    in->ops[k].size == 14 * 8 || in->zi.avx.mask.mode > ZYDIS_MASK_MODE_DISABLED ||
                    in->zi.meta.exception_class == ZYDIS_EXCEPTION_CLASS_AVX6 ||
                    in->zi.meta.exception_class == ZYDIS_EXCEPTION_CLASS_AVX12);
    }
    c->far_return |= in->zi.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && in->zi.opcode >= 0xca &&
                     in->zi.opcode <= 0xcf && in->form->encoding == FORM_LEGACY;
}

static uint64_t pick_segment_base(struct rng *r, int region)
{
    if (rng_percent(r, 70)) {
        return rng_below(r, 1u << 29); /* leaves room for 32-bit offsets */
    }
    return regions[region].arena + rng_below(r, ARENA_RW);
}

void gen_case(uint64_t seed, uint64_t number, uint32_t state_count, struct diff_case *c,
              struct diff_state *states)
{
    struct rng r = rng_for(seed, number);
    struct insn insns[INSNS_MAX];
    *c = (struct diff_case){.number = number, .slot = (uint32_t)(number % BATCH_CASES)};
    c->insn_count = (uint8_t)generate(&r, insns);
    place(&r, c, insns);
    c->fs_base = pick_segment_base(&r, c->region);
    c->gs_base = pick_segment_base(&r, c->region);
    c->arenas = (uint8_t)((1u << c->region) | (1u << REGION_LOW));
    c->memory_seed = rng_next(&r);
    c->state_count = state_count;
    for (unsigned i = 0; i < c->insn_count; i++) {
        fix_branch(&r, c, insns, i);
        fix_constant_address(&r, c, &insns[i], c->insn_count > 1);
        describe(c, &insns[i]);
        memcpy(c->code + c->insn_off[i], insns[i].bytes, insns[i].len);
    }
    for (uint32_t s = 0; s < state_count; s++) {
        state_random(&r, &states[s]);
        steer_state(&r, c, insns, &states[s]);
    }
}
