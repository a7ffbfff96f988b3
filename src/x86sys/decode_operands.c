/* Operands of a decoded instruction: which registers it reads and writes and where
 * their numbers are encoded, the memory operand, and the arithmetic flags.
 *
 * What is only perhaps written counts as read too: the old value may survive. */
#include "x86/emit.h"
#include "x86sys/decode_internal.h"

static uint8_t gpr_of(ZydisRegister reg)
{
    ZydisRegister full = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
    if (full >= ZYDIS_REGISTER_RAX && full <= ZYDIS_REGISTER_R15) {
        return (uint8_t)(full - ZYDIS_REGISTER_RAX);
    }
    return X86_NONE;
}

static uint16_t gpr_bit(ZydisRegister reg)
{
    uint8_t r = gpr_of(reg);
    return r == X86_NONE ? 0 : (uint16_t)(1u << r);
}

static bool is_flags(ZydisRegister reg)
{
    return reg >= ZYDIS_REGISTER_FLAGS && reg <= ZYDIS_REGISTER_RFLAGS;
}

static enum sys_reg_place place_of(const ZydisDecodedOperand *op)
{
    switch (op->encoding) {
    case ZYDIS_OPERAND_ENCODING_MODRM_REG:
        return SYS_PLACE_REG;
    case ZYDIS_OPERAND_ENCODING_MODRM_RM:
        return SYS_PLACE_RM;
    case ZYDIS_OPERAND_ENCODING_NDSNDD:
        return SYS_PLACE_VVVV;
    case ZYDIS_OPERAND_ENCODING_OPCODE:
        return SYS_PLACE_OPCODE;
    default:
        return SYS_PLACE_NONE;
    }
}

static void register_operand(struct sys_insn *in, const ZydisDecodedOperand *op)
{
    ZydisRegister reg = op->reg.value;
    if (is_flags(reg)) {
        if (op->actions & ZYDIS_OPERAND_ACTION_CONDWRITE) {
            in->flags_read |= in->flags_written;
        }
        return;
    }
    uint16_t bit = gpr_bit(reg);
    if (!bit) {
        return;
    }
    in->gpr_places |= (uint8_t)(1u << place_of(op));
    if (place_of(op) != SYS_PLACE_NONE && reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH) {
        in->high_byte = true;
        in->high_byte_places |= (uint8_t)(1u << place_of(op));
    }
    if (op->actions & ZYDIS_OPERAND_ACTION_MASK_READ) {
        in->gprs_read |= bit;
    }
    if (op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) {
        in->gprs_written |= bit;
        if (op->size < 32 || op->actions & ZYDIS_OPERAND_ACTION_CONDWRITE) {
            in->gprs_read |= bit;
        }
    }
}

static uint8_t segment_of(ZydisRegister reg)
{
    static const uint8_t segs[] = {SYS_ES, SYS_CS, SYS_SS, SYS_DS, SYS_FS, SYS_GS};
    if (reg < ZYDIS_REGISTER_ES || reg > ZYDIS_REGISTER_GS) {
        return SYS_DS;
    }
    return segs[reg - ZYDIS_REGISTER_ES];
}

static bool moves_whole_or_unaligned(ZydisMnemonic m)
{
    switch (m) {
    case ZYDIS_MNEMONIC_MOVUPS:
    case ZYDIS_MNEMONIC_MOVUPD:
    case ZYDIS_MNEMONIC_MOVDQU:
    case ZYDIS_MNEMONIC_LDDQU:
    case ZYDIS_MNEMONIC_MASKMOVDQU:
    case ZYDIS_MNEMONIC_PCMPESTRI:
    case ZYDIS_MNEMONIC_PCMPESTRM:
    case ZYDIS_MNEMONIC_PCMPISTRI:
    case ZYDIS_MNEMONIC_PCMPISTRM:
        return true;
    default:
        return false;
    }
}

static bool must_be_aligned(const struct sys_insn *in, const ZydisDecodedInstruction *zi)
{
    switch (zi->mnemonic) {
    case ZYDIS_MNEMONIC_CMPXCHG16B:
    case ZYDIS_MNEMONIC_FXSAVE:
    case ZYDIS_MNEMONIC_FXSAVE64:
    case ZYDIS_MNEMONIC_FXRSTOR:
    case ZYDIS_MNEMONIC_FXRSTOR64:
        return true;
    default:
        break;
    }
    if (zi->meta.isa_set == ZYDIS_ISA_SET_SHA) { /* CPUs don't check it, whatever manuals say */
        return false;
    }
    switch (zi->meta.exception_class) {
    case ZYDIS_EXCEPTION_CLASS_SSE1:
    case ZYDIS_EXCEPTION_CLASS_AVX1:
    case ZYDIS_EXCEPTION_CLASS_E1:
    case ZYDIS_EXCEPTION_CLASS_E1NF:
        return true;
    case ZYDIS_EXCEPTION_CLASS_NONE:
        break;
    default:
        if (zi->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY && in->mem_size == 16) {
            return !moves_whole_or_unaligned(zi->mnemonic);
        }
        return false;
    }
    /* AES and its like have no class in Zydis. */
    switch (zi->meta.isa_set) {
    case ZYDIS_ISA_SET_AES:
    case ZYDIS_ISA_SET_GFNI:
    case ZYDIS_ISA_SET_PCLMULQDQ:
    case ZYDIS_ISA_SET_SSE:
    case ZYDIS_ISA_SET_SSE2:
    case ZYDIS_ISA_SET_SSE3:
    case ZYDIS_ISA_SET_SSE4:
    case ZYDIS_ISA_SET_SSE42:
    case ZYDIS_ISA_SET_SSSE3:
        return zi->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY && in->mem_size == 16 &&
               !moves_whole_or_unaligned(zi->mnemonic);
    default:
        return false;
    }
}

