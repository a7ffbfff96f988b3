/* See reloc.h. */
#include "x86sys/reloc.h"

#include "x86sys/translate.h"

static void add(struct sys_translation *t, enum sys_reloc_kind kind, size_t size)
{
    struct sys_relocs *r = &t->relocs;
    if (t->e.overflow || r->partial) {
        return;
    }
    uint32_t at = (uint32_t)(t->e.len - size);
    uint32_t distance = at - r->last;
    if (r->count == SYS_RELOCS_MAX || distance >= 1u << (16 - SYS_RELOC_KIND_BITS)) {
        r->partial = true;
        return;
    }
    r->e[r->count++] = (uint16_t)(distance << SYS_RELOC_KIND_BITS | kind);
    r->last = at;
}

/* In other modes addresses wrap and segments have bases; blocks of single instructions
 * are not worth it, and what -icount counts stays as simple as it is. */
void sys_reloc_begin(struct sys_translation *t)
{
    t->relocs.partial =
        !(t->mode & SYS_MODE_CODE64) || t->mode & (SYS_MODE_ONE_INSN | SYS_MODE_ICOUNT);
    t->relocs.count = 0;
    t->relocs.last = 0;
}

/* Targets that are cut to the operand size do not move with the block. */
static bool has_cut_target(const struct sys_insn *in)
{
    bool relative = in->cls == SYS_INSN_JMP || in->cls == SYS_INSN_JCC ||
                    in->cls == SYS_INSN_LOOP || in->cls == SYS_INSN_CALL;
    return (relative && in->op_size != 8) || (in->cls == SYS_INSN_C && in->target);
}

bool sys_reloc_end(struct sys_translation *t)
{
    for (unsigned i = 0; i < t->insn_count && !t->relocs.partial; i++) {
        t->relocs.partial = has_cut_target(&t->insns[i]);
    }
    return !t->relocs.partial;
}

void sys_emit_guest_address(struct sys_translation *t, uint8_t reg, uint64_t address)
{
    emit_mov_imm(&t->e, reg, address);
    if (address <= UINT32_MAX) {
        add(t, SYS_RELOC_GUEST_32, 4);
    } else if (address >= (uint64_t)INT32_MIN) { /* imm32, sign-extended */
        add(t, SYS_RELOC_GUEST_S32, 4);
    } else {
        add(t, SYS_RELOC_GUEST_64, 8);
    }
}

void sys_emit_guest_address_cut(struct sys_translation *t, uint8_t reg, uint32_t address)
{
    emit_mov_imm(&t->e, reg, address);
    add(t, SYS_RELOC_GUEST_CUT, 4);
}

void sys_reloc_note(struct sys_translation *t, enum sys_reloc_kind kind)
{
    add(t, kind, 4);
}

void sys_reloc_note_jump(struct sys_translation *t, uint64_t disp)
{
    if (disp <= INT8_MAX) { /* none, or a byte */
        t->relocs.partial = true;
    }
    add(t, SYS_RELOC_JUMP, 4);
}
