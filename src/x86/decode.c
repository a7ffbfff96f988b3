/* From guest bytes to struct x86_insn, through Zydis. Most instructions need
 * no more than their length; operands are decoded only where the memory
 * operand has to be replaced.
 *
 * What Zydis does not know is illegal here too, so CPUID (cpuid.c) must not
 * promise it. Hint NOPs are the exception: the architecture lets them be
 * executed before they have a meaning. */
#include "x86/insn.h"

#include <errno.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include "x86/host.h"

static const ZydisDecoder *decoder(void)
{
    static _Thread_local ZydisDecoder d;
    static _Thread_local bool ready;
    if (!ready) {
        ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
        ready = true;
    }
    return &d;
}

static uint8_t gpr_of(ZydisRegister reg)
{
    ZydisRegister full = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
    if (full >= ZYDIS_REGISTER_RAX && full <= ZYDIS_REGISTER_R15) {
        return (uint8_t)(full - ZYDIS_REGISTER_RAX);
    }
    return X86_NONE;
}

static void use_gpr(struct x86_insn *in, ZydisRegister reg)
{
    uint8_t r = gpr_of(reg);
    if (r != X86_NONE) {
        in->gprs |= (uint16_t)(1u << r);
    }
}

static bool is_high_byte(ZydisRegister reg)
{
    return reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH;
}

/* Base, index, scale and displacement; registers used; the register that is
 * only overwritten, if any. */
static void decode_operands(struct x86_insn *in, const ZydisDecodedInstruction *zi,
                            const ZydisDecoderContext *context)
{
    ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeOperands(decoder(), context, zi, ops, zi->operand_count))) {
        in->cls = X86_INSN_ILLEGAL;
        return;
    }
    for (unsigned i = 0; i < zi->operand_count; i++) {
        const ZydisDecodedOperand *op = &ops[i];
        if (op->type == ZYDIS_OPERAND_TYPE_REGISTER) {
            use_gpr(in, op->reg.value);
            in->high_byte |= is_high_byte(op->reg.value);
        } else if (op->type == ZYDIS_OPERAND_TYPE_MEMORY) {
            use_gpr(in, op->mem.base);
            use_gpr(in, op->mem.index);
            if (op->visibility != ZYDIS_OPERAND_VISIBILITY_HIDDEN) {
                /* (Zydis 4.0 forgets it for [disp32 + index] with VEX.B; 8 bits may be scaled.) */
                in->disp = zi->raw.disp.size == 32 ? zi->raw.disp.value : op->mem.disp.value;
                if (zi->mnemonic == ZYDIS_MNEMONIC_POP && gpr_of(op->mem.base) == X86_RSP) {
                    in->disp += zi->operand_width / 8; /* RSP as it is after the pop */
                }
                in->vsib = op->mem.type == ZYDIS_MEMOP_TYPE_VSIB;
            }
        }
    }
    /* Plain loads: the destination may hold the address meanwhile. */
    bool load = zi->mnemonic == ZYDIS_MNEMONIC_MOV || zi->mnemonic == ZYDIS_MNEMONIC_MOVZX ||
                zi->mnemonic == ZYDIS_MNEMONIC_MOVSX || zi->mnemonic == ZYDIS_MNEMONIC_MOVSXD;
    if (load && ops[0].type == ZYDIS_OPERAND_TYPE_REGISTER && ops[0].size >= 32) {
        in->dest = gpr_of(ops[0].reg.value);
    }
    const ZydisDecoderContext *c = context;
    bool x = c->vector_unified.X, b = c->vector_unified.B;
    if (zi->raw.modrm.mod != 3 && zi->raw.modrm.rm == 4) {
        if (in->vsib || zi->raw.sib.index != 4 || x) {
            in->index = (uint8_t)(zi->raw.sib.index | (x ? 8 : 0));
            in->scale = zi->raw.sib.scale;
        }
        if (zi->raw.sib.base != 5 || zi->raw.modrm.mod != 0) {
            in->base = (uint8_t)(zi->raw.sib.base | (b ? 8 : 0));
        }
    } else if (in->mem != X86_MEM_RIP) {
        in->base = (uint8_t)(zi->raw.modrm.rm | (b ? 8 : 0));
    }
}

