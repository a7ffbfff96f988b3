/* FS and GS overrides on operands whose address register the opcode implies.
 * The base is added to the register for as long as the instruction takes.
 *
 * String instructions change that register, and with a REP prefix more than
 * once. They are done one element at a time: all registers they change are
 * in slots meanwhile, so that up to one instruction, the commit, the guest
 * has not begun the element, and from there on it has finished it. */
#include "x86/translate.h"

#define BIT(r) (1u << (r))

/* mov r32, r32: cuts the register to 32 bits. */
static void emit_cut(struct emit *e, uint8_t reg)
{
    emit_u8(e, 0x89);
    emit_u8(e, (uint8_t)(0xc0 | reg << 3 | reg));
}

static size_t base_offset(const struct x86_insn *in)
{
    return in->seg_gs ? offsetof(struct x86_cpu, gs_base) : offsetof(struct x86_cpu, fs_base);
}

/* The instruction without segment, address-size and (strings) REP prefixes. */
static void emit_plain(struct emit *e, const struct x86_insn *in, bool string)
{
    size_t end = in->opcode_off;
    for (size_t i = 0; i < end; i++) {
        uint8_t b = in->bytes[i];
        bool rep = b == 0xf2 || b == 0xf3;
        bool stale_rex = (b & 0xf0) == 0x40 && (i + 1 != end || !in->rex);
        if (b != 0x64 && b != 0x65 && b != 0x67 && b != 0x2e && b != 0x36 && b != 0x3e &&
            b != 0x26 && !stale_rex && !(string && rep)) {
            emit_u8(e, b);
        }
    }
    emit_bytes(e, in->bytes + end, in->len - end);
}

static void save(struct translation *t, const struct x86_insn *in, uint16_t *saved, uint8_t reg)
{
    emit_save_slot(&t->e, reg);
    *saved |= (uint16_t)BIT(reg);
    x86_restart_at(t, in, *saved);
}

/* reg += segment base, with the base in scratch. */
static void add_base(struct emit *e, const struct x86_insn *in, uint8_t reg, uint8_t scratch)
{
    if (in->addr32) {
        emit_cut(e, reg);
    }
    emit_load_state(e, scratch, base_offset(in));
    struct emit_mem sum = {.base = reg, .index = scratch};
    emit_lea(e, reg, &sum);
}

static void lower_pointer(struct translation *t, const struct x86_insn *in)
{
    struct emit *e = &t->e;
    uint8_t scratch = in->base == X86_RAX || in->base == X86_RBX ? X86_RCX : X86_RAX;
    uint16_t saved = 0;
    save(t, in, &saved, in->base);
    save(t, in, &saved, scratch);
    add_base(e, in, in->base, scratch);
    emit_plain(e, in, false);
    x86_restart_after(t, in, saved);
    emit_restore_slot(e, scratch);
    x86_restart_after(t, in, (uint16_t)BIT(in->base));
    emit_restore_slot(e, in->base);
    x86_restart_after(t, in, 0);
    x86_lower_exit(t, -1, x86_insn_next(in));
}

static uint8_t rep_prefix(const struct x86_insn *in)
{
    uint8_t rep = 0;
    for (size_t i = 0; i < in->opcode_off; i++) {
        if (in->bytes[i] == 0xf2 || in->bytes[i] == 0xf3) {
            rep = in->bytes[i];
        }
    }
    return rep;
}

/* The element is done with the next instruction, RSI := RBX. Then the guest
 * goes on with the same instruction, or with the one after it. Returns where
 * the code of the latter begins. */
