/* Data instructions: the guest's own, with registers renamed and the memory operand
 * behind S0. What the guest keeps in memory (SYS_GPRS_IN_MEMORY) is loaded into scratch
 * before and stored back behind; a third such register, or one that AH..BH forces
 * to be among the first eight, is borrowed from the guest meanwhile. */
#include "x86sys/lower_data.h"

#include <Zydis/Zydis.h>

#include "x86/insn.h"
#include "x86sys/rename.h"

#define MAX_TEMPS 4

/* A host register that stands for a guest GPR in this instruction. */
struct temp {
    uint8_t guest; /* X86_NONE: the address */
    uint8_t host;
    bool borrowed;
};

struct plan {
    struct sys_rename r;
    unsigned temp_count;
    struct temp temps[MAX_TEMPS];
    uint16_t taken; /* host registers in use besides those of the instruction */
};

static size_t slot_offset(uint8_t reg)
{
    return offsetof(struct sys_cpu, slot) + 8UL * reg;
}

uint8_t sys_borrow(struct sys_translation *t, const struct sys_insn *in, uint16_t taken)
{
    static const uint8_t order[] = {X86_RAX, X86_RCX, X86_RDX, X86_RSI, X86_RDI, X86_RBX};
    uint16_t used = (uint16_t)(taken | in->gprs_read | in->gprs_written);
    uint8_t reg = X86_RBP;
    for (size_t i = sizeof(order); i-- > 0;) {
        if (!(used & 1u << order[i])) {
            reg = order[i];
        }
    }
    emit_store_state(&t->e, slot_offset(reg), reg);
    return reg;
}

void sys_give_back(struct sys_translation *t, uint8_t reg)
{
    emit_load_state(&t->e, reg, slot_offset(reg));
}

static struct temp *add_temp(struct sys_translation *t, const struct sys_insn *in, struct plan *p,
                             uint8_t guest, bool low)
{
    struct temp *n = &p->temps[p->temp_count++];
    n->guest = guest;
    n->borrowed = false;
    if (!low && !(p->taken & 1u << SYS_HOST_S1)) {
        n->host = SYS_HOST_S1;
    } else if (!low && !(p->taken & 1u << SYS_HOST_S0)) {
        n->host = SYS_HOST_S0;
    } else {
        n->host = sys_borrow(t, in, p->taken);
        n->borrowed = true;
    }
    p->taken |= (uint16_t)(1u << n->host);
    return n;
}

/* The host register for a guest GPR. */
static uint8_t host_for(struct sys_translation *t, const struct sys_insn *in, struct plan *p,
                        uint8_t guest)
{
    uint8_t home = sys_host_reg(guest);
    bool low = in->high_byte && in->encoding == X86_ENC_LEGACY;
    if (home != X86_NONE && !(low && home >= X86_R8)) {
        return home;
    }
    for (unsigned i = 0; i < p->temp_count; i++) {
        if (p->temps[i].guest == guest) {
            return p->temps[i].host;
        }
    }
    return add_temp(t, in, p, guest, low)->host;
}

/* Byte registers 4 to 7 without REX are the second bytes of the first four. */
static uint8_t place_for(struct sys_translation *t, const struct sys_insn *in, struct plan *p,
                         enum sys_reg_place place)
{
    if (!(in->gpr_places & 1u << place)) {
        return X86_NONE;
    }
    uint8_t guest = sys_guest_reg(in, place);
    if (in->high_byte_places & 1u << place) {
        return guest;
    }
    return host_for(t, in, p, guest);
}

static void make_plan(struct sys_translation *t, const struct sys_insn *in, struct plan *p)
{
    *p = (struct plan){.r.address = X86_NONE};
    if (in->has_mem) {
        p->r.address = SYS_HOST_S0;
        p->taken = 1u << SYS_HOST_S0;
        if (in->high_byte) {
            p->r.address = add_temp(t, in, p, X86_NONE, true)->host;
        }
    }
    p->r.reg = place_for(t, in, p, SYS_PLACE_REG);
    p->r.rm = in->has_mem ? X86_NONE : place_for(t, in, p, SYS_PLACE_RM);
    p->r.vvvv = place_for(t, in, p, SYS_PLACE_VVVV);
    p->r.opcode = place_for(t, in, p, SYS_PLACE_OPCODE);
}

/* x87, vector instructions, divisions, and what is new enough that this host may not
 * have it. */
