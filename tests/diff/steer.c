/* Initial states that suit the code: addresses lie in the arenas, counts
 * are small, operands of instructions that reject nearly everything are
 * sometimes acceptable, indirect branches lead to code. */
#include "gen.h"

#include <string.h>

struct steer {
    struct rng *r;
    const struct diff_case *c;
    const struct insn *insns;
    struct diff_state *st;
    uint32_t settled; /* bit n: GPR n has its purpose, or has been overwritten by now */
    bool sequence;
};

uint64_t steer_pick_address(struct rng *r, int region, unsigned size, bool sequence)
{
    uint64_t arena = regions[region].arena;
    if (size == 0 || size > 1024) {
        size = size ? 1024 : 1;
    }
    uint32_t dice = sequence ? rng_below(r, 80) : rng_below(r, 100);
    if (dice < 78) {
        uint32_t off = rng_below(r, ARENA_RW - size);
        if (dice < 50) { /* aligned */
            off &= ~(size >= 64 ? 63 : size >= 32 ? 31 : size >= 16 ? 15 : size >= 8 ? 7u : 3u);
        }
        return arena + off;
    }
    if (dice < 88) { /* crosses into the second page */
        return arena + PAGE - rng_below(r, size + 1);
    }
    if (dice < 93) { /* crosses into the read-only page */
        return arena + ARENA_RW - rng_below(r, size + 1);
    }
    if (dice < 95) {
        return arena + ARENA_RW + rng_below(r, PAGE);
    }
    if (dice < 97) { /* crosses into nothing */
        return arena + ARENA_SIZE - rng_below(r, size + 1);
    }
    return dice < 98 ? arena - rng_below(r, size + 8) : rng_next(r);
}

/* A region's arena and offset for a guest address; false if it is in none. */
static bool locate(const struct diff_case *c, uint64_t addr, unsigned size, struct patch *p)
{
    for (unsigned i = 0; i < REGIONS; i++) {
        uint64_t off = addr - regions[i].arena;
        if ((c->arenas & (1u << i)) && off < ARENA_RW && off + size <= ARENA_RW) {
            p->region = (uint8_t)i;
            p->offset = (uint16_t)off;
            p->size = (uint16_t)size;
            return true;
        }
    }
    return false;
}

static void patch(struct steer *s, uint64_t addr, const void *bytes, unsigned size)
{
    struct patch p = {.size = 0};
    if (size <= PATCH_BYTES && s->st->patch_count < PATCHES_MAX && locate(s->c, addr, size, &p)) {
        memcpy(p.bytes, bytes, size);
        s->st->patches[s->st->patch_count++] = p;
    }
}

static void patch_u64(struct steer *s, uint64_t addr, uint64_t v)
{
    patch(s, addr, &v, 8);
}

static bool free_gpr(const struct steer *s, int n)
{
    return n >= 0 && !(s->settled & (1u << n));
}

/* A stack pointer that is not canonical makes any interrupt a #GP on AMD. */
static void settle(struct steer *s, int n, uint64_t v)
{
    s->st->gpr[n] = n == 4 && v >> 47 ? s->st->gpr[n] : v;
    s->settled |= 1u << n;
}

static uint64_t segment_base(const struct diff_case *c, const ZydisDecodedOperand *op)
{
    return op->mem.segment == ZYDIS_REGISTER_FS   ? c->fs_base
           : op->mem.segment == ZYDIS_REGISTER_GS ? c->gs_base
                                                  : 0;
}

static uint64_t index_value(const struct steer *s, const ZydisDecodedOperand *op)
{
    int index = gpr_number(op->mem.index);
    if (index < 0) {
        return 0;
    }
    uint64_t v = s->st->gpr[index];
    return op->mem.index == ZYDIS_REGISTER_AL ? v & 0xff : v; /* XLAT */
}

/* Linear address of a memory operand under the state as it is. */
static uint64_t effective(const struct steer *s, const struct insn *in,
                          const ZydisDecodedOperand *op)
{
    int base = gpr_number(op->mem.base);
    uint64_t ea = (uint64_t)op->mem.disp.value + index_value(s, op) * op->mem.scale;
    if (base >= 0) {
        ea += s->st->gpr[base];
    } else if (op->mem.base == ZYDIS_REGISTER_RIP || op->mem.base == ZYDIS_REGISTER_EIP) {
        ea += in->pc + in->len;
    }
    if (in->zi.address_width == 32) {
        ea &= 0xffffffffu;
    }
    return ea + segment_base(s->c, op);
}

