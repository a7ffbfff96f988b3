/* Neighbouring accesses off one base register share a TLB look-up: it asks for the
 * whole stretch that they touch, and they go to the host address with the offset that
 * they have from its beginning. If the stretch is not accessible as one, the same
 * instructions run out of line, each with a look-up of its own and with everything
 * that can happen there: so whether to group is a matter of speed only.
 *
 * S0 holds the host address throughout. Nothing in a group calls C, so that no
 * checked address is kept across a call; in between lie only instructions that do
 * without S0. In 64-bit mode only.
 *
 * As nothing stops within, RSP is moved once for all pushes and pops, or before an
 * instruction that looks at it: they would wait for one another otherwise, which a
 * processor does not. */
#include "x86sys/group.h"
#include "x86sys/lower_data.h"
#include "x86sys/rename.h"

static void lower_alone(struct sys_translation *t, const struct sys_insn *in)
{
    if (sys_group_ends(sys_group_member(in))) {
        sys_lower_branch(t, in);
    } else if (in->cls == SYS_INSN_STACK) {
        sys_lower_stack(t, in);
    } else {
        sys_lower_data(t, in);
    }
}

static void begin_insn(struct sys_translation *t, unsigned n)
{
    t->at = n;
    t->flags_live = t->live_in[n];
    t->flags_aside = t->flags_aside && t->flags_live;
}

static void emit_stretch_address(struct sys_translation *t, const struct sys_group *g)
{
    uint8_t base = sys_host_reg(g->base);
    if (base == X86_NONE) {
        base = SYS_HOST_S0;
        sys_emit_get(t, base, g->base);
    }
    struct emit_mem low = {.base = base, .index = X86_NONE, .disp = g->low};
    emit_lea(&t->e, SYS_HOST_S0, &low);
}

/* arg: where to go on, how many instructions, whether flags are aside there. */
static void emit_one_by_one(struct sys_translation *t, struct sys_slow *s)
{
    unsigned first = t->at;
    t->ungrouped = true;
    for (unsigned n = first; n < first + s->arg[1]; n++) {
        begin_insn(t, n);
        lower_alone(t, &t->insns[n]);
    }
    t->ungrouped = false;
    t->flags_live = t->live_in[t->at + 1];
    t->flags_aside = t->flags_aside && t->flags_live;
    if (s->arg[2]) {
        sys_flags_save(t);
    } else {
        sys_flags_restore(t);
    }
    emit_jmp(&t->e, (uintptr_t)s->arg[0]);
}

static void emit_rsp_plus(struct emit *e, int by)
{
    struct emit_mem m = {.base = SYS_HOST_RSP, .index = X86_NONE, .disp = by};
    emit_lea(e, SYS_HOST_RSP, &m);
}

static void pay(struct sys_translation *t, struct sys_group *walk)
{
    if (walk->owed) {
        emit_rsp_plus(&t->e, (int)walk->owed);
    }
    walk->owed = 0;
}

/* Whether the instruction looks at RSP otherwise than as the base of its operand, or
 * somebody may look at the registers when the host refuses it. */
static bool sees_rsp(const struct sys_insn *in, enum sys_group_member_kind m)
{
    if (m == MEMBER_PLAIN || in->base != X86_RSP) {
        return ((in->gprs_read | in->gprs_written) & 1u << X86_RSP) || sys_may_trap(in);
    }
    for (unsigned place = SYS_PLACE_REG; place <= SYS_PLACE_OPCODE; place++) {
        if (in->gpr_places & 1u << place &&
            sys_guest_reg(in, (enum sys_reg_place)place) == X86_RSP) {
            return true;
        }
    }
    return (in->gprs_written & 1u << X86_RSP) || sys_may_trap(in);
}

static void lower_push(struct sys_translation *t, uint8_t guest, int64_t at)
{
    struct emit_mem m = {.base = SYS_HOST_S0, .index = X86_NONE, .disp = at};
    uint8_t host = sys_host_reg(guest);
    if (host == X86_NONE) {
        host = SYS_HOST_S1;
        sys_emit_get(t, host, guest);
    }
    emit_mov_mem_reg(&t->e, &m, host);
}

static void lower_pop(struct sys_translation *t, uint8_t guest, int64_t at)
{
    struct emit_mem m = {.base = SYS_HOST_S0, .index = X86_NONE, .disp = at};
    uint8_t home = sys_host_reg(guest);
    uint8_t host = home == X86_NONE ? SYS_HOST_S1 : home;
    emit_mov_reg_mem(&t->e, host, &m);
    if (home == X86_NONE) {
        sys_emit_put(t, guest, host);
    }
}

