/* Accesses that keep to a page for a while have a slot of their own (struct
 * sys_tlb_recent), which they look at before the TLB. That takes fewer instructions,
 * and above all the host address does not wait for a load whose place the guest's
 * address decides: only the branch predictor is asked whether it is right. So where
 * each address comes out of the access before, a link costs half as much.
 *
 * Which accesses: the stack's; and in blocks that are loops those whose base is loaded
 * from where it points to itself (`p = p->next`), others off the same pointer, and
 * those of tables that stay where they are and have a byte for their index (checksums).
 *
 * If the page is another one, the TLB is asked, out of line; once
 * so many times the access goes by the slow path, which may fill the slot
 * (tlb_recent.c). So a list that hops between pages costs a few cycles more, not a
 * fill for each hop. */
#include <Zydis/Zydis.h>

#include "x86sys/lower_data.h"
#include "x86sys/rename.h"

enum { SLOT_NONE = 0, SLOT_STACK = SYS_RECENT_STACK, SLOT_FIRST = SYS_RECENT_STACK + 1 };

static struct emit_mem field(const struct sys_translation *t, unsigned slot, size_t offset)
{
    unsigned mmu = (t->mode & SYS_MODE_MMU) >> SYS_MODE_MMU_SHIFT;
    return emit_gs(offsetof(struct sys_cpu, tlb) + offsetof(struct sys_tlb, recent) +
                   (mmu * SYS_RECENT_SLOTS + slot) * sizeof(struct sys_tlb_recent) + offset);
}

static size_t limit_offset(uint32_t size, uint32_t access)
{
    unsigned class = size <= 8 ? 0 : size <= 64 ? 1 : 2;
    return offsetof(struct sys_tlb_recent, limit) +
           ((access & SYS_WRITE ? SYS_RECENT_CLASSES : 0) + class) * sizeof(uint64_t);
}

uintptr_t sys_emit_recent_lookup(struct sys_translation *t, unsigned slot, uint32_t size,
                                 uint32_t access)
{
    struct emit *e = &t->e;
    struct emit_mem tag = field(t, slot, offsetof(struct sys_tlb_recent, tag));
    struct emit_mem limit = field(t, slot, limit_offset(size, access));
    struct emit_mem host = field(t, slot, offsetof(struct sys_tlb_recent, host));
    struct emit_mem delta = field(t, slot, offsetof(struct sys_tlb_recent, delta));
    /* Pointers that are followed wait for nothing but the sum: S1 is asked instead. */
    bool follows = slot != SLOT_STACK;
    uint8_t asked = follows ? SYS_HOST_S1 : SYS_HOST_S0;
    if (follows) {
        emit_mov_reg_reg(e, SYS_HOST_S1, SYS_HOST_S0);
    }
    emit_op_mem(e, 0, true, 0x2b, asked, &tag, 0);   /* sub */
    emit_op_mem(e, 0, true, 0x3b, asked, &limit, 0); /* cmp; jae */
    emit_u8(e, 0x0f);
    emit_u8(e, 0x83);
    uintptr_t miss = emit_pc(e);
    emit_u32(e, 0);
    emit_op_mem(e, 0, true, 0x03, SYS_HOST_S0, follows ? &delta : &host, 0); /* add */
    return miss;
}

uintptr_t sys_emit_recent_missed(struct sys_translation *t, unsigned slot)
{
    struct emit *e = &t->e;
    struct emit_mem misses = field(t, slot, offsetof(struct sys_tlb_recent, misses));
    emit_op_mem(e, 0, false, 0x83, 5, &misses, 1); /* sub dword, 1; js */
    emit_u8(e, 1);
    emit_u8(e, 0x0f);
    emit_u8(e, 0x88);
    uintptr_t fill = emit_pc(e);
    emit_u32(e, 0);
    return fill;
}

unsigned sys_recent_stack(const struct sys_translation *t)
{
    return t->mode & SYS_MODE_CODE64 ? SLOT_STACK : SLOT_NONE;
}

/* --- pointers that are followed --- */

/* Where a register's value comes from: the value that `root` had at the beginning of
 * the block, as it is, or loaded from there. */
struct origin {
    uint8_t root; /* X86_NONE: elsewhere */
    bool loaded;
    bool byte; /* it has been cut to 8 bits */
};

static bool is_whole_mov(const struct sys_insn *in)
{
    return in->mnemonic == ZYDIS_MNEMONIC_MOV && in->encoding == X86_ENC_LEGACY && in->map == 0 &&
           in->op_size == 8 && (in->opcode == 0x8b || in->opcode == 0x89);
}

static bool is_movzx_byte(const struct sys_insn *in)
{
    return in->encoding == X86_ENC_LEGACY && in->map == 1 && in->opcode == 0xb6 && in->op_size >= 4;
}