/* Indices of gathers and scatters: small, so that all elements lie around
 * the base. */
static void set_vector_index(struct steer *s, const struct insn *in, const ZydisDecodedOperand *op)
{
    const char *name = ZydisMnemonicGetString(in->zi.mnemonic);
    const char *at = strstr(name, "gather");
    const char *width = at ? at + 6 : (at = strstr(name, "scatter")) ? at + 7 : "d";
    unsigned step = *width == 'q' ? 8 : 4;
    unsigned reg = (unsigned)ZydisRegisterGetId(op->mem.index);
    for (unsigned i = 0; i < 64; i += step) {
        int64_t v = (int64_t)rng_below(s->r, 2048) - 1024;
        v /= op->mem.scale ? op->mem.scale : 1;
        xsave_set_vector(s->st->xsave, reg, i, &v, step);
    }
}

static void steer_memory(struct steer *s, const struct insn *in, const ZydisDecodedOperand *op)
{
    struct rng *r = s->r;
    int base = gpr_number(op->mem.base), index = gpr_number(op->mem.index);
    bool addr32 = in->zi.address_width == 32;
    int region = addr32 || rng_percent(r, 25) ? REGION_LOW : s->c->region;
    uint64_t target = steer_pick_address(r, region, op->size / 8, s->sequence);
    uint64_t scale = op->mem.scale ? op->mem.scale : 1;
    uint64_t want = target - segment_base(s->c, op) - (uint64_t)op->mem.disp.value;
    uint64_t high = addr32 && rng_percent(r, 50) ? rng_next(r) << 32 : 0;

    if (op->mem.type == ZYDIS_MEMOP_TYPE_VSIB) {
        set_vector_index(s, in, op);
        if (free_gpr(s, base)) {
            settle(s, base, want - (rng_percent(r, 90) ? rng_below(r, 64) : 0));
        }
        return;
    }
    if (base >= 0 && base == index) {
        if (free_gpr(s, base)) {
            settle(s, base, want / (1 + scale));
        }
        return;
    }
    if (free_gpr(s, index) && op->mem.index != ZYDIS_REGISTER_AL) {
        if (base < 0) {
            settle(s, index, want / scale);
            return;
        }
        settle(s, index, rng_percent(r, 70) ? rng_below(r, 512) : rng_next(r));
    }
    if (free_gpr(s, base)) {
        uint64_t v = want - index_value(s, op) * scale;
        settle(s, base, addr32 ? (v & 0xffffffffu) | high : v);
    }
}

/* Code addresses for indirect branches: an instruction of the case, its end,
 * or something wrong. */
static uint64_t code_address(struct steer *s, unsigned i)
{
    const struct diff_case *c = s->c;
    uint32_t dice = rng_below(s->r, 100);
    if (dice < 2) {
        return steer_pick_address(s->r, c->region, 16, false); /* data */
    }
    if (dice < 4) {
        return regions[c->region].code - PAGE + rng_below(s->r, PAGE); /* nothing there */
    }
    if (dice < 8) {
        return c->end + 24 + rng_below(s->r, 64);
    }
    unsigned left = c->insn_count - i - 1, k = rng_below(s->r, left + 1);
    return k == left ? c->end : c->start + c->insn_off[i + 1 + k];
}

/* What RET, RETF and IRET pop, each element of operand size. */
static void steer_frame(struct steer *s, const struct insn *in, unsigned i, uint64_t rsp)
{
    bool near = in->zi.opcode == 0xc2 || in->zi.opcode == 0xc3;
    unsigned size = near ? 8 : in->zi.operand_width / 8;
    uint64_t cs = rng_percent(s->r, 90) ? 0x33 : rng_percent(s->r, 50) ? 0 : 0x2b;
    uint64_t frame[5] = {code_address(s, i), cs,
                         (rng_next(s->r) & 0xcd5) | (rng_percent(s->r, 10) ? 0x240000 : 0),
                         steer_pick_address(s->r, size == 8 ? s->c->region : REGION_LOW, 64, true),
                         rng_percent(s->r, 90) ? 0x2b : 0x2a};
    unsigned count = near ? 1 : in->zi.opcode == 0xcf ? 5 : 2;
    for (unsigned k = 0; k < count; k++) {
        patch(s, rsp + (uint64_t)k * size, &frame[k], size);
    }
}

