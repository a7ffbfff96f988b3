/* Which neighbouring accesses share a TLB look-up: those off one base register, with
 * nothing in between but instructions that do without S0. */
#include "x86sys/group.h"

#include <Zydis/Zydis.h>

#include "x86sys/lower_data.h"
#include "x86sys/rename.h"

static unsigned in_memory(uint16_t gprs)
{
    return (unsigned)__builtin_popcount(gprs & SYS_GPRS_IN_MEMORY);
}

/* Leaves S0 alone. */
static bool is_plain(const struct sys_insn *in)
{
    if (in->cls == SYS_INSN_NOP) {
        return true;
    }
    unsigned n = in_memory(in->gprs_read | in->gprs_written);
    if (in->cls == SYS_INSN_LEA) {
        return n == 0 && in->op_size >= 4 && in->addr_size >= 4;
    }
    return in->cls == SYS_INSN_DATA && !in->has_mem && n <= 1 && !sys_is_odd(in);
}

static bool is_memory(const struct sys_insn *in)
{
    return in->cls == SYS_INSN_DATA && in->has_mem && in->mem_size && in->mem_size <= 64 &&
           in->addr_size == 8 && in->base != X86_NONE && in->index == X86_NONE && !in->vsib &&
           in->mask == SYS_MASK_NONE && !in->mem_aligned && !in->high_byte && !sys_is_odd(in) &&
           in->seg != SYS_FS && in->seg != SYS_GS;
}

/* PUSH and POP of a register, direct CALL, RET. */
static enum sys_group_member_kind stack_member(const struct sys_insn *in)
{
    if (in->cls == SYS_INSN_CALL) {
        return MEMBER_CALL;
    }
    if (in->cls == SYS_INSN_RET) {
        return MEMBER_RET;
    }
    if (in->cls != SYS_INSN_STACK || in->op_size != 8 || in->map != 0 || in->has_mem) {
        return MEMBER_NONE;
    }
    if (in->opcode >= 0x50 && in->opcode <= 0x57) {
        return MEMBER_PUSH;
    }
    bool pop = in->opcode >= 0x58 && in->opcode <= 0x5f;
    return pop && sys_guest_reg(in, SYS_PLACE_OPCODE) != X86_RSP ? MEMBER_POP : MEMBER_NONE;
}

enum sys_group_member_kind sys_group_member(const struct sys_insn *in)
{
    if (is_memory(in)) {
        return MEMBER_MEMORY;
    }
    enum sys_group_member_kind m = stack_member(in);
    return m != MEMBER_NONE ? m : is_plain(in) ? MEMBER_PLAIN : MEMBER_NONE;
}

static uint8_t base_of(const struct sys_insn *in, enum sys_group_member_kind m)
{
    return m == MEMBER_MEMORY ? in->base : X86_RSP;
}

static bool is_pushing(enum sys_group_member_kind m)
{
    return m == MEMBER_PUSH || m == MEMBER_CALL;
}

bool sys_group_ends(enum sys_group_member_kind m)
{
    return m == MEMBER_CALL || m == MEMBER_RET;
}

/* Takes the access into the stretch, if there is room. */
static bool stretch(struct sys_group *g, const struct sys_insn *in, enum sys_group_member_kind m)
{
    int64_t from = m == MEMBER_MEMORY ? in->disp + g->moved
                   : is_pushing(m)    ? g->moved - 8
                                      : g->moved;
    int64_t to = from + (m == MEMBER_MEMORY ? in->mem_size : 8);
    int64_t low = g->accesses && g->low < from ? g->low : from;
    int64_t high = g->accesses && g->high > to ? g->high : to;
    if (high - low > SYS_GROUP_STRETCH) {
        return false;
    }
    g->low = low;
    g->high = high;
    g->accesses++;
    g->access |= m == MEMBER_MEMORY ? in->mem_access
                 : is_pushing(m)    ? (uint32_t)SYS_WRITE
                                    : (uint32_t)SYS_READ;
    return true;
}

bool sys_group_moves_rsp(const struct sys_insn *in, int64_t *by)
{
    if (in->cls == SYS_INSN_LEA) {
        *by = in->disp;
        return in->op_size == 8 && in->addr_size == 8 && in->base == X86_RSP &&
               in->index == X86_NONE;
    }
    bool constant = in->map == 0 && (in->opcode == 0x81 || in->opcode == 0x83) &&
                    in->op_size == 8 && in->encoding == 0;
    *by = in->mnemonic == ZYDIS_MNEMONIC_ADD ? (int64_t)in->imm : -(int64_t)in->imm;
    return constant && (in->mnemonic == ZYDIS_MNEMONIC_ADD || in->mnemonic == ZYDIS_MNEMONIC_SUB);
}

bool sys_group_follow(struct sys_group *g, const struct sys_insn *in, enum sys_group_member_kind m)
{
    int64_t by = 0;
    if (!(in->gprs_written & 1u << g->base)) {
        return true;
    }
    if (g->base != X86_RSP) {
        return false;
    }
    if (m == MEMBER_PUSH || m == MEMBER_POP) {
        by = m == MEMBER_PUSH ? -8 : 8;
    } else if (m != MEMBER_PLAIN || !sys_group_moves_rsp(in, &by)) {
        return false;
    }
    g->moved += by;
    return g->moved > -SYS_GROUP_STRETCH && g->moved < SYS_GROUP_STRETCH;
}

void sys_group_find(const struct sys_translation *t, struct sys_group *g)
{
    enum sys_group_member_kind m = sys_group_member(&t->insns[t->at]);
    *g = (struct sys_group){0};
    if (m == MEMBER_NONE || m == MEMBER_PLAIN) {
        return;
    }
    g->base = base_of(&t->insns[t->at], m);
    for (unsigned n = 0; t->at + n < t->insn_count; n++) {
        const struct sys_insn *in = &t->insns[t->at + n];
        m = sys_group_member(in);
        if (m == MEMBER_NONE) {
            return;
        }
        if (m != MEMBER_PLAIN) {
            if (base_of(in, m) != g->base || !stretch(g, in, m)) {
                return;
            }
            g->count = n + 1;
        }
        if (sys_group_ends(m) || !sys_group_follow(g, in, m)) {
            return;
        }
    }
}