static enum x86_insn_class classify_branch(const ZydisDecodedInstruction *zi)
{
    bool indirect = zi->opcode == 0xff;
    switch (zi->mnemonic) {
    case ZYDIS_MNEMONIC_JMP:
        if (zi->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR) {
            return X86_INSN_EMULATE;
        }
        return indirect ? X86_INSN_JMP_IND : X86_INSN_JMP;
    case ZYDIS_MNEMONIC_CALL:
        if (zi->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR) {
            return X86_INSN_EMULATE;
        }
        return indirect ? X86_INSN_CALL_IND : X86_INSN_CALL;
    case ZYDIS_MNEMONIC_RET:
        return zi->opcode == 0xc2 || zi->opcode == 0xc3 ? X86_INSN_RET : X86_INSN_FAR_RETURN;
    case ZYDIS_MNEMONIC_LOOP:
    case ZYDIS_MNEMONIC_LOOPE:
    case ZYDIS_MNEMONIC_LOOPNE:
    case ZYDIS_MNEMONIC_JRCXZ:
    case ZYDIS_MNEMONIC_JECXZ:
        return X86_INSN_LOOP;
    default:
        return zi->meta.category == ZYDIS_CATEGORY_COND_BR ? X86_INSN_JCC : X86_INSN_COPY;
    }
}

/* FS or GS as the destination of a segment load: the host's must not change. */
static bool loads_fs_gs(const ZydisDecodedInstruction *zi)
{
    if (zi->mnemonic == ZYDIS_MNEMONIC_MOV && zi->opcode == 0x8e &&
        zi->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT) {
        return zi->raw.modrm.reg == 4 || zi->raw.modrm.reg == 5;
    }
    return zi->mnemonic == ZYDIS_MNEMONIC_LFS || zi->mnemonic == ZYDIS_MNEMONIC_LGS ||
           (zi->mnemonic == ZYDIS_MNEMONIC_POP && zi->opcode_map == ZYDIS_OPCODE_MAP_0F);
}

/* Knights Corner's instructions (branches on mask registers among them): no
 * CPU that runs Mortise has them. */
static bool is_knights_corner(const ZydisDecodedInstruction *zi)
{
    return zi->encoding == ZYDIS_INSTRUCTION_ENCODING_MVEX ||
           (zi->meta.isa_set >= ZYDIS_ISA_SET_KNCE &&
            zi->meta.isa_set <= ZYDIS_ISA_SET_KNC_PF_HINT);
}

static enum x86_insn_class classify(const ZydisDecodedInstruction *zi)
{
    if (is_knights_corner(zi)) {
        return X86_INSN_ILLEGAL;
    }
    switch (zi->mnemonic) {
    case ZYDIS_MNEMONIC_SYSCALL:
        return X86_INSN_SYSCALL;
    case ZYDIS_MNEMONIC_INT3:
        return X86_INSN_INT3;
    case ZYDIS_MNEMONIC_INT:
        return zi->raw.imm[0].value.u == 0x80 ? X86_INSN_INT80 : X86_INSN_COPY;
    case ZYDIS_MNEMONIC_SYSENTER:
    case ZYDIS_MNEMONIC_RDPKRU: /* CPUID hides protection keys */
    case ZYDIS_MNEMONIC_WRPKRU:
        return X86_INSN_ILLEGAL;
    case ZYDIS_MNEMONIC_CPUID:
    case ZYDIS_MNEMONIC_XGETBV:
    case ZYDIS_MNEMONIC_RDFSBASE:
    case ZYDIS_MNEMONIC_RDGSBASE:
    case ZYDIS_MNEMONIC_WRFSBASE:
    case ZYDIS_MNEMONIC_WRGSBASE:
    case ZYDIS_MNEMONIC_XBEGIN:
        return X86_INSN_EMULATE;
    case ZYDIS_MNEMONIC_XSAVE:
    case ZYDIS_MNEMONIC_XSAVE64:
    case ZYDIS_MNEMONIC_XSAVEC:
    case ZYDIS_MNEMONIC_XSAVEC64:
    case ZYDIS_MNEMONIC_XSAVEOPT:
    case ZYDIS_MNEMONIC_XSAVEOPT64:
    case ZYDIS_MNEMONIC_XRSTOR:
    case ZYDIS_MNEMONIC_XRSTOR64:
        return x86_host.hides_state ? X86_INSN_XSTATE : X86_INSN_COPY;
    case ZYDIS_MNEMONIC_IRET:
    case ZYDIS_MNEMONIC_IRETD:
    case ZYDIS_MNEMONIC_IRETQ:
        return X86_INSN_FAR_RETURN;
    default:
        return loads_fs_gs(zi) ? X86_INSN_EMULATE : classify_branch(zi);
    }
}