bool sys_may_trap(const struct sys_insn *in)
{
    uint8_t op = in->opcode;
    if (in->encoding != X86_ENC_LEGACY || in->map > 1) {
        return true;
    }
    if (in->map == 0) {
        bool divides = (op == 0xf6 || op == 0xf7) && (in->modrm >> 3 & 7) >= 6;
        return divides || op == 0x9b || (op >= 0xd8 && op <= 0xdf);
    }
    bool integer = (op >= 0x40 && op <= 0x4f) || (op >= 0x80 && op <= 0xc1 && op != 0xae) ||
                   (op >= 0xc8 && op <= 0xcf);
    return !integer || op == 0xb8;
}

/* The access itself: from here on nothing but the host's own exceptions (division,
 * x87, SSE) stops the instruction. */
static void emit_body(struct sys_translation *t, const struct sys_insn *in, uint64_t disp)
{
    struct plan p;
    uint8_t s1;
    sys_flags_before(t, in);
    make_plan(t, in, &p);
    p.r.disp = (int32_t)disp;
    for (unsigned i = 0; i < p.temp_count; i++) {
        const struct temp *n = &p.temps[i];
        if (n->guest == X86_NONE) {
            emit_mov_reg_reg(&t->e, n->host, SYS_HOST_S0);
        } else if (in->gprs_read & 1u << n->guest) {
            sys_emit_get(t, n->host, n->guest);
        }
    }
    if (sys_may_trap(in)) {
        sys_emit_trap_point(t);
    }
    s1 = p.taken & 1u << SYS_HOST_S1 ? X86_NONE : sys_s1_guest(t);
    sys_reencode(&t->e, in, &p.r);
    for (unsigned i = p.temp_count; i-- > 0;) {
        const struct temp *n = &p.temps[i];
        if (n->guest != X86_NONE && in->gprs_written & 1u << n->guest) {
            sys_emit_put(t, n->guest, n->host);
        }
        if (n->borrowed) {
            sys_give_back(t, n->host);
        }
        if (n->host == SYS_HOST_S1) {
            s1 = n->guest;
        }
    }
    sys_s1_holds(t, s1);
}

void sys_lower_at_s0(struct sys_translation *t, const struct sys_insn *in, int32_t disp)
{
    emit_body(t, in, (uint32_t)disp);
}

void sys_flags_before(struct sys_translation *t, const struct sys_insn *in)
{
    uint32_t touched = in->flags_read | in->flags_written;
    uint32_t live_after = t->live[t->at + 1];
    if (t->flags_aside && touched) {
        if (in->flags_read || live_after & ~in->flags_written) {
            sys_flags_restore(t);
        }
        t->flags_aside = false;
    }
    if (!live_after) {
        t->flags_aside = false;
    }
}

void sys_address_again(struct sys_translation *t, const struct sys_insn *in, uint64_t arg)
{
    (void)arg;
    sys_emit_operand_address(t, in);
}

/* What comes before alignment: the end of a segment, beyond 4 GiB, and for FXSAVE and
 * FXRSTOR an address that is not canonical, but not so for SSE operands. It makes a
 * difference on the stack segment. */
static void emit_unaligned(struct sys_translation *t, struct sys_slow *s)
{
    const struct sys_insn *in = s->in;
    bool in_order = t->mode & SYS_MODE_CODE64 ? in->mem_size > 64 : t->mode & SYS_MODE_FLAT;
    if (in->seg == SYS_SS && in_order) {
        sys_emit_slow_call(t, in->mem_size,
                           (in->mem_access & (SYS_READ | SYS_WRITE)) | SYS_SLOW_SEGMENT |
                               SYS_SS << SYS_SLOW_SEG_SHIFT);
    }
    sys_emit_raise(t, in, SYS_GP);
}

/* The linear address in S0 must be a multiple of the operand's size, or of 16 for
 * FXSAVE's area. */
static void emit_alignment_check(struct sys_translation *t, const struct sys_insn *in)
{
    static const uint8_t test[] = {0x41, 0xf6, 0xc5}; /* test r13b, imm8 */
    struct emit *e = &t->e;
    sys_flags_save(t);
    emit_bytes(e, test, sizeof(test));
    emit_u8(e, in->mem_size > 64 ? 15 : (uint8_t)(in->mem_size - 1));
    emit_u8(e, 0x0f);
    emit_u8(e, 0x85);
    uintptr_t field = emit_pc(e);
    emit_u32(e, 0);
    sys_slow_add(t, field, emit_unaligned, in);
}

