/* Addresses of memory operands, and the way from a linear address to the host's:
 * the TLB look-up in line, the slow path out of line.
 *
 * What the look-up leaves in S0 on a miss is no address any more, and the entry may
 * have been changed meanwhile; so the slow path computes the address again. */
#include <assert.h>

#include "x86/host.h"
#include "x86sys/emit_masked.h"
#include "x86sys/emulate.h"
#include "x86sys/translate.h"

static_assert(sizeof(struct sys_tlb_entry) == 32, "the index is scaled by a shift");

#define TLB_SHIFT (12 - 5)
#define TLB_MASK  ((SYS_TLB_ENTRIES - 1) << 5)

/* Where an address is kept that can't be computed again. */
static struct emit_mem kept_address(void)
{
    return emit_gs(offsetof(struct sys_cpu, scratch));
}

uint8_t sys_s1_guest(const struct sys_translation *t)
{
    return t->s1_end == t->e.len ? t->s1_guest : X86_NONE;
}

void sys_s1_holds(struct sys_translation *t, uint8_t guest)
{
    t->s1_guest = guest;
    t->s1_end = t->e.len;
}

void sys_emit_get(struct sys_translation *t, uint8_t host, uint8_t guest)
{
    uint8_t home = sys_host_reg(guest);
    if (home == X86_NONE && sys_s1_guest(t) == guest) {
        if (host != SYS_HOST_S1) {
            emit_mov_reg_reg(&t->e, host, SYS_HOST_S1);
        }
    } else if (home == X86_NONE) {
        emit_load_state(&t->e, host, offsetof(struct sys_cpu, gpr) + 8UL * guest);
    } else {
        emit_mov_reg_reg(&t->e, host, home);
    }
}

void sys_emit_put(struct sys_translation *t, uint8_t guest, uint8_t host)
{
    uint8_t home = sys_host_reg(guest);
    if (home == X86_NONE) {
        emit_store_state(&t->e, offsetof(struct sys_cpu, gpr) + 8UL * guest, host);
        sys_s1_holds(t, host == SYS_HOST_S1 ? guest : X86_NONE);
    } else {
        emit_mov_reg_reg(&t->e, home, host);
    }
}

/* --- addresses --- */

static size_t seg_base(uint8_t seg)
{
    return offsetof(struct sys_cpu, seg) + seg * sizeof(struct sys_seg) +
           offsetof(struct sys_seg, base);
}

/* Whether the segment must be looked at: its base, limit and type. */
static bool is_checked(const struct sys_translation *t, uint8_t seg, uint32_t access)
{
    if (t->mode & SYS_MODE_CODE64) {
        return false;
    }
    if (!(t->mode & SYS_MODE_FLAT) || seg == SYS_FS || seg == SYS_GS) {
        return true;
    }
    return seg == SYS_CS && access & SYS_WRITE;
}

void sys_emit_cut(struct emit *e, unsigned size)
{
    static const uint8_t cut32[] = {0x45, 0x89, 0xed};       /* mov r13d, r13d */
    static const uint8_t cut16[] = {0x45, 0x0f, 0xb7, 0xed}; /* movzx r13d, r13w */
    if (size == 2) {
        emit_bytes(e, cut16, sizeof(cut16));
    } else if (size == 4) {
        emit_bytes(e, cut32, sizeof(cut32));
    }
}

void sys_emit_linear(struct sys_translation *t, const struct sys_insn *in, enum sys_seg_reg seg,
                     uint32_t size, uint32_t access)
{
    (void)in;
    if (is_checked(t, (uint8_t)seg, access)) {
        sys_flags_save(t);
        sys_emit_slow_call(t, size,
                           (access & (SYS_READ | SYS_WRITE)) | SYS_SLOW_SEGMENT |
                               (uint32_t)seg << SYS_SLOW_SEG_SHIFT);
        return;
    }
    if (t->mode & SYS_MODE_CODE64 && (seg == SYS_FS || seg == SYS_GS)) {
        struct emit_mem base = emit_gs(seg_base((uint8_t)seg));
        if (t->flags_live && !t->flags_aside) {
            struct emit_mem sum = {.base = SYS_HOST_S1, .index = SYS_HOST_S0};
            emit_mov_reg_mem(&t->e, SYS_HOST_S1, &base);
            emit_lea(&t->e, SYS_HOST_S0, &sum);
        } else {
            emit_op_mem(&t->e, 0, true, 0x03, SYS_HOST_S0, &base, 0);
        }
    }
}

