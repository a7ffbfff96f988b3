/* Lowering of near control flow.
 *
 * A direct jump within its page is patched to lead to its target's TB, for as long
 * as the page is mapped as it is, the target is where it was (but for a target that
 * reaches into the next page, as that may be mapped anew). Every other jump
 * looks its target up in the jump cache, with the target in S0 and the flags
 * aside: nearly always they are already, as the jump has just accessed the stack,
 * and the entry of most TBs need not take them back.
 *
 * In blocks of one instruction (single step and the like) each way out leads to
 * the loop. */
#include "x86sys/lower_data.h"
#include "x86sys/rename.h"
#include "x86sys/stubs.h"
#include "x86sys/translate.h"

static uint64_t linear_of(const struct sys_translation *t, uint64_t ip)
{
    return t->mode & SYS_MODE_CODE64 ? ip : (uint32_t)(sys_segment_base(t->cs) + ip);
}

static bool in_page(const struct sys_translation *t, uint64_t ip)
{
    return linear_of(t, ip) >> GUEST_PAGE_BITS == t->linear >> GUEST_PAGE_BITS;
}

/* S1 + disp: the pc of an entry (0) or its host address (8). */
static struct emit_mem entry(size_t disp)
{
    return (struct emit_mem){.base = SYS_HOST_S1, .index = X86_NONE, .disp = (int64_t)disp};
}

/* jne to the miss stub */
static void emit_miss(struct sys_translation *t)
{
    emit_u8(&t->e, 0x0f);
    emit_u8(&t->e, 0x85);
    emit_u32(&t->e, (uint32_t)(sys_stubs.miss - (emit_pc(&t->e) + 4)));
    sys_reloc_note(t, SYS_RELOC_STUB);
}

/* To the target in S0, whose entry is at S1, or, if the target is known, at S1 + disp. */
static void emit_through_cache(struct sys_translation *t, bool known, size_t disp)
{
    struct emit *e = &t->e;
    struct emit_mem pc = entry(disp + offsetof(struct sys_jump, pc));
    struct emit_mem host = entry(disp + offsetof(struct sys_jump, host));
    emit_op_mem(e, 0, true, 0x3b, SYS_HOST_S0, &pc, 0); /* cmp r13, [...] */
    if (known) {
        sys_reloc_note_jump(t, disp);
    }
    emit_miss(t);
    emit_op_mem(e, 0, false, 0xff, 4, &host, 0); /* jmp [...] */
    if (known) {
        sys_reloc_note_jump(t, disp + offsetof(struct sys_jump, host));
    }
}

void sys_emit_exit_indirect(struct sys_translation *t)
{
    struct emit *e = &t->e;
    sys_flags_save(t);
    if (t->mode & SYS_MODE_ONE_INSN) {
        emit_mov_imm(e, SYS_HOST_S1, SYS_LEAVE_STEP | SYS_FLAGS_ASIDE << SYS_LEAVE_FLAGS_SHIFT);
        emit_jmp(e, sys_stubs.leave);
        return;
    }
    if (t->cs) {
        emit_jmp(e, sys_stubs.miss);
        return;
    }
    _Static_assert(sizeof(struct sys_jump) == 16 && SYS_JUMP_BITS < 28, "shifted by 4");
    static const uint8_t imul_r14d_r13d[] = {0x45, 0x69, 0xf5};
    static const uint8_t shr_r14d[] = {0x41, 0xc1, 0xee, 32 - SYS_JUMP_BITS - 4};
    static const uint8_t and_r14d[] = {0x41, 0x81, 0xe6};
    struct emit_mem table = emit_gs(offsetof(struct sys_cpu, jump_table));
    emit_bytes(e, imul_r14d_r13d, sizeof(imul_r14d_r13d));
    emit_u32(e, SYS_JUMP_FACTOR);
    emit_bytes(e, shr_r14d, sizeof(shr_r14d));
    emit_bytes(e, and_r14d, sizeof(and_r14d));
    emit_u32(e, (SYS_JUMP_ENTRIES - 1) << 4);
    emit_op_mem(e, 0, true, 0x03, SYS_HOST_S1, &table, 0); /* add r14, gs:[jump_table] */
    emit_through_cache(t, false, 0);
}

static void emit_far(struct sys_translation *t, uint64_t target)
{
    struct emit *e = &t->e;
    sys_flags_save(t);
    sys_emit_guest_address(t, SYS_HOST_S0, target);
    if (t->cs) {
        emit_jmp(e, sys_stubs.miss);
        return;
    }
    emit_load_state(e, SYS_HOST_S1, offsetof(struct sys_cpu, jump_table));
    emit_through_cache(t, true, sys_jump_index(target) * sizeof(struct sys_jump));
}

