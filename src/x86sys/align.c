/* Alignment checking in generated code: #AC at CPL 3 with CR0.AM and RFLAGS.AC (SDM
 * volume 3, "Alignment Check Exception"; APM volume 2, 8.2.18). Only blocks of that mode
 * look, so that others pay nothing.
 *
 * What must be aligned to what is as processors have it: most operands to their size.
 * Vectors of 16 bytes and more that need not be aligned otherwise are where vendors
 * differ: AMD asks for 16 bytes, Intel for nothing. Masked accesses are not checked. An
 * address out of bounds counts before its alignment, a page fault after it. */
#include <Zydis/Zydis.h>

#include "x86sys/model.h"
#include "x86sys/translate.h"

static uint32_t vector_alignment(const struct sys_translation *t, const struct sys_insn *in)
{
    if (t->cpu->model->vendor == SYS_VENDOR_INTEL) {
        return 1;
    }
    bool by_bytes =
        in->mnemonic == ZYDIS_MNEMONIC_MASKMOVDQU || in->mnemonic == ZYDIS_MNEMONIC_VMASKMOVDQU;
    return by_bytes ? 8 : 16;
}

static uint32_t alignment(const struct sys_translation *t, const struct sys_insn *in, uint32_t size)
{
    if (in->mask != SYS_MASK_NONE) {
        return 1;
    }
    switch (size) {
    case 2:
    case 4:
    case 8:
        return size;
    case 10: /* of the x87 */
        return 8;
    case 14: /* FLDENV, FNSTENV, FRSTOR, FNSAVE with 16-bit operands */
    case 94:
        return 2;
    case 28: /* ... 32-bit ones */
    case 108:
        return 4;
    case 16:
    case 32:
    case 64:
        return vector_alignment(t, in);
    default:
        return 1;
    }
}

/* An exception for sure; which, C finds. */
static void emit_misaligned(struct sys_translation *t, struct sys_slow *s)
{
    sys_emit_slow_call(t, (uint32_t)s->arg[0], (uint32_t)s->arg[1] | SYS_SLOW_MISALIGNED);
}

void sys_emit_alignment(struct sys_translation *t, const struct sys_insn *in,
                        const struct sys_access_plan *plan)
{
    static const uint8_t test[] = {0x41, 0xf6, 0xc5}; /* test r13b, imm8; jnz */
    uint32_t align = t->mode & SYS_MODE_AC ? alignment(t, in, plan->size) : 1;
    if (align == 1) {
        return;
    }
    emit_bytes(&t->e, test, sizeof test);
    emit_u8(&t->e, (uint8_t)(align - 1));
    emit_u8(&t->e, 0x0f);
    emit_u8(&t->e, 0x85);
    uintptr_t field = emit_pc(&t->e);
    emit_u32(&t->e, 0);
    struct sys_slow *s = sys_slow_add(t, field, emit_misaligned, in);
    s->arg[0] = plan->size;
    s->arg[1] = plan->access;
}