/* A guest register for use in an address: where it is, or loaded into scratch. */
static uint8_t address_register(struct sys_translation *t, uint8_t guest, uint8_t scratch)
{
    if (guest == X86_NONE) {
        return X86_NONE;
    }
    uint8_t host = sys_host_reg(guest);
    if (host == X86_NONE) {
        sys_emit_get(t, scratch, guest);
        return scratch;
    }
    return host;
}

void sys_emit_offset(struct sys_translation *t, const struct sys_insn *in, uint8_t host, bool wide)
{
    struct emit *e = &t->e;
    if (in->base == X86_NONE && in->index == X86_NONE) {
        uint64_t a = (uint64_t)in->disp;
        bool half = in->addr_size == 4 || !wide;
        a = in->addr_size == 2 ? (uint16_t)a : half ? (uint32_t)a : a;
        if (!in->rip_relative) {
            emit_mov_imm(e, host, a);
        } else if (half) {
            sys_emit_guest_address_cut(t, host, (uint32_t)a);
        } else {
            sys_emit_guest_address(t, host, a);
        }
        return;
    }
    struct emit_mem m = {.base = address_register(t, in->base, SYS_HOST_S0),
                         .index = address_register(t, in->index, SYS_HOST_S1),
                         .scale = in->scale,
                         .disp = in->disp};
    if (in->index != X86_NONE && in->index == in->base) {
        m.index = m.base;
    }
    if (wide) {
        emit_lea(e, host, &m);
    } else {
        emit_op_mem(e, 0, false, 0x8d, host, &m, 0);
    }
}

void sys_emit_operand_address(struct sys_translation *t, const struct sys_insn *in)
{
    sys_emit_offset(t, in, SYS_HOST_S0, in->addr_size == 8);
    if (in->addr_size == 2) {
        sys_emit_cut(&t->e, 2);
    }
    sys_emit_linear(t, in, (enum sys_seg_reg)in->seg, in->mem_size ? in->mem_size : 1,
                    in->mem_access);
}

/* --- access --- */

static void emit_address_again(struct sys_translation *t, const struct sys_slow *s)
{
    if (s->plan.address) {
        s->plan.address(t, s->in, s->plan.arg);
    } else {
        struct emit_mem kept = kept_address();
        emit_mov_reg_mem(&t->e, SYS_HOST_S0, &kept);
    }
}

static void emit_slow_access(struct sys_translation *t, struct sys_slow *s)
{
    const struct sys_access_plan *p = &s->plan;
    struct emit *e = &t->e;
    emit_address_again(t, s);
    if (s->in->mask != SYS_MASK_NONE && p->address) {
        sys_emit_masked_slow_call(t, s->in, p->access, s->resume);
    } else {
        sys_emit_slow_call(t, p->size, p->access | p->recent << SYS_SLOW_RECENT_SHIFT);
    }
    if (p->access & SYS_WRITE && p->again) {
        static const uint8_t test_s1[] = {0x45, 0x85, 0xf6}; /* test r14d, r14d */
        emit_bytes(e, test_s1, sizeof(test_s1));
        emit_u8(e, 0x0f);
        emit_u8(e, 0x84);
        uintptr_t in_place = emit_pc(e);
        emit_u32(e, 0);
        emit_patch_rel32(e, in_place, s->resume);
        p->again(t, s->in, p->arg);
        t->flags_live = t->live_in[t->at + 1];
        sys_emit_commit(t);
        emit_jmp(e, (uintptr_t)s->arg[0]);
    } else {
        emit_jmp(e, s->resume);
    }
}

/* Not in the slot. */
static void emit_recent_miss(struct sys_translation *t, struct sys_slow *s)
{
    const struct sys_access_plan *p = &s->plan;
    emit_address_again(t, s);
    uintptr_t fill = sys_emit_recent_missed(t, p->recent);
    uintptr_t miss = sys_emit_tlb_lookup(t, p->size, p->access);
    emit_jmp(&t->e, s->resume);
    emit_patch_rel32(&t->e, fill, emit_pc(&t->e));
    emit_patch_rel32(&t->e, miss, emit_pc(&t->e));
    emit_slow_access(t, s);
}

void sys_emit_s0_with_entry(struct emit *e, uint8_t opcode, size_t offset)
{
    const uint8_t insn[] = {0x65, 0x4d, opcode, 0xae};
    emit_bytes(e, insn, sizeof(insn));
    emit_u32(e, (uint32_t)offset);
}

