/* Data instructions whose memory operand is not simply the one in ModRM, or that
 * the host is not to execute itself. */
#include <Zydis/Zydis.h>

#include "x86sys/lower_data.h"
#include "x86sys/rename.h"

/* --- BT, BTS, BTR, BTC with a bit offset in a register: it reaches beyond the
 * operand, so the address of the right word is computed, and the rest of the
 * offset is left to the instruction --- */

static bool is_bit_string(const struct sys_insn *in)
{
    switch (in->mnemonic) {
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTS:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTC:
        return in->has_mem && in->gpr_places & 1u << SYS_PLACE_REG;
    default:
        return false;
    }
}

static unsigned log2_bits(const struct sys_insn *in)
{
    return in->op_size == 8 ? 6 : in->op_size == 4 ? 5 : 4;
}

static void emit_bit_offset(struct sys_translation *t, const struct sys_insn *in)
{
    static const uint8_t movsx16[] = {0x4d, 0x0f, 0xbf, 0xf6}; /* movsx r14, r14w */
    static const uint8_t movsxd[] = {0x4d, 0x63, 0xf6};        /* movsxd r14, r14d */
    sys_emit_get(t, SYS_HOST_S1, sys_guest_reg(in, SYS_PLACE_REG));
    if (in->op_size == 2) {
        emit_bytes(&t->e, movsx16, sizeof(movsx16));
    } else if (in->op_size == 4) {
        emit_bytes(&t->e, movsxd, sizeof(movsxd));
    }
}

static void emit_bit_address(struct sys_translation *t, const struct sys_insn *in, uint64_t arg)
{
    (void)arg;
    static const uint8_t sar[] = {0x49, 0xc1, 0xfe}; /* sar r14, imm8 */
    sys_emit_offset(t, in, SYS_HOST_S0, in->addr_size == 8);
    emit_bit_offset(t, in);
    emit_bytes(&t->e, sar, sizeof(sar));
    emit_u8(&t->e, (uint8_t)log2_bits(in));
    struct emit_mem word = {
        .base = SYS_HOST_S0, .index = SYS_HOST_S1, .scale = (uint8_t)(log2_bits(in) - 3)};
    emit_lea(&t->e, SYS_HOST_S0, &word);
    sys_emit_cut(&t->e, in->addr_size);
    sys_emit_linear(t, in, (enum sys_seg_reg)in->seg, in->mem_size, in->mem_access);
}

static void emit_bit_test(struct sys_translation *t, const struct sys_insn *in, uint64_t arg)
{
    (void)arg;
    static const uint8_t and[] = {0x41, 0x83, 0xe6}; /* and r14d, imm8 */
    struct emit *e = &t->e;
    size_t kept = offsetof(struct sys_cpu, scratch) + 8;
    sys_emit_get(t, SYS_HOST_S1, sys_guest_reg(in, SYS_PLACE_REG));
    emit_bytes(e, and, sizeof(and));
    emit_u8(e, (uint8_t)(in->op_size * 8 - 1));
    if (t->flags_aside) { /* bringing them back takes S1 */
        emit_store_state(e, kept, SYS_HOST_S1);
        sys_flags_before(t, in);
        emit_load_state(e, SYS_HOST_S1, kept);
    }
    if (in->lock) {
        emit_u8(e, 0xf0);
    }
    if (in->op_size == 2) {
        emit_u8(e, 0x66);
    }
    emit_u8(e, in->op_size == 8 ? 0x4d : 0x45);
    emit_u8(e, 0x0f);
    emit_u8(e, in->opcode);
    emit_u8(e, 0x75); /* [r13 + disp8], r14 */
    emit_u8(e, 0);
}

static void lower_bit_string(struct sys_translation *t, const struct sys_insn *in)
{
    struct sys_access_plan plan = {
        .size = in->mem_size,
        .access = sys_operand_access(in, in->mem_access),
        .again = emit_bit_test,
        .address = emit_bit_address,
    };
    sys_flags_save(t);
    emit_bit_address(t, in, 0);
    sys_emit_access(t, in, &plan);
    emit_bit_test(t, in, 0);
    sys_emit_access_done(t);
}