/* The last segment prefix counts; 0: none. */
static uint8_t last_segment(const ZydisDecodedInstruction *zi)
{
    uint8_t last = 0;
    for (unsigned i = 0; i < zi->raw.prefix_count; i++) {
        uint8_t p = zi->raw.prefixes[i].value;
        if (p == 0x64 || p == 0x65) {
            last = p;
        }
    }
    return last;
}

static bool seg_override(const ZydisDecodedInstruction *zi)
{
    if (zi->mnemonic == ZYDIS_MNEMONIC_CLZERO) { /* Zydis takes its operand for a register */
        return last_segment(zi) != 0;
    }
    return (zi->attributes & (ZYDIS_ATTRIB_HAS_SEGMENT_FS | ZYDIS_ATTRIB_HAS_SEGMENT_GS)) != 0;
}

/* The register that holds the address of a memory operand without ModRM (or
 * besides it) that a segment override applies to, or X86_NONE. */
static uint8_t implicit_base(const ZydisDecodedInstruction *zi)
{
    switch (zi->mnemonic) {
    case ZYDIS_MNEMONIC_MASKMOVQ:
    case ZYDIS_MNEMONIC_MASKMOVDQU:
    case ZYDIS_MNEMONIC_VMASKMOVDQU:
        return X86_RDI;
    case ZYDIS_MNEMONIC_XLAT:
        return X86_RBX;
    case ZYDIS_MNEMONIC_CLZERO:
        return X86_RAX;
    default:
        break;
    }
    if (zi->meta.category == ZYDIS_CATEGORY_STRINGOP) { /* only the source can have one */
        switch (zi->opcode) {
        case 0xa4: /* MOVS, CMPS, LODS */
        case 0xa5:
        case 0xa6:
        case 0xa7:
        case 0xac:
        case 0xad:
            return X86_RSI;
        default:
            break;
        }
    }
    return X86_NONE;
}

/* MOV between the accumulator and an absolute address (A0..A3) takes the form
 * with ModRM, so that its address can be replaced. */
static bool is_moffs(const ZydisDecodedInstruction *zi)
{
    return zi->mnemonic == ZYDIS_MNEMONIC_MOV && zi->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT &&
           zi->opcode >= 0xa0 && zi->opcode <= 0xa3;
}

static void moffs_to_modrm(struct x86_insn *in, const ZydisDecodedInstruction *zi)
{
    static const uint8_t opcodes[] = {0x8a, 0x8b, 0x88, 0x89};
    in->bytes[in->opcode_off] = opcodes[zi->opcode & 3];
    in->modrm_off = (uint8_t)(in->opcode_off + 1);
    in->bytes[in->modrm_off] = 0;
    in->imm_off = in->len;
    in->mem = X86_MEM_SEG;
    in->seg_gs = (zi->attributes & ZYDIS_ATTRIB_HAS_SEGMENT_GS) != 0;
    in->target = (uint64_t)zi->raw.disp.value;
    in->gprs = 1u << X86_RAX;
    in->rex &= (uint8_t)~4; /* no register field here for it to extend */
    if (zi->address_width == 32) {
        in->target = (uint32_t)in->target;
    }
}