static void steer_branch(struct steer *s, const struct insn *in, unsigned i)
{
    const ZydisDecodedOperand *op = &in->ops[0];
    uint64_t rsp = s->st->gpr[4];
    switch (in->zi.mnemonic) {
    case ZYDIS_MNEMONIC_LOOP:
    case ZYDIS_MNEMONIC_LOOPE:
    case ZYDIS_MNEMONIC_LOOPNE:
    case ZYDIS_MNEMONIC_JRCXZ:
    case ZYDIS_MNEMONIC_JECXZ:
        if (free_gpr(s, 1)) {
            settle(s, 1, rng_below(s->r, 12) | (rng_percent(s->r, 10) ? rng_next(s->r) << 32 : 0));
        }
        break;
    case ZYDIS_MNEMONIC_RET:
    case ZYDIS_MNEMONIC_IRET:
    case ZYDIS_MNEMONIC_IRETD:
    case ZYDIS_MNEMONIC_IRETQ:
        steer_frame(s, in, i, rsp);
        break;
    default:
        if (op->type == ZYDIS_OPERAND_TYPE_REGISTER && free_gpr(s, gpr_number(op->reg.value))) {
            settle(s, gpr_number(op->reg.value), code_address(s, i));
        } else if (op->type == ZYDIS_OPERAND_TYPE_MEMORY) {
            patch_u64(s, effective(s, in, op), code_address(s, i));
        }
        break;
    }
}

static void steer_xrstor(struct steer *s, uint64_t at)
{
    uint64_t header[8] = {rng_next(s->r) & xsave_mask()};
    uint32_t mxcsr = (uint32_t)rng_next(s->r) & 0xffff;
    if (free_gpr(s, 0)) {
        settle(s, 0, s->st->gpr[0] & 0xff); /* never protection keys */
    }
    if (rng_percent(s->r, 20)) {
        header[1] = 1ull << 63 | xsave_mask();
    }
    patch(s, at + 24, &mxcsr, 4);
    patch(s, at + 512, header, sizeof(header));
}

