/* One instruction: the fixed bits of a form, everything else random, then
 * Zydis decides whether it exists. */
#include "gen.h"

#include <string.h>

#define ATTEMPTS 60

static unsigned put_prefixes(struct rng *r, const struct form *f, uint8_t *out)
{
    static const uint8_t useless[] = {0x26, 0x2e, 0x36, 0x3e};
    unsigned n = 0;
    uint32_t dice = rng_below(r, 200);
    if (dice < 10) {
        out[n++] = 0x64;
    } else if (dice < 20) {
        out[n++] = 0x65;
    } else if (dice < 24) {
        out[n++] = useless[rng_below(r, 4)];
    }
    if (f->cls != CLASS_BRANCH && rng_percent(r, 4)) {
        out[n++] = 0x67;
    }
    if (f->mem && f->cls == CLASS_BASE && rng_percent(r, 12)) {
        out[n++] = 0xf0;
    }
    return n;
}

static unsigned put_opcode(struct rng *r, const struct form *f, uint8_t *out)
{
    uint64_t bits = rng_next(r);
    uint8_t rxb = (uint8_t)(bits & 7);
    if (!f->modrm && rng_percent(r, 50)) {
        rxb &= 1;
    }
    uint8_t pp = f->pp == 0x66 ? 1 : f->pp == 0xf3 ? 2 : f->pp == 0xf2 ? 3 : 0;
    uint8_t vvvv = bits & 8 ? 15 : (uint8_t)((bits >> 4) & 15);
    unsigned n = 0;
    switch (f->encoding) {
    case FORM_LEGACY:
        if (f->pp) {
            out[n++] = f->pp;
        }
        if (f->w || (rng_percent(r, 60) && rxb) || rng_percent(r, 8)) {
            out[n++] = (uint8_t)(0x40 | (f->w << 3) | rxb);
        }
        if (f->map) {
            out[n++] = 0x0f;
        }
        if (f->map > 1) {
            out[n++] = f->map == 2 ? 0x38 : 0x3a;
        }
        break;
    case FORM_VEX:
        if (f->map == 1 && !f->w && (bits & 0x100)) {
            out[n++] = 0xc5;
            out[n++] = (uint8_t)(((rxb & 4) << 5) | (vvvv << 3) | (f->l << 2) | pp);
        } else {
            out[n++] = 0xc4;
            out[n++] = (uint8_t)((rxb << 5) | f->map);
            out[n++] = (uint8_t)((f->w << 7) | (vvvv << 3) | (f->l << 2) | pp);
        }
        break;
    default: {
        uint8_t mask = bits & 0x200 ? 0 : (uint8_t)((bits >> 10) & 7);
        bool z = (bits & 0x2000) && mask;
        bool b = (bits & 0xc000) == 0xc000;
        bool high_vvvv = (bits & 0x10000) != 0; /* V', inverted */
        out[n++] = 0x62;
        out[n++] = (uint8_t)((rxb << 5) | (bits & 0x20000 ? 0x10 : 0) | f->map);
        out[n++] = (uint8_t)((f->w << 7) | (vvvv << 3) | 4 | pp);
        out[n++] =
            (uint8_t)((z << 7) | (f->l << 5) | (b << 4) | ((high_vvvv || vvvv == 15) << 3) | mask);
        break;
    }
    }
    out[n++] = f->opcode;
    return n;
}

static uint8_t bit_from(struct rng *r, uint8_t mask)
{
    uint8_t v;
    do {
        v = (uint8_t)rng_below(r, 8);
    } while (!(mask & (1u << v)));
    return v;
}