static uint8_t log2_of(uint8_t scale)
{
    return scale == 8 ? 3 : scale == 4 ? 2 : scale == 2 ? 1 : 0;
}

static void set_address(struct sys_insn *in, const ZydisDecodedInstruction *zi,
                        const ZydisDecodedOperand *op)
{
    in->seg = segment_of(op->mem.segment);
    /* (Zydis 4.0 forgets it for [disp32 + index] with VEX.B; 8 bits may be scaled.) */
    in->disp = zi->raw.disp.size == 32 ? zi->raw.disp.value : op->mem.disp.value;
    if (op->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN) {
        in->disp = 0;
    }
    in->vsib = op->mem.type == ZYDIS_MEMOP_TYPE_VSIB;
    in->base = gpr_of(op->mem.base);
    if (zi->raw.sib.offset && zi->raw.modrm.mod == 0 && zi->raw.sib.base == 5) {
        in->base = X86_NONE; /* (Zydis 4.0 sees one with VEX.B) */
    }
    in->rip_relative = op->mem.base == ZYDIS_REGISTER_RIP || op->mem.base == ZYDIS_REGISTER_EIP;
    if (in->rip_relative) {
        uint64_t target = in->ip + in->len + (uint64_t)in->disp;
        in->disp = (int64_t)(in->addr_size == 4 ? (uint32_t)target : target);
    }
    in->scale = log2_of(op->mem.scale);
    if (in->vsib) {
        in->index = (uint8_t)ZydisRegisterGetId(op->mem.index);
    } else {
        in->index = gpr_of(op->mem.index);
    }
    if (in->cls == SYS_INSN_STACK && zi->meta.category == ZYDIS_CATEGORY_POP &&
        in->base == X86_RSP) {
        in->disp += in->op_size;
    }
}

static bool is_bit_test(ZydisMnemonic m)
{
    return m == ZYDIS_MNEMONIC_BT || m == ZYDIS_MNEMONIC_BTS || m == ZYDIS_MNEMONIC_BTR ||
           m == ZYDIS_MNEMONIC_BTC;
}

static bool is_flush(ZydisMnemonic m)
{
    return m == ZYDIS_MNEMONIC_CLFLUSH || m == ZYDIS_MNEMONIC_CLFLUSHOPT ||
           m == ZYDIS_MNEMONIC_CLWB;
}

/* Some bytes of the operand may stay as they are. */
static bool stores_by_mask(const ZydisDecodedInstruction *zi)
{
    switch (zi->mnemonic) {
    case ZYDIS_MNEMONIC_MASKMOVQ:
    case ZYDIS_MNEMONIC_MASKMOVDQU:
    case ZYDIS_MNEMONIC_VMASKMOVDQU:
    case ZYDIS_MNEMONIC_VMASKMOVPS:
    case ZYDIS_MNEMONIC_VMASKMOVPD:
    case ZYDIS_MNEMONIC_VPMASKMOVD:
    case ZYDIS_MNEMONIC_VPMASKMOVQ:
        return true;
    default:
        return zi->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX && zi->raw.evex.aaa != 0;
    }
}

static void memory_operand(struct sys_insn *in, const ZydisDecodedInstruction *zi,
                           const ZydisDecodedOperand *ops, const ZydisDecodedOperand *op)
{
    in->has_mem = true;
    set_address(in, zi, op);
    if (op->mem.type == ZYDIS_MEMOP_TYPE_AGEN || in->cls == SYS_INSN_NOP) {
        return;
    }
    in->mem_size = is_bit_test(zi->mnemonic) ? in->op_size : (uint16_t)(op->size / 8);
    if (is_flush(zi->mnemonic)) { /* checked as a load */
        in->mem_size = 1;
        in->mem_access = SYS_READ;
        return;
    }
    if (op->actions & ZYDIS_OPERAND_ACTION_MASK_READ) {
        in->mem_access |= SYS_READ;
    }
    if (op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) {
        in->mem_access |= SYS_WRITE;
        if (op->actions & ZYDIS_OPERAND_ACTION_CONDWRITE || stores_by_mask(zi)) {
            in->mem_access |= SYS_READ;
        }
    }
    in->mem_aligned = must_be_aligned(in, zi);
    sys_decode_mask(in, zi, ops, op);
}