static void lower_call(struct sys_translation *t, const struct sys_insn *in, int64_t at)
{
    struct emit_mem m = {.base = SYS_HOST_S0, .index = X86_NONE, .disp = at};
    sys_emit_guest_address(t, SYS_HOST_S1, sys_insn_next_ip(in));
    emit_mov_mem_reg(&t->e, &m, SYS_HOST_S1);
    sys_emit_exit(t, -1, in->target);
}

static void lower_ret(struct sys_translation *t, int64_t at)
{
    struct emit_mem m = {.base = SYS_HOST_S0, .index = X86_NONE, .disp = at};
    emit_mov_reg_mem(&t->e, SYS_HOST_S0, &m);
    sys_emit_exit_indirect(t);
}

/* Adding a constant to RSP comes to owing more, if nobody wants the flags. */
static bool owe_instead(const struct sys_translation *t, struct sys_group *walk,
                        const struct sys_insn *in)
{
    int64_t by = 0;
    if (walk->base != X86_RSP || !(in->gprs_written & 1u << X86_RSP) ||
        !sys_group_moves_rsp(in, &by) || (in->flags_written && t->live_in[t->at + 1])) {
        return false;
    }
    walk->owed += by;
    return true;
}

/* With S0 at the beginning of the stretch. */
static void lower_members(struct sys_translation *t, const struct sys_group *g)
{
    struct sys_group walk = {.base = g->base};
    unsigned first = t->at;
    for (unsigned n = first; n < first + g->count; n++) {
        const struct sys_insn *in = &t->insns[n];
        enum sys_group_member_kind m = sys_group_member(in);
        int64_t at = walk.moved - g->low;
        begin_insn(t, n);
        switch (m) {
        case MEMBER_MEMORY:
            if (sees_rsp(in, m)) {
                pay(t, &walk);
            }
            sys_lower_at_s0(t, in, (int32_t)(at + in->disp));
            break;
        case MEMBER_PUSH:
            if (sys_guest_reg(in, SYS_PLACE_OPCODE) == X86_RSP) {
                pay(t, &walk);
            }
            lower_push(t, sys_guest_reg(in, SYS_PLACE_OPCODE), at - 8);
            walk.owed -= 8;
            break;
        case MEMBER_POP:
            lower_pop(t, sys_guest_reg(in, SYS_PLACE_OPCODE), at);
            walk.owed += 8;
            break;
        case MEMBER_CALL:
            walk.owed -= 8;
            pay(t, &walk);
            lower_call(t, in, at - 8);
            return;
        case MEMBER_RET:
            walk.owed += 8 + (int64_t)(in->imm & 0xffff);
            pay(t, &walk);
            lower_ret(t, at);
            return;
        default:
            if (!owe_instead(t, &walk, in)) {
                if (sees_rsp(in, m)) {
                    pay(t, &walk);
                }
                sys_lower_data(t, in);
            }
        }
        (void)sys_group_follow(&walk, in, m);
    }
    pay(t, &walk);
}

static unsigned slot_of(const struct sys_translation *t, const struct sys_group *g)
{
    return g->base == X86_RSP ? sys_recent_stack(t) : t->recent[t->at];
}

/* Not in the group's slot. */
static void emit_recent_miss(struct sys_translation *t, struct sys_slow *s)
{
    struct sys_group g;
    sys_group_find(t, &g);
    emit_stretch_address(t, &g);
    uintptr_t fill = sys_emit_recent_missed(t, slot_of(t, &g));
    uintptr_t miss = sys_emit_tlb_lookup(t, (uint32_t)(g.high - g.low), g.access);
    emit_jmp(&t->e, s->resume);
    emit_patch_rel32(&t->e, fill, emit_pc(&t->e));
    emit_patch_rel32(&t->e, miss, emit_pc(&t->e));
    emit_one_by_one(t, s);
}

unsigned sys_lower_group(struct sys_translation *t)
{
    struct sys_group g;
    if (t->ungrouped || !(t->mode & SYS_MODE_CODE64)) {
        return 0;
    }
    sys_group_find(t, &g);
    if (g.accesses < 2 || g.low < INT32_MIN || g.high > INT32_MAX) {
        return 0;
    }
    sys_flags_save(t);
    uint32_t size = (uint32_t)(g.high - g.low);
    unsigned slot = slot_of(t, &g);
    emit_stretch_address(t, &g);
    uintptr_t field = slot ? sys_emit_recent_lookup(t, slot, size, g.access)
                           : sys_emit_tlb_lookup(t, size, g.access);
    struct sys_slow *s =
        sys_slow_add(t, field, slot ? emit_recent_miss : emit_one_by_one, &t->insns[t->at]);
    s->resume = emit_pc(&t->e);
    lower_members(t, &g);
    s->arg[0] = emit_pc(&t->e);
    sys_s1_holds(t, X86_NONE);
    s->arg[1] = g.count;
    s->arg[2] = t->flags_aside && t->live_in[t->at + 1];
    return g.count;
}