void sys_lower_with_memory(struct sys_translation *t, const struct sys_insn *in,
                           void (*again)(struct sys_translation *t, const struct sys_insn *in,
                                         uint64_t arg))
{
    sys_emit_operand_address(t, in);
    if (in->mem_aligned) {
        emit_alignment_check(t, in);
    }
    struct sys_access_plan plan = {
        .size = in->mem_size,
        .access = sys_operand_access(in, in->mem_access),
        .again = again,
        .address = sys_address_again,
        .recent = t->recent[t->at],
    };
    sys_emit_access(t, in, &plan);
    again(t, in, 0);
    sys_emit_access_done(t);
}

/* Whether the guest's bytes serve as they are. */
static bool is_verbatim(const struct sys_insn *in)
{
    if (in->code_size != 8 || in->has_mem) {
        return false;
    }
    for (unsigned place = SYS_PLACE_REG; place <= SYS_PLACE_OPCODE; place++) {
        if (in->gpr_places & 1u << place && !(in->high_byte_places & 1u << place)) {
            uint8_t guest = sys_guest_reg(in, (enum sys_reg_place)place);
            if (sys_host_reg(guest) != guest) {
                return false;
            }
        }
    }
    return true;
}

static void lower_lea(struct sys_translation *t, const struct sys_insn *in)
{
    struct emit *e = &t->e;
    uint8_t guest = sys_guest_reg(in, SYS_PLACE_REG);
    uint8_t home = sys_host_reg(guest);
    bool whole = in->op_size >= 4 && (in->addr_size >= 4 || !in->has_mem);
    uint8_t dst = home != X86_NONE ? home : whole ? SYS_HOST_S1 : SYS_HOST_S0;
    sys_emit_offset(t, in, whole ? dst : SYS_HOST_S0, in->op_size == 8 && in->addr_size == 8);
    if (!whole) {
        uint8_t rex = (uint8_t)(0x41 | (dst & 8 ? 4 : 0));
        if (in->op_size == 2) { /* mov dst16, r13w */
            if (home == X86_NONE) {
                emit_mov_reg_reg(e, SYS_HOST_S1, SYS_HOST_S0);
                sys_emit_get(t, SYS_HOST_S0, guest);
                rex = 0x45;
                emit_u8(e, 0x66);
                emit_u8(e, rex);
                emit_u8(e, 0x8b);
                emit_u8(e, 0xee); /* mov r13w, r14w */
            } else {
                emit_u8(e, 0x66);
                emit_u8(e, rex);
                emit_u8(e, 0x8b);
                emit_u8(e, (uint8_t)(0xc5 | (dst & 7) << 3));
            }
        } else { /* a 16-bit offset in a 32-bit register: movzx dst32, r13w */
            emit_u8(e, rex);
            emit_u8(e, 0x0f);
            emit_u8(e, 0xb7);
            emit_u8(e, (uint8_t)(0xc5 | (dst & 7) << 3));
        }
    }
    if (home == X86_NONE) {
        sys_emit_put(t, guest, dst);
    }
}

/* For these a pending x87 exception comes before all that memory may raise; for other MMX
 * instructions it comes behind, when the host executes them. */
static void emit_fwait_if_first(struct sys_translation *t, const struct sys_insn *in)
{
    if (in->mnemonic == ZYDIS_MNEMONIC_CVTPD2PI || in->mnemonic == ZYDIS_MNEMONIC_CVTTPD2PI) {
        sys_emit_trap_point(t);
        emit_u8(&t->e, 0x9b);
    }
}

void sys_lower_data(struct sys_translation *t, const struct sys_insn *in)
{
    if (in->cls == SYS_INSN_NOP) {
        return;
    }
    if (in->cls == SYS_INSN_LEA) {
        lower_lea(t, in);
    } else if (sys_lower_odd(t, in)) {
        return;
    } else if (in->has_mem) {
        emit_fwait_if_first(t, in);
        sys_lower_with_memory(t, in, emit_body);
    } else if (is_verbatim(in)) {
        sys_flags_before(t, in);
        if (sys_may_trap(in)) {
            sys_emit_trap_point(t);
        }
        uint8_t s1 = sys_s1_guest(t);
        emit_bytes(&t->e, in->bytes, in->len);
        sys_s1_holds(t, s1);
    } else if (!sys_lower_in_state(t, in)) {
        emit_body(t, in, 0);
    }
}