/* Whether the block ends with what an STI casts its shadow on: an interrupt comes right
 * behind that. */
static bool ends_shadow(const struct sys_translation *t)
{
    return t->insn_count > 1 && sys_is_inline_sti(t, &t->insns[t->insn_count - 2]);
}

/* The taken side of a conditional jump out of the page, or of a stepped one. */
static void emit_taken(struct sys_translation *t, struct sys_slow *s)
{
    sys_emit_exit(t, -1, s->arg[0]);
}

void sys_emit_exit(struct sys_translation *t, int cc, uint64_t target)
{
    struct emit *e = &t->e;
    bool near =
        in_page(t, target) && linear_of(t, target) != t->crosser && !(t->mode & SYS_MODE_ONE_INSN);
    if (cc >= 0 && !near) {
        emit_u8(e, 0x0f);
        emit_u8(e, (uint8_t)(0x80 | cc));
        uintptr_t field = emit_pc(e);
        emit_u32(e, 0);
        sys_slow_add(t, field, emit_taken, &t->insns[t->at])->arg[0] = target;
    } else if (near) {
        if (t->exit_count == SYS_TB_MAX_EXITS) {
            e->overflow = true;
            return;
        }
        uintptr_t field = emit_patchable_jump(e, cc, e->rx);
        t->exits[t->exit_count++] = (struct tb_exit){
            .pc = target, .field = field, .aside = t->flags_aside, .polls = ends_shadow(t)};
    } else if (t->mode & SYS_MODE_ONE_INSN) {
        sys_emit_leave(t, SYS_LEAVE_STEP, target);
    } else {
        emit_far(t, target);
    }
}

/* --- LOOP, LOOPE, LOOPNE, JCXZ: without touching flags --- */

/* RCX -= 1, in the width of the address size. */
static void emit_count_down(struct emit *e, unsigned size)
{
    struct emit_mem less = {.base = X86_RCX, .index = X86_NONE, .disp = -1};
    emit_op_mem(e, size == 2 ? 0x66 : 0, size == 8, 0x8d, X86_RCX, &less, 0);
}

/* A short jump if the count is 0; returns where its distance ends. S1 = RCX for a
 * 16-bit count. */
static size_t emit_if_zero(struct emit *e, unsigned size)
{
    static const uint8_t movzx_ecx_cx[] = {0x0f, 0xb7, 0xc9};
    if (size == 2) {
        emit_mov_reg_reg(e, SYS_HOST_S1, X86_RCX);
        emit_bytes(e, movzx_ecx_cx, sizeof(movzx_ecx_cx));
    }
    if (size == 4) {
        emit_u8(e, 0x67);
    }
    emit_u8(e, 0xe3);
    emit_u8(e, 0);
    return e->len;
}

static void give_count_back(struct emit *e, unsigned size)
{
    if (size == 2) {
        emit_mov_reg_reg(e, X86_RCX, SYS_HOST_S1);
    }
}

static void land(struct emit *e, size_t jump_end)
{
    if (e->len - jump_end > 127) {
        e->overflow = true;
    }
    if (!e->overflow) {
        e->rw[jump_end - 1] = (uint8_t)(e->len - jump_end);
    }
}

static void exit_and_come_back(struct sys_translation *t, uint64_t target)
{
    bool aside = t->flags_aside;
    sys_emit_exit(t, -1, target);
    t->flags_aside = aside;
}

static void lower_loop(struct sys_translation *t, const struct sys_insn *in)
{
    struct emit *e = &t->e;
    size_t zero, end = 0;
    sys_flags_restore(t);
    if (in->opcode == 0xe3) {
        zero = emit_if_zero(e, in->addr_size);
        give_count_back(e, in->addr_size);
        emit_u8(e, 0xeb);
        emit_u8(e, 0);
        end = e->len;
        land(e, zero);
        give_count_back(e, in->addr_size);
        exit_and_come_back(t, in->target);
        land(e, end);
        return;
    }
    emit_count_down(e, in->addr_size);
    zero = emit_if_zero(e, in->addr_size);
    give_count_back(e, in->addr_size);
    if (in->opcode != 0xe2) {
        emit_u8(e, in->opcode == 0xe1 ? 0x75 : 0x74); /* LOOPE: jnz; LOOPNE: jz */
        emit_u8(e, 0);
        end = e->len;
    }
    exit_and_come_back(t, in->target);
    land(e, zero);
    give_count_back(e, in->addr_size);
    if (end) {
        land(e, end);
    }
}