/* cmp r13, imm32; ja. Returns where the rel32 is. */
static uintptr_t emit_limit(struct emit *e, uint32_t last)
{
    static const uint8_t cmp[] = {0x49, 0x81, 0xfd};
    emit_bytes(e, cmp, sizeof(cmp));
    emit_u32(e, last);
    emit_u8(e, 0x0f);
    emit_u8(e, 0x87);
    uintptr_t field = emit_pc(e);
    emit_u32(e, 0);
    return field;
}

void sys_emit_tlb_index(struct emit *e)
{
    static const uint8_t rorx[] = {0xc4, 0x43, 0x7b, 0xf0, 0xf5, TLB_SHIFT}; /* r14d, r13d, 7 */
    static const uint8_t shift[] = {
        0x45, 0x89, 0xee,            /* mov r14d, r13d */
        0x41, 0xc1, 0xee, TLB_SHIFT, /* shr r14d, 7 */
    };
    static const uint8_t and_r14d[] = {0x41, 0x81, 0xe6}; /* imm32 */
    static_assert(TLB_MASK < 1u << (32 - TLB_SHIFT), "what rotation brings to the top is cut off");
    if (x86_host.bmi2) {
        emit_bytes(e, rorx, sizeof(rorx));
    } else {
        emit_bytes(e, shift, sizeof(shift));
    }
    emit_bytes(e, and_r14d, sizeof(and_r14d));
    emit_u32(e, TLB_MASK);
}

uintptr_t sys_emit_tlb_lookup(struct sys_translation *t, uint32_t size, uint32_t access)
{
    struct emit *e = &t->e;
    unsigned mmu = (t->mode & SYS_MODE_MMU) >> SYS_MODE_MMU_SHIFT;
    size_t entries = offsetof(struct sys_cpu, tlb) + offsetof(struct sys_tlb, e) +
                     mmu * sizeof(t->cpu->tlb.e[0]);
    size_t tag = access & SYS_WRITE ? offsetof(struct sys_tlb_entry, write)
                                    : offsetof(struct sys_tlb_entry, read);
    sys_emit_tlb_index(e);
    sys_emit_s0_with_entry(e, 0x2b, entries + tag);
    uintptr_t field = emit_limit(e, 4096 - size);
    sys_emit_s0_with_entry(e, 0x03, entries + offsetof(struct sys_tlb_entry, host));
    return field;
}

void sys_emit_access(struct sys_translation *t, const struct sys_insn *in,
                     const struct sys_access_plan *plan)
{
    struct emit *e = &t->e;
    sys_flags_save(t);
    sys_emit_alignment(t, in, plan);
    if (!plan->address) {
        struct emit_mem kept = kept_address();
        emit_mov_mem_reg(e, &kept, SYS_HOST_S0);
    }
    uintptr_t field = plan->recent
                          ? sys_emit_recent_lookup(t, plan->recent, plan->size, plan->access)
                          : sys_emit_tlb_lookup(t, plan->size, plan->access);
    struct sys_slow *s =
        sys_slow_add(t, field, plan->recent ? emit_recent_miss : emit_slow_access, in);
    t->access = s;
    s->plan = *plan;
    s->resume = emit_pc(e);
    s->arg[0] = emit_pc(e);
}

void sys_emit_access_done(struct sys_translation *t)
{
    t->access->arg[0] = emit_pc(&t->e);
    if (t->access->plan.access & SYS_WRITE) { /* the way round by the slow path ends here */
        sys_s1_holds(t, X86_NONE);
    }
}

static bool check_address(struct sys_cpu *cpu, uint64_t *addr, uint32_t size, uint32_t access)
{
    enum sys_seg_reg seg = access & SYS_SLOW_STACK ? SYS_SS : SYS_DS;
    uint32_t how = (access & (SYS_READ | SYS_WRITE)) | SYS_UNALIGNED;
    if (access & SYS_SLOW_SEGMENT) {
        seg = (enum sys_seg_reg)(access >> SYS_SLOW_SEG_SHIFT & 7);
        return sys_linear(cpu, seg, *addr, size, how, addr);
    }
    if (!(cpu->mode & SYS_MODE_CODE64)) {
        *addr = (uint32_t)*addr;
        if (cpu->mode & SYS_MODE_FLAT && *addr + size - 1 > UINT32_MAX) {
            return sys_raise_error(cpu, seg == SYS_SS ? SYS_SSF : SYS_GP, 0);
        }
        return true;
    }
    return sys_linear(cpu, seg, *addr, size, how, addr);
}

bool sys_slow_check(struct sys_cpu *cpu, uint64_t *addr, uint32_t size, uint32_t access)
{
    return check_address(cpu, addr, size, access) &&
           (!(access & SYS_SLOW_MISALIGNED) || sys_raise_error(cpu, SYS_AC, 0));
}