/* --- XLAT --- */

static void emit_table_address(struct sys_translation *t, const struct sys_insn *in, uint64_t arg)
{
    (void)arg;
    static const uint8_t movzx[] = {0x44, 0x0f, 0xb6, 0xf0}; /* movzx r14d, al */
    struct emit_mem m = {.base = X86_RBX, .index = SYS_HOST_S1};
    emit_bytes(&t->e, movzx, sizeof(movzx));
    emit_lea(&t->e, SYS_HOST_S0, &m);
    sys_emit_cut(&t->e, in->addr_size);
    sys_emit_linear(t, in, (enum sys_seg_reg)in->seg, 1, SYS_READ);
}

static void lower_xlat(struct sys_translation *t, const struct sys_insn *in)
{
    static const uint8_t load[] = {0x41, 0x8a, 0x45, 0}; /* mov al, [r13] */
    struct sys_access_plan plan = {
        .size = 1, .access = sys_operand_access(in, SYS_READ), .address = emit_table_address};
    emit_table_address(t, in, 0);
    sys_emit_access(t, in, &plan);
    emit_bytes(&t->e, load, sizeof(load));
    sys_emit_access_done(t);
}

/* --- MASKMOVQ, MASKMOVDQU: the address is in RDI --- */

static void emit_masked_store(struct sys_translation *t, const struct sys_insn *in, uint64_t arg)
{
    (void)arg;
    struct sys_rename r = {.address = X86_NONE};
    size_t kept = offsetof(struct sys_cpu, slot) + 8UL * X86_RDI;
    if (in->mnemonic == ZYDIS_MNEMONIC_MASKMOVQ) {
        sys_emit_trap_point(t); /* for a pending x87 exception, while RDI is the guest's */
        emit_u8(&t->e, 0x9b);   /* fwait */
    }
    emit_store_state(&t->e, kept, X86_RDI);
    emit_mov_reg_reg(&t->e, X86_RDI, SYS_HOST_S0);
    sys_reencode(&t->e, in, &r);
    emit_load_state(&t->e, X86_RDI, kept);
}

/* --- cache lines: the address must be readable --- */

static void emit_nothing(struct sys_translation *t, const struct sys_insn *in, uint64_t arg)
{
    (void)t;
    (void)in;
    (void)arg;
}

bool sys_is_odd(const struct sys_insn *in)
{
    switch (in->mnemonic) {
    case ZYDIS_MNEMONIC_XLAT:
    case ZYDIS_MNEMONIC_MASKMOVQ:
    case ZYDIS_MNEMONIC_MASKMOVDQU:
    case ZYDIS_MNEMONIC_VMASKMOVDQU:
    case ZYDIS_MNEMONIC_CLFLUSH:
    case ZYDIS_MNEMONIC_CLFLUSHOPT:
    case ZYDIS_MNEMONIC_CLWB:
        return true;
    default:
        return is_bit_string(in);
    }
}

bool sys_lower_odd(struct sys_translation *t, const struct sys_insn *in)
{
    switch (in->mnemonic) {
    case ZYDIS_MNEMONIC_XLAT:
        lower_xlat(t, in);
        return true;
    case ZYDIS_MNEMONIC_MASKMOVQ:
    case ZYDIS_MNEMONIC_MASKMOVDQU:
    case ZYDIS_MNEMONIC_VMASKMOVDQU:
        sys_lower_with_memory(t, in, emit_masked_store);
        return true;
    case ZYDIS_MNEMONIC_CLFLUSH:
    case ZYDIS_MNEMONIC_CLFLUSHOPT:
    case ZYDIS_MNEMONIC_CLWB:
        sys_lower_with_memory(t, in, emit_nothing);
        return true;
    default:
        if (is_bit_string(in)) {
            lower_bit_string(t, in);
            return true;
        }
        return false;
    }
}
