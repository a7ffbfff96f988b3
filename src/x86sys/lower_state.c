/* Instructions on a register that the guest has in memory (SYS_GPRS_IN_MEMORY): many can
 * have it there for their operand, rather than being wrapped in a load or a store. Not
 * where a result of 32 bits would have to clear the upper half; nor where scratch still
 * holds the register, or will hold it for the next instruction, since it is there sooner:
 * so those that read and write it are left alone. */
#include "x86sys/lower_data.h"
#include "x86sys/rename.h"

/* What an instruction becomes: its opcode, the register in ModRM's reg field (or what
 * the opcode has there), and the guest GPR that is the memory operand. */
struct form {
    uint8_t opcode;
    uint8_t reg;
    uint8_t guest;
};

static bool is_in_memory(uint8_t guest)
{
    return SYS_GPRS_IN_MEMORY >> guest & 1;
}

/* ModRM names two registers, the one in r/m written unless bit 1 is set: ADD to CMP, MOV. */
static bool has_both_directions(const struct sys_insn *in)
{
    return in->map == 0 && ((in->opcode < 0x40 && (in->opcode & 7) < 4) ||
                            (in->opcode >= 0x88 && in->opcode <= 0x8b));
}

/* One operand in r/m that is read or written, not both, besides an immediate or what is
 * implied: CMP, TEST, MUL, IMUL, SETcc. */
static bool has_one_operand(const struct sys_insn *in)
{
    uint8_t op = in->opcode, extension = in->modrm >> 3 & 7;
    if (in->map == 1) {
        return op >= 0x90 && op <= 0x9f;
    }
    return ((op == 0x80 || op == 0x81 || op == 0x83) && extension == 7) ||
           ((op == 0xf6 || op == 0xf7) && (extension == 0 || extension == 4 || extension == 5));
}

/* The operand in r/m is only read, the other is a register: TEST, IMUL, MOVSXD, MOVZX, MOVSX,
 * CMOVcc. */
static bool reads_rm(const struct sys_insn *in)
{
    uint8_t op = in->opcode;
    if (in->map == 0) {
        return op == 0x84 || op == 0x85 || op == 0x63 || op == 0x69 || op == 0x6b;
    }
    return (op >= 0x40 && op <= 0x4f) || op == 0xaf || op == 0xb6 || op == 0xb7 || op == 0xbe ||
           op == 0xbf;
}

static bool find_form(const struct sys_insn *in, struct form *f)
{
    bool two = has_both_directions(in) || reads_rm(in);
    if (in->encoding != X86_ENC_LEGACY || in->map > 1 || !in->has_modrm || in->has_mem ||
        in->high_byte || (!two && !has_one_operand(in))) {
        return false;
    }
    uint8_t rm = sys_guest_reg(in, SYS_PLACE_RM);
    f->opcode = in->opcode;
    f->guest = rm;
    f->reg = in->modrm >> 3 & 7;
    if (!two) {
        return is_in_memory(rm);
    }
    uint8_t reg = sys_guest_reg(in, SYS_PLACE_REG);
    if (is_in_memory(reg) == is_in_memory(rm)) {
        return false;
    }
    if (is_in_memory(reg)) {
        f->guest = reg;
        f->opcode = in->opcode == 0x84 || in->opcode == 0x85 ? in->opcode : in->opcode ^ 2;
        reg = rm;
        if (reads_rm(in) && f->opcode != in->opcode) {
            return false;
        }
    }
    f->reg = sys_host_reg(reg);
    return true;
}

static void emit_form(struct emit *e, const struct sys_insn *in, const struct form *f)
{
    struct emit_mem m = emit_gs(offsetof(struct sys_cpu, gpr) + 8UL * f->guest);
    emit_u8(e, 0x65);
    if (in->opsize_prefix) {
        emit_u8(e, 0x66);
    }
    emit_u8(e, (uint8_t)(0x40 | (in->rex & 8) | (f->reg & 8 ? 4 : 0)));
    if (in->map == 1) {
        emit_u8(e, 0x0f);
    }
    emit_u8(e, f->opcode);
    emit_modrm_mem(e, f->reg, &m, 0);
    emit_bytes(e, in->bytes + in->imm_off, (size_t)(in->len - in->imm_off));
}

bool sys_lower_in_state(struct sys_translation *t, const struct sys_insn *in)
{
    struct form f;
    if (in->code_size != 8 || !find_form(in, &f) || sys_s1_guest(t) == f.guest) {
        return false;
    }
    bool reads = in->gprs_read & 1u << f.guest, writes = in->gprs_written & 1u << f.guest;
    if (writes && (reads || in->op_size == 4)) {
        return false;
    }
    sys_flags_before(t, in);
    uint8_t s1 = sys_s1_guest(t);
    emit_form(&t->e, in, &f);
    sys_s1_holds(t, s1);
    return true;
}