static unsigned put_modrm(struct rng *r, const struct form *f, bool sequence, uint8_t *out)
{
    uint8_t reg = (uint8_t)(bit_from(r, f->reg_mask) << 3);
    if (!f->mem) {
        out[0] = (uint8_t)(0xc0 | reg | bit_from(r, f->rm_mask));
        return 1;
    }
    uint8_t mod = (uint8_t)rng_below(r, 3), rm = (uint8_t)rng_below(r, 8);
    bool vsib_likely = f->encoding != FORM_LEGACY && f->map == 2 && (f->opcode & 0xec) == 0x80;
    if (vsib_likely || (f->map == 2 && f->opcode >= 0x90 && f->opcode <= 0xa3)) {
        rm = 4;
    }
    unsigned n = 0;
    out[n++] = (uint8_t)((mod << 6) | reg | rm);
    bool abs32 = mod == 0 && rm == 5;
    if (rm == 4) {
        uint8_t sib = (uint8_t)rng_next(r);
        out[n++] = sib;
        abs32 = mod == 0 && (sib & 7) == 5;
    }
    if (mod == 1) {
        out[n++] = (uint8_t)rng_next(r);
    } else if (mod == 2 || abs32) {
        int32_t disp = (int32_t)rng_next(r);
        if (sequence || rng_percent(r, 60)) {
            disp = (int32_t)rng_below(r, 4096) - 2048;
        }
        memcpy(out + n, &disp, 4);
        n += 4;
    }
    return n;
}

/* With an operand-size prefix, AMD truncates the target of a near branch to
 * 16 bits and Intel ignores the prefix; the engine does the latter. */
static bool vendors_differ(const ZydisDecodedInstruction *zi)
{
    if (zi->mnemonic == ZYDIS_MNEMONIC_INT && zi->raw.prefix_count) {
        return true; /* some hypervisors report faults of it behind the prefixes */
    }
    if (zi->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR || zi->opcode == 0xcf) {
        return false;
    }
    return (zi->attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE) &&
           (zi->meta.branch_type != ZYDIS_BRANCH_TYPE_NONE ||
            zi->meta.category == ZYDIS_CATEGORY_RET) &&
           !(zi->attributes & ZYDIS_ATTRIB_HAS_REX && zi->raw.rex.W);
}

/* 32-bit addresses that are computed partly by the operation (bit strings,
 * gathers, MOVDIR64B): the engine does not wrap the sum at 4 GiB when it has to replace
 * the operand. */
static bool wraps_late(const ZydisDecodedInstruction *zi)
{
    if (zi->address_width != 32) {
        return false;
    }
    switch (zi->mnemonic) {
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTS:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTC:
        return zi->opcode != 0xba;
    case ZYDIS_MNEMONIC_MOVDIR64B: /* its other address is cut too */
        return true;
    default:
        return (zi->meta.category == ZYDIS_CATEGORY_AVX2GATHER ||
                zi->meta.category == ZYDIS_CATEGORY_GATHER ||
                zi->meta.category == ZYDIS_CATEGORY_SCATTER) &&
               (zi->attributes & (ZYDIS_ATTRIB_HAS_SEGMENT_FS | ZYDIS_ATTRIB_HAS_SEGMENT_GS));
    }
}

/* Far branches through memory, which the engine refuses although the host may
 * do them. */
static bool not_in_engine(const ZydisDecodedInstruction *zi)
{
    return zi->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR &&
           (zi->mnemonic == ZYDIS_MNEMONIC_JMP || zi->mnemonic == ZYDIS_MNEMONIC_CALL);
}

bool gen_insn(struct rng *r, struct form *f, bool sequence, struct insn *in)
{
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        uint8_t code[40];
        unsigned n = put_prefixes(r, f, code);
        n += put_opcode(r, f, code + n);
        if (f->modrm) {
            n += put_modrm(r, f, sequence, code + n);
        }
        for (unsigned i = 0; i < 2; i++, n += 8) {
            uint64_t imm = rng_percent(r, 30) ? value_random(r) : rng_next(r);
            memcpy(code + n, &imm, 8);
        }
        if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(forms_decoder(), code, 15, &in->zi, in->ops))) {
            continue;
        }
        const char *why;
        if (in->zi.mnemonic != f->mnemonic || insn_compare_level(&in->zi, &why) == COMPARE_NEVER ||
            vendors_differ(&in->zi) || wraps_late(&in->zi) || not_in_engine(&in->zi)) {
            continue;
        }
        in->form = f;
        in->len = in->zi.length;
        memcpy(in->bytes, code, 15);
        return true;
    }
    return false;
}
