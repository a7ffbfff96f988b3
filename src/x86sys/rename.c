/* Registers are spread over ModRM, the opcode and the prefix in front of it (REX,
 * VEX, EVEX; Intel SDM volume 2, 2.1 to 2.7). Everything is written anew, so that
 * prefixes which mean nothing to the copy (segments, address size, repeated ones)
 * disappear and it does not grow beyond 15 bytes. From 16- and 32-bit modes the
 * default operand size changes to 32 bits, and encodings that 64-bit mode has not
 * are exchanged: INC and DEC 40..4F, opcode 82, MOV with a bare offset. */
#include "x86sys/rename.h"

#include "x86/insn.h"

enum rex { REX = 0x40, REX_W = 8, REX_R = 4, REX_B = 1 };

static bool is_moffs(const struct sys_insn *in)
{
    return in->encoding == X86_ENC_LEGACY && in->map == 0 && in->opcode >= 0xa0 &&
           in->opcode <= 0xa3;
}

static bool is_short_inc(const struct sys_insn *in)
{
    return in->encoding == X86_ENC_LEGACY && in->map == 0 && in->code_size != 8 &&
           (in->opcode & 0xf0) == 0x40;
}

/* --- registers as the guest's encoding has them --- */

/* The byte with R, X, B (inverted) of VEX and EVEX. */
static uint8_t vex_high(const struct sys_insn *in)
{
    uint8_t b = in->bytes[in->opcode_off + 1];
    if (in->encoding == X86_ENC_VEX2) {
        b |= 0x60;
    }
    return in->code_size == 8 ? b : (uint8_t)(b | (in->encoding == X86_ENC_EVEX ? 0xf0 : 0xe0));
}

/* The byte with W, vvvv, pp. */
static uint8_t vex_low(const struct sys_insn *in)
{
    uint8_t b = in->bytes[in->opcode_off + (in->encoding == X86_ENC_VEX2 ? 1 : 2)];
    if (in->encoding == X86_ENC_VEX2) {
        b &= 0x7f;
    }
    return in->code_size == 8 ? b : (uint8_t)(b | 0x40);
}

static bool high_r(const struct sys_insn *in)
{
    return in->encoding == X86_ENC_LEGACY ? (in->rex & REX_R) != 0 : !(vex_high(in) & 0x80);
}

static bool high_b(const struct sys_insn *in)
{
    return in->encoding == X86_ENC_LEGACY ? (in->rex & REX_B) != 0 : !(vex_high(in) & 0x20);
}

uint8_t sys_guest_reg(const struct sys_insn *in, enum sys_reg_place place)
{
    switch (place) {
    case SYS_PLACE_REG:
        return (uint8_t)((in->modrm >> 3 & 7) | (high_r(in) ? 8 : 0));
    case SYS_PLACE_RM:
        return (uint8_t)((in->modrm & 7) | (high_b(in) ? 8 : 0));
    case SYS_PLACE_VVVV:
        return (uint8_t)(~(vex_low(in) >> 3) & 0xf);
    case SYS_PLACE_OPCODE:
        return (uint8_t)((in->opcode & 7) | (high_b(in) ? 8 : 0));
    default:
        return X86_NONE;
    }
}

/* What is to be encoded at a place: a renamed GPR, or what was there. */
static uint8_t number(const struct sys_insn *in, enum sys_reg_place place, uint8_t renamed)
{
    return in->gpr_places & 1u << place ? renamed : sys_guest_reg(in, place);
}

static uint8_t reg_number(const struct sys_insn *in, const struct sys_rename *r)
{
    return in->has_modrm ? number(in, SYS_PLACE_REG, r->reg) : 0;
}

/* rm, base or opcode: what B extends. */
static uint8_t b_number(const struct sys_insn *in, const struct sys_rename *r)
{
    if (r->address != X86_NONE) {
        return r->address;
    }
    if (in->has_modrm) {
        return number(in, SYS_PLACE_RM, r->rm);
    }
    return in->gpr_places & 1u << SYS_PLACE_OPCODE ? r->opcode : 0;
}

/* --- writing --- */

