/* Masks of memory operands: elements that are masked out are not accessed, so they
 * cannot fault. */
#include "x86/emit.h"
#include "x86sys/decode_internal.h"

/* Masked instructions that access all of the operand all the same. */
static bool ignores_mask(const ZydisDecodedInstruction *zi)
{
    if (zi->mnemonic == ZYDIS_MNEMONIC_VGF2P8AFFINEQB ||
        zi->mnemonic == ZYDIS_MNEMONIC_VGF2P8AFFINEINVQB ||
        zi->mnemonic == ZYDIS_MNEMONIC_VDBPSADBW ||
        zi->mnemonic == ZYDIS_MNEMONIC_VCVTNE2PS2BF16) { /* E4NF, whatever Zydis says */
        return true;
    }
    switch (zi->meta.exception_class) {
    case ZYDIS_EXCEPTION_CLASS_E1NF:
    case ZYDIS_EXCEPTION_CLASS_E2NF:
    case ZYDIS_EXCEPTION_CLASS_E3NF:
    case ZYDIS_EXCEPTION_CLASS_E4NF:
    case ZYDIS_EXCEPTION_CLASS_E5NF:
    case ZYDIS_EXCEPTION_CLASS_E6NF:
    case ZYDIS_EXCEPTION_CLASS_E9NF:
    case ZYDIS_EXCEPTION_CLASS_E10NF:
        return true;
    default:
        return false;
    }
}

static bool is_packed(ZydisMnemonic m)
{
    switch (m) {
    case ZYDIS_MNEMONIC_VCOMPRESSPD:
    case ZYDIS_MNEMONIC_VCOMPRESSPS:
    case ZYDIS_MNEMONIC_VPCOMPRESSB:
    case ZYDIS_MNEMONIC_VPCOMPRESSW:
    case ZYDIS_MNEMONIC_VPCOMPRESSD:
    case ZYDIS_MNEMONIC_VPCOMPRESSQ:
    case ZYDIS_MNEMONIC_VEXPANDPD:
    case ZYDIS_MNEMONIC_VEXPANDPS:
    case ZYDIS_MNEMONIC_VPEXPANDB:
    case ZYDIS_MNEMONIC_VPEXPANDW:
    case ZYDIS_MNEMONIC_VPEXPANDD:
    case ZYDIS_MNEMONIC_VPEXPANDQ:
        return true;
    default:
        return false;
    }
}

/* Bytes of memory that one bit of the mask stands for: the elements of memory, or of
 * the result if it is made of several of those. */
static unsigned bytes_per_bit(const ZydisDecodedInstruction *zi, const ZydisDecodedOperand *ops,
                              const ZydisDecodedOperand *mem)
{
    unsigned size = mem->element_size / 8u;
    if (zi->mnemonic == ZYDIS_MNEMONIC_VPSHUFBITQMB) {
        return 1;
    }
    bool vector = ops[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
                  ops[0].encoding == ZYDIS_OPERAND_ENCODING_MODRM_REG;
    if (vector && ops[0].size == mem->size && ops[0].element_size / 8u > size) {
        return ops[0].element_size / 8u;
    }
    return size;
}

static void set_opmask(struct sys_insn *in, const ZydisDecodedInstruction *zi,
                       const ZydisDecodedOperand *ops, const ZydisDecodedOperand *mem)
{
    if (zi->raw.evex.aaa == 0 || ignores_mask(zi)) {
        return;
    }
    in->mask_is_k = true;
    in->mask_reg = zi->raw.evex.aaa;
    in->elem_size = (uint8_t)bytes_per_bit(zi, ops, mem);
    unsigned n = in->elem_size ? in->mem_size / in->elem_size : 0;
    in->mask = is_packed(zi->mnemonic) ? SYS_MASK_PACKED : SYS_MASK_EACH;
    in->mask_bits = (uint8_t)(n < 64 ? n : 64);
    in->mask_folds = 1;
    if (zi->avx.broadcast.mode != ZYDIS_BROADCAST_MODE_INVALID && n) {
        bool to_mask = ops[0].element_size == 1; /* its bits are more than the vector's */
        unsigned bits = to_mask ? zi->avx.vector_length / mem->element_size : ops[0].element_count;
        in->mask_folds = (uint8_t)(bits / n);
    }
}

static void set_vector_mask(struct sys_insn *in, const ZydisDecodedInstruction *zi)
{
    switch (zi->mnemonic) {
    case ZYDIS_MNEMONIC_VMASKMOVPS:
    case ZYDIS_MNEMONIC_VPMASKMOVD:
        in->elem_size = 4;
        break;
    case ZYDIS_MNEMONIC_VMASKMOVPD:
    case ZYDIS_MNEMONIC_VPMASKMOVQ:
        in->elem_size = 8;
        break;
    default:
        return;
    }
    in->mask = SYS_MASK_EACH;
    in->mask_reg = ~zi->raw.vex.vvvv & (in->code_size == 8 ? 0xf : 7);
    in->mask_bits = (uint8_t)(in->mem_size / in->elem_size);
    in->mask_folds = 1;
}

void sys_decode_mask(struct sys_insn *in, const ZydisDecodedInstruction *zi,
                     const ZydisDecodedOperand *ops, const ZydisDecodedOperand *mem)
{
    if (in->vsib) {
        in->elem_size = (uint8_t)in->mem_size;
    } else if (zi->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX) {
        set_opmask(in, zi, ops, mem);
    } else if (zi->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX) {
        set_vector_mask(in, zi);
    }
}
