/* Random instructions of 16- and 32-bit code, and states under which they reach the
 * data. */
#include <string.h>

#include <Zydis/Zydis.h>

#include "legacy.h"
#include "x86sys/state.h"

uint8_t legacy_memory[LEGACY_SIZE];

static uint32_t mode_of(const struct legacy_case *c)
{
    return 3u | SYS_MODE_PE | SYS_MODE_OSFXSR | SYS_MODE_AVX | SYS_MODE_AVX512 |
           (c->is_16 ? 0u : (uint32_t)SYS_MODE_CODE32 | SYS_MODE_STACK32 | SYS_MODE_FLAT);
}

/* Prefixes and the way to the opcode; returns the length. */
static unsigned random_start(struct rng *r, uint8_t *b)
{
    static const uint8_t prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x26, 0x2e, 0x36, 0x3e};
    unsigned n = 0;
    while (n < 3 && rng_percent(r, 25)) {
        b[n++] = prefixes[rng_below(r, sizeof(prefixes))];
    }
    uint32_t map = rng_below(r, 100);
    if (map >= 55 && map < 90) {
        b[n++] = 0x0f;
    } else if (map >= 90 && map < 96) {
        b[n++] = 0x0f;
        b[n++] = rng_percent(r, 60) ? 0x38 : 0x3a;
    } else if (map >= 96) {
        b[n++] = rng_percent(r, 50) ? 0xc5 : rng_percent(r, 50) ? 0xc4 : 0x62;
    }
    return n;
}

/* What depends on time, on addresses, or on what the host's kernel allows. */
static bool is_excluded(uint16_t mnemonic)
{
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_FNSAVE:
    case ZYDIS_MNEMONIC_FNSTENV:
    case ZYDIS_MNEMONIC_FXSAVE:
    case ZYDIS_MNEMONIC_FXRSTOR:
    case ZYDIS_MNEMONIC_RDRAND:
    case ZYDIS_MNEMONIC_RDSEED:
        return true;
    default:
        return false;
    }
}

/* A bit offset in a register takes it elsewhere, round the end of the segment maybe. */
static bool is_bit_string(const struct sys_insn *in)
{
    return in->has_mem && in->gpr_places && in->map == 1 &&
           (in->opcode == 0xa3 || in->opcode == 0xab || in->opcode == 0xb3 || in->opcode == 0xbb);
}

static bool is_wanted(const struct sys_insn *in)
{
    if (is_bit_string(in)) {
        return false;
    }
    if (is_excluded(in->mnemonic) || in->seg == SYS_FS || in->seg == SYS_GS) {
        return false;
    }
    return in->cls == SYS_INSN_DATA || in->cls == SYS_INSN_LEA;
}

/* A register for the address that the instruction does not use. */
static uint8_t pick_address_reg(const struct sys_insn *in)
{
    static const uint8_t low[] = {X86_RSI, X86_RDI, X86_RBX, X86_RDX, X86_RCX, X86_RAX};
    uint16_t used = in->gprs_written;
    for (unsigned i = 0; i < sizeof(low); i++) {
        bool named = (in->gprs_read | used) & 1u << low[i];
        if (!named) {
            return low[i];
        }
    }
    return X86_NONE;
}

/* The same instruction for 64-bit mode. */
static bool encode_native(struct legacy_case *c)
{
    const struct sys_insn *in = &c->insn;
    ZydisDecoder d;
    ZydisDecodedInstruction zi;
    ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
    ZydisEncoderRequest req;
    ZydisDecoderInit(&d, c->is_16 ? ZYDIS_MACHINE_MODE_LEGACY_16 : ZYDIS_MACHINE_MODE_LEGACY_32,
                     c->is_16 ? ZYDIS_STACK_WIDTH_16 : ZYDIS_STACK_WIDTH_32);
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&d, in->bytes, in->len, &zi, ops)) ||
        !ZYAN_SUCCESS(ZydisEncoderDecodedInstructionToEncoderRequest(
            &zi, ops, zi.operand_count_visible, &req))) {
        return false;
    }
    req.machine_mode = ZYDIS_MACHINE_MODE_LONG_64;
    req.address_size_hint = ZYDIS_ADDRESS_SIZE_HINT_NONE;
    req.prefixes &= ~(ZydisInstructionAttributes)ZYDIS_ATTRIB_HAS_SEGMENT;
    c->address_reg = X86_NONE;
    for (unsigned i = 0; i < req.operand_count; i++) {
        ZydisEncoderOperand *op = &req.operands[i];
        if (op->type == ZYDIS_OPERAND_TYPE_MEMORY) {
            c->address_reg = pick_address_reg(in);
            if (c->address_reg == X86_NONE || in->vsib) {
                return false;
            }
            op->mem.base = (ZydisRegister)(ZYDIS_REGISTER_RAX + c->address_reg);
            op->mem.index = ZYDIS_REGISTER_NONE;
            op->mem.scale = 0;
            op->mem.displacement = 0;
        }
    }
    if (in->has_mem && c->address_reg == X86_NONE) {
        return false; /* implied by the opcode */
    }
    ZyanUSize len = sizeof(c->native) - 1;
    bool ok = ZYAN_SUCCESS(ZydisEncoderEncodeInstruction(&req, c->native, &len));
    c->native_len = (unsigned)len;
    return ok;
}

static bool random_insn(struct rng *r, struct legacy_case *c)
{
    uint8_t b[15];
    uint64_t ip = (c->is_16 ? 0 : LEGACY_CODE) + LEGACY_START;
    for (unsigned i = 0; i < sizeof(b); i++) {
        b[i] = (uint8_t)rng_next(r);
    }
    unsigned n = random_start(r, b);
    /* Displacements and immediates: small, or data addresses. */
    if (rng_percent(r, 50)) {
        static const uint8_t address[] = {0x00, 0x80, 0x00, 0x30};
        memcpy(b + n + 2 + rng_below(r, 2), address, sizeof(address));
    }
    return sys_decode(&c->insn, mode_of(c), ip, LEGACY_CODE + LEGACY_START, b, sizeof(b)) == 0 &&
           is_wanted(&c->insn) && (c->insn.cls == SYS_INSN_LEA || encode_native(c));
}

void legacy_gen(struct rng *r, struct legacy_case *c)
{
    do {
        *c = (struct legacy_case){.is_16 = rng_percent(r, 40)};
    } while (!random_insn(r, c));
}

void legacy_gen_state(struct rng *r, const struct legacy_case *c, struct diff_state *st)
{
    state_random(r, st);
    for (unsigned i = 0; i < 8; i++) {
        uint32_t v = (uint32_t)st->gpr[i];
        if (rng_percent(r, 60)) {
            v = LEGACY_DATA + (LEGACY_SIZE >> 2) + rng_below(r, LEGACY_SIZE >> 1);
            v &= rng_percent(r, 70) ? ~15u : ~0u;
        } else if (rng_percent(r, 50)) {
            v &= 0xff;
        }
        if (c->is_16 && rng_percent(r, 80)) {
            v &= 0xffff;
        }
        st->gpr[i] = v;
    }
    st->rflags &= ~(uint64_t)(X86_TF | X86_AC);
}