static void emit_memory(struct emit *e, uint8_t reg, const struct sys_insn *in,
                        const struct sys_rename *r)
{
    uint8_t low = (uint8_t)((reg & 7) << 3 | (r->address & 7));
    bool scaled = in->encoding == X86_ENC_EVEX;  /* 8 bits are multiplied there */
    if (r->disp == 0 && (r->address & 7) != 5) { /* RBP and R13 need a displacement */
        emit_u8(e, low);
    } else if (r->disp == 0 || (!scaled && r->disp >= INT8_MIN && r->disp <= INT8_MAX)) {
        emit_u8(e, (uint8_t)(0x40 | low));
        emit_u8(e, (uint8_t)r->disp);
    } else {
        emit_u8(e, (uint8_t)(0x80 | low));
        emit_u32(e, (uint32_t)r->disp);
    }
}

static void emit_register(struct emit *e, uint8_t reg, uint8_t rm)
{
    emit_u8(e, (uint8_t)(0xc0 | (reg & 7) << 3 | (rm & 7)));
}

/* Opcodes behind 0F whose operand size a prefix changes. */
static bool is_sized_0f(const struct sys_insn *in)
{
    uint8_t op = in->opcode;
    if (op >= 0x40 && op <= 0x4f) { /* CMOV */
        return true;
    }
    switch (op) {
    case 0xa3: /* BT and its like */
    case 0xab:
    case 0xb3:
    case 0xba:
    case 0xbb:
    case 0xa4: /* SHLD, SHRD */
    case 0xa5:
    case 0xac:
    case 0xad:
    case 0xaf: /* IMUL */
    case 0xb1: /* CMPXCHG */
    case 0xb6: /* MOVZX, MOVSX */
    case 0xb7:
    case 0xbe:
    case 0xbf:
    case 0xb8: /* POPCNT */
    case 0xbc: /* BSF, TZCNT, BSR, LZCNT */
    case 0xbd:
    case 0xc1: /* XADD */
        return true;
    case 0xc7: /* RDRAND, RDSEED */
        return in->modrm >= 0xc0;
    default:
        return op >= 0xc8 && op <= 0xcf; /* BSWAP: gives 0 with 16 bits */
    }
}

static bool wants_opsize(const struct sys_insn *in)
{
    if (in->code_size == 8 || in->fixed_opsize) {
        return in->opsize_prefix;
    }
    if (in->op_size != 2) {
        return false;
    }
    switch (in->map) {
    case 0:
        return true;
    case 1:
        return is_sized_0f(in);
    case 2: /* MOVBE, CRC32 */
        return in->opcode == 0xf0 || in->opcode == 0xf1;
    default:
        return false;
    }
}

static uint8_t rex_of(const struct sys_insn *in, const struct sys_rename *r)
{
    uint8_t rex = in->rex ? (uint8_t)(REX | (in->rex & REX_W)) : 0;
    if (reg_number(in, r) & 8 && !is_moffs(in)) {
        rex |= REX | REX_R;
    }
    if (b_number(in, r) & 8) {
        rex |= REX | REX_B;
    }
    return rex;
}

bool sys_rename_wants_rex(const struct sys_insn *in, const struct sys_rename *r)
{
    return in->encoding == X86_ENC_LEGACY && rex_of(in, r) != 0;
}

static void emit_legacy_opcode(struct emit *e, const struct sys_insn *in,
                               const struct sys_rename *r)
{
    static const uint8_t moffs[] = {0x8a, 0x8b, 0x88, 0x89};
    switch (in->map) {
    case 0:
        break;
    case 1:
        emit_u8(e, 0x0f);
        break;
    case 2:
        emit_u8(e, 0x0f);
        emit_u8(e, 0x38);
        break;
    default:
        emit_u8(e, 0x0f);
        emit_u8(e, 0x3a);
    }
    if (is_moffs(in)) {
        emit_u8(e, moffs[in->opcode & 3]);
        emit_memory(e, X86_RAX, in, r);
    } else if (is_short_inc(in)) {
        emit_u8(e, 0xff);
        emit_register(e, in->opcode >> 3 & 1, r->opcode);
    } else if (in->gpr_places & 1u << SYS_PLACE_OPCODE) {
        emit_u8(e, (uint8_t)((in->opcode & 0xf8) | (r->opcode & 7)));
    } else {
        emit_u8(e, in->map == 0 && in->opcode == 0x82 ? 0x80 : in->opcode);
    }
}