/* Operands besides memory addresses. */
static void steer_operation(struct steer *s, const struct insn *in, unsigned i)
{
    struct rng *r = s->r;
    uint64_t at = 0;
    for (unsigned k = 0; k < in->zi.operand_count; k++) {
        if (in->ops[k].type == ZYDIS_OPERAND_TYPE_MEMORY) {
            at = effective(s, in, &in->ops[k]);
            break;
        }
    }
    if ((in->zi.attributes &
         (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)) &&
        free_gpr(s, 1) && rng_percent(r, 92)) {
        settle(s, 1, rng_below(r, 40));
    }
    switch (in->zi.mnemonic) {
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTS:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTC:
        if (in->ops[0].type == ZYDIS_OPERAND_TYPE_MEMORY &&
            in->ops[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
            free_gpr(s, gpr_number(in->ops[1].reg.value)) && rng_percent(r, 85)) {
            settle(s, gpr_number(in->ops[1].reg.value), rng_below(r, 8192) - 4096ull);
        }
        break;
    case ZYDIS_MNEMONIC_DIV:
    case ZYDIS_MNEMONIC_IDIV:
        if (free_gpr(s, 2) && rng_percent(r, 60)) {
            settle(s, 2, rng_percent(r, 70) ? 0 : rng_percent(r, 50) ? ~0ull : rng_below(r, 256));
        }
        break;
    case ZYDIS_MNEMONIC_CMPXCHG:
        if (rng_percent(r, 50)) {
            patch(s, at, &s->st->gpr[0], in->ops[0].size / 8);
        }
        break;
    case ZYDIS_MNEMONIC_CMPXCHG8B:
    case ZYDIS_MNEMONIC_CMPXCHG16B:
        if (rng_percent(r, 50)) {
            unsigned half = in->zi.mnemonic == ZYDIS_MNEMONIC_CMPXCHG8B ? 4 : 8;
            patch(s, at, &s->st->gpr[0], half);
            patch(s, at + half, &s->st->gpr[2], half);
        }
        break;
    case ZYDIS_MNEMONIC_LDMXCSR:
    case ZYDIS_MNEMONIC_VLDMXCSR:
    case ZYDIS_MNEMONIC_FXRSTOR:
    case ZYDIS_MNEMONIC_FXRSTOR64:
        if (rng_percent(r, 80)) {
            uint32_t mxcsr = (uint32_t)rng_next(r) & 0xffff;
            bool whole = in->zi.mnemonic == ZYDIS_MNEMONIC_FXRSTOR ||
                         in->zi.mnemonic == ZYDIS_MNEMONIC_FXRSTOR64;
            patch(s, whole ? at + 24 : at, &mxcsr, 4);
        }
        break;
    case ZYDIS_MNEMONIC_XSAVE:
    case ZYDIS_MNEMONIC_XSAVE64:
    case ZYDIS_MNEMONIC_XSAVEC:
    case ZYDIS_MNEMONIC_XSAVEC64:
    case ZYDIS_MNEMONIC_XSAVEOPT:
    case ZYDIS_MNEMONIC_XSAVEOPT64:
        if (free_gpr(s, 0)) {
            settle(s, 0, s->st->gpr[0] & 0xff); /* see is_about_hidden_state */
        }
        break;
    case ZYDIS_MNEMONIC_XRSTOR:
    case ZYDIS_MNEMONIC_XRSTOR64:
        steer_xrstor(s, at);
        break;
    case ZYDIS_MNEMONIC_POPF:
    case ZYDIS_MNEMONIC_POPFQ:
        patch_u64(s, s->st->gpr[4], rng_next(r) & (rng_percent(r, 90) ? 0xcd5u : GUEST_FLAGS));
        break;
    case ZYDIS_MNEMONIC_CLZERO:
        if (free_gpr(s, 0)) {
            settle(s, 0, steer_pick_address(r, s->c->region, 64, s->sequence));
        }
        break;
    case ZYDIS_MNEMONIC_MOV:
        if (in->zi.opcode == 0x8e && in->ops[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
            free_gpr(s, gpr_number(in->ops[1].reg.value))) {
            static const uint16_t selectors[] = {0, 3, 0x2b, 0x33, 0x23, 0x10, 0x53};
            settle(s, gpr_number(in->ops[1].reg.value), selectors[rng_below(r, 7)]);
        }
        break;
    default:
        if (in->form->cls == CLASS_BRANCH || in->zi.opcode == 0xcf) {
            steer_branch(s, in, i);
        }
        break;
    }
}

void steer_state(struct rng *r, const struct diff_case *c, const struct insn *insns,
                 struct diff_state *st)
{
    struct steer s = {.r = r, .c = c, .insns = insns, .st = st, .sequence = c->insn_count > 1};
    st->gpr[4] = steer_pick_address(r, c->region, 64, true) & ~(rng_percent(r, 95) ? 7ull : 0ull);
    if (rng_percent(r, 60)) {
        st->gpr[5] = steer_pick_address(r, c->region, 64, true) & ~7ull;
    }
    for (unsigned i = 0; i < c->insn_count; i++) {
        const struct insn *in = &insns[i];
        for (unsigned k = 0; k < in->zi.operand_count; k++) {
            const ZydisDecodedOperand *op = &in->ops[k];
            if (op->type != ZYDIS_OPERAND_TYPE_MEMORY || op->mem.type == ZYDIS_MEMOP_TYPE_AGEN) {
                continue;
            }
            if (op->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN &&
                gpr_number(op->mem.base) == 4) {
                s.settled |= 1u << 4;
                continue;
            }
            steer_memory(&s, in, op);
        }
        steer_operation(&s, in, i);
        for (unsigned k = 0; k < in->zi.operand_count; k++) {
            const ZydisDecodedOperand *op = &in->ops[k];
            int n = op->type == ZYDIS_OPERAND_TYPE_REGISTER ? gpr_number(op->reg.value) : -1;
            if (n >= 0 && (op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)) {
                s.settled |= 1u << n;
            }
        }
    }
}