/* --- indirect --- */

/* reg = value in memory at S0, or of a register: zero-extended. */
static void emit_load_zx(struct emit *e, uint8_t reg, const struct emit_mem *m, unsigned size)
{
    if (size == 2) { /* movzx r32, m16, for r8 to r15 with any base */
        emit_u8(e, 0x45);
        emit_u8(e, 0x0f);
        emit_u8(e, 0xb7);
        emit_modrm_mem(e, reg, m, 0);
    } else {
        emit_op_mem(e, 0, size == 8, 0x8b, reg, m, 0);
    }
}

static unsigned branch_size(const struct sys_insn *in)
{
    return in->code_size == 8 ? 8 : in->op_size;
}

bool sys_calls_register(const struct sys_insn *in)
{
    return !in->has_mem && in->code_size == 8 && sys_guest_reg(in, SYS_PLACE_RM) != X86_RSP;
}

/* S0 = target. */
static void load_target(struct sys_translation *t, const struct sys_insn *in)
{
    struct emit *e = &t->e;
    unsigned size = branch_size(in);
    if (!in->has_mem) {
        static const uint8_t movzx_r13d_r13w[] = {0x45, 0x0f, 0xb7, 0xed};
        static const uint8_t mov_r13d_r13d[] = {0x45, 0x89, 0xed};
        sys_emit_get(t, SYS_HOST_S0, sys_guest_reg(in, SYS_PLACE_RM));
        if (size == 2) {
            emit_bytes(e, movzx_r13d_r13w, sizeof(movzx_r13d_r13w));
        } else if (size == 4) {
            emit_bytes(e, mov_r13d_r13d, sizeof(mov_r13d_r13d));
        }
        return;
    }
    const struct sys_access_plan plan = {.size = size,
                                         .access = sys_operand_access(in, SYS_READ),
                                         .address = sys_address_again,
                                         .recent = t->recent[t->at]};
    struct emit_mem m = {.base = SYS_HOST_S0, .index = X86_NONE};
    sys_emit_operand_address(t, in);
    sys_emit_access(t, in, &plan);
    emit_load_zx(e, SYS_HOST_S0, &m, size);
    sys_emit_access_done(t);
}

static void lower_ret(struct sys_translation *t, const struct sys_insn *in)
{
    unsigned size = branch_size(in);
    struct emit_mem m = {.base = SYS_HOST_S0, .index = X86_NONE};
    sys_stack_top(t, in, size);
    emit_load_zx(&t->e, SYS_HOST_S0, &m, size);
    sys_emit_access_done(t);
    sys_stack_add(t, (int)size + (int)(in->imm & 0xffff));
    sys_emit_exit_indirect(t);
}

void sys_lower_branch(struct sys_translation *t, const struct sys_insn *in)
{
    const size_t kept = offsetof(struct sys_cpu, kept_target);
    uint8_t s1;
    switch ((enum sys_insn_class)in->cls) {
    case SYS_INSN_JMP:
        sys_emit_exit(t, -1, in->target);
        break;
    case SYS_INSN_JCC:
        sys_flags_restore(t);
        s1 = sys_s1_guest(t);
        sys_emit_exit(t, in->cc, in->target);
        sys_s1_holds(t, s1);
        break;
    case SYS_INSN_LOOP:
        lower_loop(t, in);
        break;
    case SYS_INSN_CALL:
        sys_stack_push_imm(t, in, branch_size(in));
        sys_emit_exit(t, -1, in->target);
        break;
    case SYS_INSN_CALL_IND:
        if (sys_calls_register(in)) {
            sys_stack_push_imm(t, in, 8);
            sys_emit_get(t, SYS_HOST_S0, sys_guest_reg(in, SYS_PLACE_RM));
            sys_emit_exit_indirect(t);
            break;
        }
        load_target(t, in);
        emit_store_state(&t->e, kept, SYS_HOST_S0);
        sys_stack_push_imm(t, in, branch_size(in));
        emit_load_state(&t->e, SYS_HOST_S0, kept);
        sys_emit_exit_indirect(t);
        break;
    case SYS_INSN_JMP_IND:
        load_target(t, in);
        sys_emit_exit_indirect(t);
        break;
    default:
        lower_ret(t, in);
    }
}