static void emit_legacy(struct emit *e, const struct sys_insn *in, const struct sys_rename *r)
{
    if (in->lock) {
        emit_u8(e, 0xf0);
    }
    if (in->rep) {
        emit_u8(e, in->rep);
    }
    if (wants_opsize(in)) {
        emit_u8(e, 0x66);
    }
    uint8_t rex = rex_of(in, r);
    if (rex) {
        emit_u8(e, rex);
    }
    emit_legacy_opcode(e, in, r);
}

static void emit_vex(struct emit *e, const struct sys_insn *in, const struct sys_rename *r)
{
    const uint8_t *p = in->bytes + in->opcode_off;
    bool high_reg = reg_number(in, r) & 8;
    bool high_b_reg = b_number(in, r) & 8;
    uint8_t vvvv = number(in, SYS_PLACE_VVVV, r->vvvv);
    uint8_t low = (uint8_t)((vex_low(in) & 0x87) | (~vvvv & 0xf) << 3);
    uint8_t map = in->encoding == X86_ENC_VEX2 ? 1 : p[1] & 0x1f;
    if (!high_b_reg && !(low & 0x80) && map == 1) {
        emit_u8(e, 0xc5);
        emit_u8(e, (uint8_t)(low | (high_reg ? 0 : 0x80)));
    } else {
        emit_u8(e, 0xc4);
        emit_u8(e, (uint8_t)(map | (high_reg ? 0 : 0x80) | 0x40 | (high_b_reg ? 0 : 0x20)));
        emit_u8(e, low);
    }
    emit_u8(e, in->opcode);
}

static void emit_evex(struct emit *e, const struct sys_insn *in, const struct sys_rename *r)
{
    const uint8_t *p = in->bytes + in->opcode_off;
    uint8_t high = (uint8_t)(vex_high(in) & 0x5f); /* X and R' as they are */
    if (r->address != X86_NONE || in->gpr_places & 1u << SYS_PLACE_RM) {
        high |= 0x40;
    }
    if (in->gpr_places & 1u << SYS_PLACE_REG) {
        high |= 0x10;
    }
    high |= (uint8_t)((reg_number(in, r) & 8 ? 0 : 0x80) | (b_number(in, r) & 8 ? 0 : 0x20));
    uint8_t vvvv = number(in, SYS_PLACE_VVVV, r->vvvv);
    emit_u8(e, 0x62);
    emit_u8(e, high);
    emit_u8(e, (uint8_t)((vex_low(in) & 0x87) | (~vvvv & 0xf) << 3));
    emit_u8(e, in->code_size == 8 ? p[3] : (uint8_t)(p[3] | 0x08));
    emit_u8(e, in->opcode);
}

/* A register in bits 7..4 of the immediate: VBLENDVPS and its like. */
static bool has_register_immediate(const struct sys_insn *in)
{
    return in->encoding != X86_ENC_LEGACY && in->map == 3 && in->opcode >= 0x4a &&
           in->opcode <= 0x4c;
}

void sys_reencode(struct emit *e, const struct sys_insn *in, const struct sys_rename *r)
{
    switch (in->encoding) {
    case X86_ENC_LEGACY:
        emit_legacy(e, in, r);
        break;
    case X86_ENC_EVEX:
        emit_evex(e, in, r);
        break;
    default:
        emit_vex(e, in, r);
    }
    if (in->has_modrm && r->address != X86_NONE) {
        emit_memory(e, reg_number(in, r), in, r);
    } else if (in->has_modrm) {
        emit_register(e, reg_number(in, r), b_number(in, r));
    }
    if (has_register_immediate(in) && in->code_size != 8) {
        emit_u8(e, in->bytes[in->imm_off] & 0x7f);
    } else {
        emit_bytes(e, in->bytes + in->imm_off, (size_t)(in->len - in->imm_off));
    }
}