static void set_encoding(struct x86_insn *in, const ZydisDecodedInstruction *zi)
{
    switch (zi->encoding) {
    case ZYDIS_INSTRUCTION_ENCODING_VEX:
        in->encoding = zi->raw.vex.size == 2 ? X86_ENC_VEX2 : X86_ENC_VEX3;
        in->opcode_off = zi->raw.vex.offset;
        break;
    case ZYDIS_INSTRUCTION_ENCODING_XOP:
        in->encoding = X86_ENC_VEX3;
        in->opcode_off = zi->raw.xop.offset;
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

static bool memory_is_not_accessed(const ZydisDecodedInstruction *zi)
{
    return zi->mnemonic == ZYDIS_MNEMONIC_NOP || zi->mnemonic == ZYDIS_MNEMONIC_LEA;
}

static void decode_memory(struct x86_insn *in, const ZydisDecodedInstruction *zi,
                          const ZydisDecoderContext *context)
{
    bool modrm_memory =
        (zi->attributes & ZYDIS_ATTRIB_HAS_MODRM) && zi->raw.modrm.mod != 3 &&
        !(zi->opcode_map == ZYDIS_OPCODE_MAP_0F && zi->opcode >= 0x20 && zi->opcode <= 0x23);
    if (!modrm_memory) {
        if (seg_override(zi) && is_moffs(zi)) {
            moffs_to_modrm(in, zi);
        } else if (seg_override(zi) && implicit_base(zi) != X86_NONE) {
            in->cls = X86_INSN_SEG;
            in->base = implicit_base(zi);
            in->seg_gs = last_segment(zi) == 0x65;
            in->addr32 = zi->address_width == 32;
        }
        return;
    }
    in->modrm_off = zi->raw.modrm.offset;
    in->imm_off =
        (uint8_t)(in->modrm_off + 1 + (zi->raw.sib.offset ? 1 : 0) + zi->raw.disp.size / 8);
    in->addr32 = zi->address_width == 32;
    bool rip = zi->raw.modrm.mod == 0 && zi->raw.modrm.rm == 5;
    if (rip) {
        uint64_t target = x86_insn_next(in) + (uint64_t)zi->raw.disp.value;
        in->target = in->addr32 ? (uint32_t)target : target;
    }
    if (memory_is_not_accessed(zi)) {
        if (rip && zi->mnemonic == ZYDIS_MNEMONIC_LEA) {
            in->mem = X86_MEM_RIP;
            if (zi->operand_width != 16) {
                in->cls = X86_INSN_LEA_RIP;
                in->dest = (uint8_t)(zi->raw.modrm.reg | (in->rex & 4 ? 8 : 0));
                in->target = zi->operand_width == 32 ? (uint32_t)in->target : in->target;
            }
            in->gprs = (uint16_t)(1u << (zi->raw.modrm.reg | (in->rex & 4 ? 8 : 0)));
        }
        return;
    }
    if (seg_override(zi)) {
        in->mem = X86_MEM_SEG;
        in->seg_gs = (zi->attributes & ZYDIS_ATTRIB_HAS_SEGMENT_GS) != 0;
    } else if (rip) {
        in->mem = X86_MEM_RIP;
    }
    if (in->mem != X86_MEM_AS_IS || in->cls == X86_INSN_JMP_IND || in->cls == X86_INSN_CALL_IND ||
        in->cls == X86_INSN_XSTATE) {
        if (rip && in->mem == X86_MEM_SEG) { /* fs:[rip + x]: both replaced */
            decode_operands(in, zi, context);
            in->base = X86_NONE;
            in->disp = 0;
            return;
        }
        decode_operands(in, zi, context);
        if (rip) {
            in->base = X86_NONE;
        }
    }
}

/* 0F 0D and 0F 18..1F with ModRM, which Zydis knows only with some
 * prefixes: they do nothing. Returns the length, 0 if it is none, -EAGAIN
 * if the bytes don't suffice. */
static int hint_nop_length(const uint8_t *bytes, size_t len)
{
    size_t i = 0;
    while (i < len && i < 14) {
        uint8_t p = bytes[i];
        bool legacy = p == 0x66 || p == 0x67 || p == 0xf2 || p == 0xf3 || p == 0x26 || p == 0x2e ||
                      p == 0x36 || p == 0x3e || p == 0x64 || p == 0x65;
        if (!legacy && (p & 0xf0) != 0x40) {
            break;
        }
        i++;
    }
    if (i + 3 > len) {
        return -EAGAIN;
    }
    if (bytes[i] != 0x0f ||
        (bytes[i + 1] != 0x0d && (bytes[i + 1] < 0x18 || bytes[i + 1] > 0x1f))) {
        return 0;
    }
    uint8_t modrm = bytes[i + 2];
    size_t n = i + 3;
    if (modrm >> 6 != 3) {
        bool sib = (modrm & 7) == 4;
        if (sib && n >= len) {
            return -EAGAIN;
        }
        bool abs32 = (modrm >> 6) == 0 && ((modrm & 7) == 5 || (sib && (bytes[n] & 7) == 5));
        n += sib ? 1 : 0;
        n += modrm >> 6 == 1 ? 1 : (modrm >> 6 == 2 || abs32 ? 4 : 0);
    }
    if (n > 15) {
        return 0;
    }
    return n <= len ? (int)n : -EAGAIN;
}

int x86_decode(struct x86_insn *in, uint64_t pc, const uint8_t *bytes, size_t len)
{
    ZydisDecodedInstruction zi;
    ZydisDecoderContext context;
    *in = (struct x86_insn){
        .pc = pc, .dest = X86_NONE, .base = X86_NONE, .index = X86_NONE, .len = 1};

    ZyanStatus st = ZydisDecoderDecodeInstruction(decoder(), &context, bytes, len, &zi);
    if (st == ZYDIS_STATUS_NO_MORE_DATA) {
        return -EAGAIN;
    }
    if (!ZYAN_SUCCESS(st)) {
        int n = hint_nop_length(bytes, len);
        if (n == -EAGAIN) {
            return n;
        }
        in->cls = st == ZYDIS_STATUS_INSTRUCTION_TOO_LONG ? X86_INSN_PRIVILEGED : X86_INSN_ILLEGAL;
        if (n > 0) {
            in->cls = X86_INSN_COPY;
            in->len = (uint8_t)n;
        }
    } else {
        in->len = zi.length;
    }
    memcpy(in->bytes, bytes, in->len);
    if (!ZYAN_SUCCESS(st)) {
        return 0;
    }

    set_encoding(in, &zi);
    in->cls = (uint8_t)classify(&zi);
    switch (in->cls) {
    case X86_INSN_JCC:
        in->cc = (int8_t)(zi.opcode & 0xf);
        /* fall through */
    case X86_INSN_JMP:
    case X86_INSN_CALL:
    case X86_INSN_LOOP:
        in->target = x86_insn_next(in) + (uint64_t)zi.raw.imm[0].value.s;
        return 0;
    case X86_INSN_RET:
        in->imm = zi.opcode == 0xc2 ? (uint16_t)zi.raw.imm[0].value.u : 0;
        return 0;
    case X86_INSN_FAR_RETURN:
        in->imm = zi.opcode == 0xca ? (uint16_t)zi.raw.imm[0].value.u : 0;
        in->op_size = (uint8_t)(zi.operand_width / 8);
        return 0;
    case X86_INSN_JMP_IND:
    case X86_INSN_CALL_IND:
        if (zi.raw.modrm.mod == 3) {
            in->reg_operand = true;
            in->base = (uint8_t)(zi.raw.modrm.rm | (in->rex & 1 ? 8 : 0));
            return 0;
        }
        break;
    default:
        break;
    }
    decode_memory(in, &zi, &context);
    return 0;
}