static uintptr_t commit(struct translation *t, const struct x86_insn *in, bool again)
{
    struct emit *e = &t->e;
    emit_mov_reg_reg(e, X86_RSI, X86_RBX);
    if (again) {
        x86_restart_at(t, in, BIT(X86_RBX));
        emit_restore_slot(e, X86_RBX);
        x86_restart_at(t, in, 0);
        x86_lower_exit(t, -1, in->pc);
        return 0;
    }
    x86_restart_after(t, in, BIT(X86_RBX));
    emit_restore_slot(e, X86_RBX);
    x86_restart_after(t, in, 0);
    uintptr_t end = emit_pc(e);
    x86_lower_exit(t, -1, x86_insn_next(in));
    return end;
}

/* Saves what the element changes, does it, and leaves in RBX what RSI is to
 * be. Returns the registers in slots. */
static uint16_t lower_element(struct translation *t, const struct x86_insn *in, bool rep)
{
    struct emit *e = &t->e;
    static const uint8_t not_rbx[] = {0x48, 0xf7, 0xd3};
    uint16_t saved = 0;
    save(t, in, &saved, X86_RBX);
    save(t, in, &saved, X86_RSI);
    save(t, in, &saved, X86_RDI);
    save(t, in, &saved, X86_RAX);
    if (rep) {
        save(t, in, &saved, X86_RCX);
    }
    bool two = in->bytes[in->opcode_off] < 0xac; /* MOVS and CMPS use RDI too */
    if (in->addr32 && two) {
        emit_cut(e, X86_RDI);
    }
    add_base(e, in, X86_RSI, X86_RBX);
    emit_plain(e, in, true);
    emit_bytes(e, not_rbx, sizeof(not_rbx)); /* RBX := RSI - base; flags stay */
    struct emit_mem back = {.base = X86_RSI, .index = X86_RBX, .disp = 1};
    emit_lea(e, X86_RBX, &back);
    if (rep) {
        struct emit_mem less = {.base = X86_RCX, .index = X86_NONE, .disp = -1};
        emit_lea(e, X86_RCX, &less);
    }
    if (in->addr32) {
        emit_cut(e, X86_RBX);
        if (two) {
            emit_cut(e, X86_RDI);
        }
        if (rep) {
            emit_cut(e, X86_RCX);
        }
    }
    return saved;
}

unsigned x86_seg_exits(const struct x86_insn *in)
{
    return in->base == X86_RSI && rep_prefix(in) ? 2 : 1;
}

static void lower_string(struct translation *t, const struct x86_insn *in)
{
    struct emit *e = &t->e;
    uint8_t rep = rep_prefix(in);
    size_t empty = 0;
    if (rep) {
        if (in->addr32) {
            emit_u8(e, 0x67);
        }
        emit_u8(e, 0xe3); /* jrcxz: over this jump to the end */
        emit_u8(e, 2);
        emit_u8(e, 0xeb);
        emit_u8(e, 5);
        emit_u8(e, 0xe9);
        empty = e->len;
        emit_u32(e, 0);
    }
    uint16_t saved = lower_element(t, in, rep != 0);
    bool compares = (in->bytes[in->opcode_off] & 0xfe) == 0xa6;
    size_t stop = 0;
    if (rep && compares) {
        emit_u8(e, rep == 0xf3 ? 0x75 : 0x74); /* jne or je: no more */
        emit_u8(e, 0);
        stop = e->len;
    }
    uintptr_t end = 0;
    if (rep) {
        commit(t, in, true);
        if (stop && !e->overflow) {
            e->rw[stop - 1] = (uint8_t)(e->len - stop);
        }
    }
    if (!rep || stop) {
        x86_restart_at(t, in, saved);
        end = commit(t, in, false);
    }
    if (rep && !end) {
        x86_restart_after(t, in, 0);
        end = emit_pc(e);
        x86_lower_exit(t, -1, x86_insn_next(in));
    }
    if (rep) { /* nothing to do */
        emit_patch_rel32(e, e->rx + empty, end);
    }
}

void x86_lower_seg(struct translation *t, const struct x86_insn *in)
{
    if (in->base == X86_RSI) {
        lower_string(t, in);
    } else {
        lower_pointer(t, in);
    }
}
