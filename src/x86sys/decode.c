/* From guest bytes to struct sys_insn, in every mode, through Zydis. What Zydis
 * does not know does not exist here either; hint NOPs are the exception, since the
 * architecture lets them be executed before they have a meaning. */
#include <errno.h>
#include <string.h>

#include "x86/insn.h"
#include "x86sys/decode_internal.h"

enum decoder_kind { DECODER_64, DECODER_32, DECODER_16, DECODER_REAL, DECODERS };

static void init_decoder(ZydisDecoder *d, ZydisMachineMode mode, ZydisStackWidth stack)
{
    static const ZydisDecoderMode off[] = {ZYDIS_DECODER_MODE_MPX, ZYDIS_DECODER_MODE_CET,
                                           ZYDIS_DECODER_MODE_CLDEMOTE};
    ZydisDecoderInit(d, mode, stack);
    for (unsigned i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
        ZydisDecoderEnableMode(d, off[i], ZYAN_FALSE);
    }
}

static const ZydisDecoder *decoder(uint32_t mode)
{
    static _Thread_local ZydisDecoder d[DECODERS];
    static _Thread_local bool ready;
    if (!ready) {
        init_decoder(&d[DECODER_64], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
        init_decoder(&d[DECODER_32], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
        init_decoder(&d[DECODER_16], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
        init_decoder(&d[DECODER_REAL], ZYDIS_MACHINE_MODE_REAL_16, ZYDIS_STACK_WIDTH_16);
        ready = true;
    }
    if (mode & SYS_MODE_CODE64) {
        return &d[DECODER_64];
    }
    if (mode & SYS_MODE_CODE32) {
        return &d[DECODER_32];
    }
    return (mode & (SYS_MODE_PE | SYS_MODE_VM)) == SYS_MODE_PE ? &d[DECODER_16] : &d[DECODER_REAL];
}

static bool is_legacy_prefix(uint8_t b)
{
    return b == 0x66 || b == 0x67 || b == 0xf2 || b == 0xf3 || b == 0x26 || b == 0x2e ||
           b == 0x36 || b == 0x3e || b == 0x64 || b == 0x65;
}

/* Bytes of SIB and displacement behind a ModRM byte; `sib` is the byte behind it. */
static unsigned operand_tail(uint8_t modrm, uint8_t sib, bool addr16)
{
    unsigned mod = modrm >> 6;
    unsigned rm = modrm & 7;
    if (mod == 3) {
        return 0;
    }
    if (addr16) {
        return mod == 1 ? 1 : mod == 2 || rm == 6 ? 2 : 0;
    }
    unsigned n = rm == 4 ? 1 : 0;
    bool absolute = mod == 0 && (rm == 5 || (rm == 4 && (sib & 7) == 5));
    return n + (mod == 1 ? 1u : mod == 2 || absolute ? 4u : 0u);
}

enum { LONGEST = 15 }; /* bytes of an instruction */

/* 0F 0D and 0F 18..1F with ModRM, which Zydis knows only with some prefixes: they
 * do nothing. Returns the length, more than LONGEST if it would be, 0 if it is none,
 * -EAGAIN if the bytes don't suffice, which LONGEST always do. */
static int hint_nop_length(const uint8_t *bytes, size_t len, uint32_t mode)
{
    size_t i = 0;
    bool addr_prefix = false;
    while (i < len &&
           (is_legacy_prefix(bytes[i]) || (mode & SYS_MODE_CODE64 && (bytes[i] & 0xf0) == 0x40))) {
        addr_prefix |= bytes[i] == 0x67;
        if (++i == LONGEST) {
            return 0;
        }
    }
    if (i < len && bytes[i] != 0x0f) {
        return 0;
    }
    if (i + 1 < len && bytes[i + 1] != 0x0d && (bytes[i + 1] < 0x18 || bytes[i + 1] > 0x1f)) {
        return 0;
    }
    if (i + 3 > len) {
        return len < LONGEST ? -EAGAIN : LONGEST + 1;
    }
    bool addr16 = !(mode & SYS_MODE_CODE64) && !(mode & SYS_MODE_CODE32) != addr_prefix;
    if (i + 3 == len && !addr16 && bytes[i + 2] >> 6 != 3 && (bytes[i + 2] & 7) == 4) {
        return len < LONGEST ? -EAGAIN : LONGEST + 1;
    }
    size_t n = i + 3 + operand_tail(bytes[i + 2], i + 3 < len ? bytes[i + 3] : 0, addr16);
    return n <= len || n > LONGEST ? (int)n : -EAGAIN;
}

static void raises(struct sys_insn *in, enum sys_insn_class cls, uint8_t vector)
{
    in->cls = (uint8_t)cls;
    in->fault = vector;
    in->flags_read = SYS_RF_ARITH;
}

static int decode_unknown(struct sys_insn *in, ZyanStatus st, uint32_t mode, const uint8_t *bytes,
                          size_t len)
{
    int n =
        st == ZYDIS_STATUS_INSTRUCTION_TOO_LONG ? LONGEST + 1 : hint_nop_length(bytes, len, mode);
    if (n < 0) {
        return n;
    }
    if (n > LONGEST) {
        raises(in, SYS_INSN_TOO_LONG, SYS_GP);
        return 0;
    }
    if (n > 0) {
        in->cls = SYS_INSN_NOP;
        in->len = (uint8_t)n;
        memcpy(in->bytes, bytes, (size_t)n);
        return 0;
    }
    raises(in, SYS_INSN_ILLEGAL, SYS_UD);
    return 0;
}

static void set_encoding(struct sys_insn *in, const ZydisDecodedInstruction *zi)
{
    switch (zi->encoding) {
    case ZYDIS_INSTRUCTION_ENCODING_VEX:
        in->encoding = zi->raw.vex.size == 2 ? X86_ENC_VEX2 : X86_ENC_VEX3;
        in->opcode_off = zi->raw.vex.offset;
        break;
    case ZYDIS_INSTRUCTION_ENCODING_EVEX:
        in->encoding = X86_ENC_EVEX;
        in->opcode_off = zi->raw.evex.offset;
        break;
    default:
        in->encoding = X86_ENC_LEGACY;
        if (zi->attributes & ZYDIS_ATTRIB_HAS_REX) {
            in->rex = in->bytes[zi->raw.rex.offset];
        }
        in->opcode_off = zi->raw.prefix_count;
    }
}

static void set_prefixes(struct sys_insn *in, const ZydisDecodedInstruction *zi)
{
    in->lock = (zi->attributes & ZYDIS_ATTRIB_HAS_LOCK) != 0;
    in->fixed_opsize = in->encoding != X86_ENC_LEGACY;
    for (unsigned i = 0; i < zi->raw.prefix_count; i++) {
        uint8_t p = zi->raw.prefixes[i].value;
        if (p == 0xf2 || p == 0xf3) {
            in->rep = p;
        } else if (p == 0x66) {
            in->opsize_prefix = true;
            in->fixed_opsize |= zi->raw.prefixes[i].type == ZYDIS_PREFIX_TYPE_MANDATORY;
        } else if (p == 0x67) {
            in->addrsize_prefix = true;
        }
    }
}

static void set_layout(struct sys_insn *in, const ZydisDecodedInstruction *zi)
{
    in->mnemonic = (uint16_t)zi->mnemonic;
    in->isa_set = (uint16_t)zi->meta.isa_set;
    in->map = (uint8_t)zi->opcode_map;
    in->opcode = zi->opcode;
    in->op_size = (uint8_t)(zi->operand_width / 8);
    in->addr_size = (uint8_t)(zi->address_width / 8);
    set_encoding(in, zi);
    set_prefixes(in, zi);
    in->imm_off = in->len;
    if (zi->attributes & ZYDIS_ATTRIB_HAS_MODRM) {
        in->has_modrm = true;
        in->modrm = (uint8_t)(zi->raw.modrm.mod << 6 | zi->raw.modrm.reg << 3 | zi->raw.modrm.rm);
        in->modrm_off = zi->raw.modrm.offset;
    }
    if (zi->raw.imm[0].size) {
        in->imm_off = zi->raw.imm[0].offset;
    } else if (in->has_modrm) {
        in->imm_off =
            (uint8_t)(in->modrm_off + 1 + (zi->raw.sib.offset ? 1 : 0) + zi->raw.disp.size / 8);
    }
    in->imm = zi->raw.imm[0].value.u;
    in->imm2 = zi->raw.imm[1].value.u;
}

static uint64_t cut(uint64_t value, unsigned size)
{
    return size == 2 ? (uint16_t)value : size == 4 ? (uint32_t)value : value;
}

/* Relative ones only. */
static void set_target(struct sys_insn *in, const ZydisDecodedInstruction *zi)
{
    if (zi->raw.imm[0].is_relative) {
        in->target = cut(in->ip + in->len + in->imm, in->op_size);
        in->cc = (int8_t)(zi->opcode & 0xf);
    }
}

int sys_decode(struct sys_insn *in, uint32_t mode, uint64_t ip, uint64_t linear,
               const uint8_t *bytes, size_t len)
{
    ZydisDecodedInstruction zi;
    ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
    ZydisDecoderContext context;
    *in = (struct sys_insn){
        .linear = linear,
        .ip = ip,
        .len = 1,
        .bytes = {len ? bytes[0] : 0},
        .code_size = mode & SYS_MODE_CODE64   ? 8
                     : mode & SYS_MODE_CODE32 ? 4
                                              : 2,
        .fault = SYS_NO_EXCEPTION,
        .base = X86_NONE,
        .index = X86_NONE,
        .seg = SYS_DS,
    };
    const ZydisDecoder *d = decoder(mode);
    ZyanStatus st = ZydisDecoderDecodeInstruction(d, &context, bytes, len, &zi);
    if (st == ZYDIS_STATUS_NO_MORE_DATA) {
        return -EAGAIN;
    }
    if (ZYAN_SUCCESS(st)) {
        st = ZydisDecoderDecodeOperands(d, &context, &zi, ops, zi.operand_count);
    }
    if (!ZYAN_SUCCESS(st)) {
        return decode_unknown(in, st, mode, bytes, len);
    }
    in->len = zi.length;
    memcpy(in->bytes, bytes, in->len);
    set_layout(in, &zi);
    set_target(in, &zi);
    sys_decode_class(in, mode, &zi);
    sys_decode_operands(in, &zi, ops);
    return 0;
}