/* The explicit memory operand; or the one that the opcode implies. Those of
 * strings and of the stack are known without. */
static const ZydisDecodedOperand *find_memory(const struct sys_insn *in,
                                              const ZydisDecodedInstruction *zi,
                                              const ZydisDecodedOperand *ops)
{
    const ZydisDecodedOperand *implied = NULL;
    for (unsigned i = 0; i < zi->operand_count; i++) {
        if (ops[i].type != ZYDIS_OPERAND_TYPE_MEMORY) {
            continue;
        }
        if (ops[i].visibility != ZYDIS_OPERAND_VISIBILITY_HIDDEN) {
            return &ops[i];
        }
        if (!implied) {
            implied = &ops[i];
        }
    }
    return in->cls == SYS_INSN_DATA ? implied : NULL;
}

static void set_string_segment(struct sys_insn *in, const ZydisDecodedInstruction *zi,
                               const ZydisDecodedOperand *ops)
{
    in->seg = SYS_ES;
    for (unsigned i = 0; i < zi->operand_count; i++) {
        if (ops[i].type == ZYDIS_OPERAND_TYPE_MEMORY && gpr_of(ops[i].mem.base) == X86_RSI) {
            in->seg = segment_of(ops[i].mem.segment);
        }
    }
    in->mem_size = in->op_size;
}

static void set_flags(struct sys_insn *in, const ZydisDecodedInstruction *zi)
{
    if (zi->cpu_flags) {
        const ZydisAccessedFlags *f = zi->cpu_flags;
        in->flags_read = f->tested & SYS_RF_ARITH;
        in->flags_undefined = f->undefined & SYS_RF_ARITH;
        in->flags_written =
            (f->modified | f->set_0 | f->set_1 | f->undefined) & (uint32_t)SYS_RF_ARITH;
    }
}

/* Shifts by a constant that comes to nothing write no flags. */
static bool shifts_by_nothing(const struct sys_insn *in, const ZydisDecodedInstruction *zi)
{
    switch (zi->mnemonic) {
    case ZYDIS_MNEMONIC_SHL:
    case ZYDIS_MNEMONIC_SHR:
    case ZYDIS_MNEMONIC_SAR:
    case ZYDIS_MNEMONIC_ROL:
    case ZYDIS_MNEMONIC_ROR:
    case ZYDIS_MNEMONIC_RCL:
    case ZYDIS_MNEMONIC_RCR:
    case ZYDIS_MNEMONIC_SHLD:
    case ZYDIS_MNEMONIC_SHRD:
        return zi->raw.imm[0].size && !(in->imm & (in->op_size == 8 ? 63 : 31));
    default:
        return false;
    }
}

static bool is_pushf(ZydisMnemonic m)
{
    return m == ZYDIS_MNEMONIC_PUSHF || m == ZYDIS_MNEMONIC_PUSHFD || m == ZYDIS_MNEMONIC_PUSHFQ;
}

/* BSF and BSR of zero leave the destination. */
static bool may_leave_destination(ZydisMnemonic m)
{
    return m == ZYDIS_MNEMONIC_BSF || m == ZYDIS_MNEMONIC_BSR;
}

void sys_decode_operands(struct sys_insn *in, const ZydisDecodedInstruction *zi,
                         const ZydisDecodedOperand *ops)
{
    set_flags(in, zi);
    for (unsigned i = 0; i < zi->operand_count; i++) {
        const ZydisDecodedOperand *op = &ops[i];
        if (op->type == ZYDIS_OPERAND_TYPE_REGISTER) {
            register_operand(in, op);
        } else if (op->type == ZYDIS_OPERAND_TYPE_MEMORY) {
            in->gprs_read |= gpr_bit(op->mem.base);
            if (op->mem.type != ZYDIS_MEMOP_TYPE_VSIB) {
                in->gprs_read |= gpr_bit(op->mem.index);
            }
        }
    }
    in->gpr_places &= (uint8_t)~(1u << SYS_PLACE_NONE);
    const ZydisDecodedOperand *mem = find_memory(in, zi, ops);
    if (mem) {
        memory_operand(in, zi, ops, mem);
    }
    if (zi->meta.category == ZYDIS_CATEGORY_STRINGOP ||
        zi->meta.category == ZYDIS_CATEGORY_IOSTRINGOP) {
        set_string_segment(in, zi, ops);
    }
    if (shifts_by_nothing(in, zi) || (in->cls == SYS_INSN_STRING && in->rep)) {
        in->flags_read |= in->flags_written;
    }
    if (may_leave_destination(zi->mnemonic)) {
        in->gprs_read |= in->gprs_written;
    }
    if (in->cls == SYS_INSN_C || in->cls == SYS_INSN_ILLEGAL || is_pushf(zi->mnemonic)) {
        in->flags_read = SYS_RF_ARITH;
    }
}
