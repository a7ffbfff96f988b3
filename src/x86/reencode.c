/* Same instruction, other memory operand. What names registers is spread
 * over ModRM, SIB and the prefix in front of the opcode (REX, VEX, XOP or
 * EVEX); only the bits of base and index change, everything else is copied.
 * (Intel SDM volume 2, 2.1 to 2.7.) */
#include "x86/insn.h"

/* VEX, XOP and EVEX hold R, X and B inverted. */
static uint8_t inverted_xb(uint8_t byte, bool x, bool b)
{
    byte = (uint8_t)(byte & ~0x60);
    return (uint8_t)(byte | (x ? 0 : 0x40) | (b ? 0 : 0x20));
}

static void emit_legacy_prefixes(struct emit *e, const struct x86_insn *in)
{
    size_t end = in->opcode_off;
    if (in->encoding == X86_ENC_LEGACY && in->rex) {
        end--; /* REX is written anew; it is the last prefix */
    }
    for (size_t i = 0; i < end; i++) {
        switch (in->bytes[i]) {
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
        case 0x64:
        case 0x65:
        case 0x67:
            break;
        default:
            if ((in->bytes[i] & 0xf0) != 0x40) { /* a REX that others followed counts for nothing */
                emit_u8(e, in->bytes[i]);
            }
        }
    }
}

void x86_reencode(struct emit *e, const struct x86_insn *in, const struct emit_mem *m)
{
    uint8_t reg = (in->bytes[in->modrm_off] >> 3) & 7; /* its high bits are in the prefix */
    bool b = !m->rip && m->base != X86_NONE && (m->base & 8);
    bool x = !m->rip && m->index != X86_NONE && (m->index & 8);
    const uint8_t *op = in->bytes + in->opcode_off;
    size_t op_len = (size_t)(in->modrm_off - in->opcode_off);

    emit_legacy_prefixes(e, in);
    switch (in->encoding) {
    case X86_ENC_LEGACY: {
        uint8_t rex = (uint8_t)((in->rex & 0x4c) | (x ? 0x42 : 0) | (b ? 0x41 : 0));
        if (rex || in->rex) {
            emit_u8(e, (uint8_t)(rex | 0x40));
        }
        emit_bytes(e, op, op_len);
        break;
    }
    case X86_ENC_VEX2: /* C5 RvvvvLpp opcode -> C4 RXB.00001 WvvvvLpp opcode, if X or B is needed */
        if (x || b) {
            emit_u8(e, 0xc4);
            emit_u8(e, inverted_xb((uint8_t)((op[1] & 0x80) | 0x01), x, b));
            emit_u8(e, op[1] & 0x7f);
            emit_bytes(e, op + 2, op_len - 2);
        } else {
            emit_bytes(e, op, op_len);
        }
        break;
    default: /* VEX3 (C4), XOP (8F) and EVEX (62): X and B are in the second byte of each */
        emit_u8(e, op[0]);
        emit_u8(e, inverted_xb(op[1], x, b));
        emit_bytes(e, op + 2, op_len - 2);
        break;
    }
    unsigned tail = (unsigned)(in->len - in->imm_off);
    emit_modrm_mem(e, reg, m, tail);
    emit_bytes(e, in->bytes + in->imm_off, tail);
}