/* The effect of an instruction on origins. */
static void follow(struct origin *of, const struct sys_insn *in)
{
    struct origin value = {.root = X86_NONE};
    uint8_t dst = X86_NONE;
    if (is_whole_mov(in) && in->opcode == 0x8b) {
        dst = sys_guest_reg(in, SYS_PLACE_REG);
        uint8_t src = in->has_mem ? in->base : sys_guest_reg(in, SYS_PLACE_RM);
        if (src != X86_NONE && src != X86_RSP) {
            value = of[src];
            value.loaded |= in->has_mem;
        }
    } else if (is_whole_mov(in) && !in->has_mem) {
        dst = sys_guest_reg(in, SYS_PLACE_RM);
        value = of[sys_guest_reg(in, SYS_PLACE_REG)];
    } else if (is_movzx_byte(in)) {
        dst = sys_guest_reg(in, SYS_PLACE_REG);
        value.byte = true;
    }
    for (unsigned r = 0; r < X86_GPRS; r++) {
        if (in->gprs_written & 1u << r) {
            of[r] = (struct origin){.root = X86_NONE};
        }
    }
    if (dst != X86_NONE) {
        of[dst] = value;
    }
}

static void begin(struct origin *of)
{
    for (unsigned r = 0; r < X86_GPRS; r++) {
        of[r] = (struct origin){.root = (uint8_t)r};
    }
}

/* Whether what the register holds at the beginning of the block comes, once round the
 * loop, from where it pointed itself. */
static bool is_followed(const struct origin *of, uint8_t reg)
{
    bool loaded = false;
    uint8_t r = reg;
    for (unsigned n = 0; n < X86_GPRS && r != X86_NONE; n++) {
        loaded |= of[r].loaded;
        r = of[r].root;
        if (r == reg) {
            return loaded;
        }
    }
    return false;
}

static bool goes_round(const struct sys_translation *t, const struct sys_insn *in)
{
    return (in->cls == SYS_INSN_JCC || in->cls == SYS_INSN_JMP) && in->target == t->insns[0].ip;
}

/* The registers that are followed round a loop: what is behind its branch does not
 * matter. */
static uint16_t find_followed(const struct sys_translation *t)
{
    struct origin of[X86_GPRS];
    uint16_t followed = 0;
    begin(of);
    for (unsigned i = 0; i < t->insn_count; i++) {
        for (unsigned r = 0; r < X86_GPRS && goes_round(t, &t->insns[i]); r++) {
            followed |= (uint16_t)(is_followed(of, (uint8_t)r) << r);
        }
        follow(of, &t->insns[i]);
    }
    return followed;
}

/* The registers that a loop leaves alone; 0: it is none. */
static uint16_t find_steady(const struct sys_translation *t)
{
    uint16_t written = 0, steady = 0;
    for (unsigned i = 0; i < t->insn_count; i++) {
        written |= t->insns[i].gprs_written;
        steady |= goes_round(t, &t->insns[i]) ? (uint16_t)~written : 0;
    }
    return steady;
}

/* Different loops should not disturb each other. The same at another linear address
 * has the same: see reloc.h. */
static uint8_t loop_slot(const struct sys_translation *t)
{
    uint64_t hash = (t->linear & (GUEST_PAGE_SIZE - 1)) * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    return (uint8_t)(SLOT_FIRST + hash % (SYS_RECENT_SLOTS - SLOT_FIRST));
}

/* Whether an operand that has a byte for its index lies in a table that stays where it is. */
static bool is_table(const struct origin *of, uint8_t base, uint16_t steady)
{
    return base == X86_NONE || steady & 1u << base || (of[base].root == base && !of[base].loaded);
}

static uint8_t slot_of(const struct sys_translation *t, const struct sys_insn *in,
                       const struct origin *of, uint16_t followed, uint16_t steady)
{
    if (!in->has_mem || in->vsib || in->mask != SYS_MASK_NONE || in->mem_size > 64 ||
        in->seg == SYS_FS || in->seg == SYS_GS) {
        return SLOT_NONE;
    }
    bool by_byte = in->index != X86_NONE && of[in->index].byte;
    if (in->base == X86_RSP) {
        return in->index == X86_NONE || by_byte ? SLOT_STACK : SLOT_NONE;
    }
    if (by_byte && is_table(of, in->base, steady)) {
        return loop_slot(t);
    }
    if (in->base == X86_NONE) {
        return SLOT_NONE;
    }
    uint8_t root = of[in->base].root;
    return root != X86_NONE && followed & 1u << root ? loop_slot(t) : SLOT_NONE;
}

void sys_recent_analyse(struct sys_translation *t)
{
    struct origin of[X86_GPRS];
    bool on = t->mode & SYS_MODE_CODE64;
    uint16_t followed = on ? find_followed(t) : 0;
    uint16_t steady = on ? find_steady(t) : 0;
    begin(of);
    for (unsigned i = 0; i < t->insn_count; i++) {
        t->recent[i] = on ? slot_of(t, &t->insns[i], of, followed, steady) : SLOT_NONE;
        follow(of, &t->insns[i]);
    }
}
