/* System management mode: entry on an SMI, and RSM. The state is saved behind
 * SMBASE in the layout of 64-bit AMD CPUs (APM volume 2, table 10-1), which SeaBIOS
 * and OVMF expect. What RSM loads is the handler's word: it is brought into a state
 * that a CPU can have. */
#include <stddef.h>

#include "x86sys/emulate.h"
#include "x86sys/model.h"
#include "x86sys/ops.h"
#include "x86sys/system_insns.h"

#define SAVE_AREA   0xfe00u /* from SMBASE */
#define SAVE_SIZE   0x200u
#define HANDLER     0x8000u
#define REVISION    0x00020064u /* 64-bit layout, SMBASE can be moved */
#define AT_HALT     0xc9
#define AT_REVISION 0xfc
#define AT_SMBASE   0x100
#define AT_GDTR     0x60
#define AT_LDTR     0x70
#define AT_IDTR     0x80
#define AT_TR       0x90
#define HALTED      1u /* in a byte at AT_HALT: RSM goes back to HLT */
#define DR7_RESET   0x400u
#define CR0_CLEARED ((uint64_t)(SYS_CR0_PE | SYS_CR0_EM | SYS_CR0_TS) | SYS_CR0_PG)
#define EFER_KNOWN  ((uint64_t)(SYS_EFER_SCE | SYS_EFER_LME | SYS_EFER_NXE) | 1u << 21 | 1u << 14)

/* The 64-bit fields: places in the save area and in the CPU. */
static const struct {
    uint16_t at;
    uint16_t field;
} fields[] = {
    {0x0d0, offsetof(struct sys_cpu, efer)},
    {0x148, offsetof(struct sys_cpu, cr4)},
    {0x150, offsetof(struct sys_cpu, cr3)},
    {0x158, offsetof(struct sys_cpu, cr0)},
    {0x160, offsetof(struct sys_cpu, dr) + 7 * sizeof(uint64_t)},
    {0x168, offsetof(struct sys_cpu, dr) + 6 * sizeof(uint64_t)},
    {0x170, offsetof(struct sys_cpu, rflags)},
    {0x178, offsetof(struct sys_cpu, rip)},
};
#define FIELDS (sizeof fields / sizeof fields[0])

/* RAX is at the end, R15 fifteen places before. */
static unsigned gpr_at(unsigned n)
{
    static const uint8_t order[X86_GPRS] = {X86_RAX, X86_RCX, X86_RDX, X86_RBX, X86_RSP, X86_RBP,
                                            X86_RSI, X86_RDI, X86_R8,  X86_R9,  X86_R10, X86_R11,
                                            X86_R12, X86_R13, X86_R14, X86_R15};
    return 0x1f8 - 8u * order[n];
}

struct save_area {
    uint8_t bytes[SAVE_SIZE];
};

static void put(struct save_area *s, unsigned at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        s->bytes[at + i] = (uint8_t)(value >> 8 * i);
    }
}

static uint64_t get(const struct save_area *s, unsigned at, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)s->bytes[at + i] << 8 * i;
    }
    return value;
}

static void put_seg(struct save_area *s, unsigned at, const struct sys_seg *seg)
{
    put(s, at, seg->selector, 2);
    put(s, at + 2, seg->attr, 2);
    put(s, at + 4, seg->limit, 4);
    put(s, at + 8, seg->base, 8);
}

static struct sys_seg get_seg(const struct save_area *s, unsigned at)
{
    return (struct sys_seg){.selector = (uint16_t)get(s, at, 2),
                            .attr = (uint16_t)(get(s, at + 2, 2) & 0xf0ff),
                            .limit = (uint32_t)get(s, at + 4, 4),
                            .base = get(s, at + 8, 8)};
}

static uint64_t *field(struct sys_cpu *cpu, unsigned i)
{
    return (uint64_t *)(void *)((char *)cpu + fields[i].field);
}

static void save(struct sys_cpu *cpu, struct save_area *s)
{
    for (unsigned i = 0; i < SAVE_SIZE; i++) {
        s->bytes[i] = 0;
    }
    for (unsigned i = 0; i < SYS_SEGS; i++) {
        put_seg(s, 16 * i, &cpu->seg[i]);
    }
    put_seg(s, AT_GDTR, &cpu->gdtr);
    put_seg(s, AT_LDTR, &cpu->ldtr);
    put_seg(s, AT_IDTR, &cpu->idtr);
    put_seg(s, AT_TR, &cpu->tr);
    for (unsigned i = 0; i < FIELDS; i++) {
        put(s, fields[i].at, *field(cpu, i), 8);
    }
    for (unsigned i = 0; i < X86_GPRS; i++) {
        put(s, gpr_at(i), cpu->gpr[i], 8);
    }
    put(s, AT_HALT, cpu->halted ? HALTED : 0, 1);
    put(s, AT_REVISION, REVISION, 4);
    put(s, AT_SMBASE, cpu->smbase, 4);
}

static void set_registers(struct sys_cpu *cpu)
{
    const uint16_t attr = SYS_SEG_P | SYS_SEG_S | SYS_SEG_RW | SYS_SEG_ACCESSED | SYS_SEG_G;
    for (unsigned i = 0; i < SYS_SEGS; i++) {
        cpu->seg[i] = (struct sys_seg){.limit = UINT32_MAX, .attr = attr};
    }
    cpu->seg[SYS_CS].selector = (uint16_t)(cpu->smbase >> 4);
    cpu->seg[SYS_CS].base = cpu->smbase;
    cpu->cr0 &= ~CR0_CLEARED;
    cpu->cr4 = 0;
    cpu->efer = 0;
    cpu->rflags = SYS_RF_ONE;
    cpu->rip = HANDLER;
    cpu->dr[7] = DR7_RESET;
    cpu->shadow = false;
    cpu->halted = false;
}

void sys_smm_enter(struct sys_cpu *cpu)
{
    struct save_area s;
    save(cpu, &s);
    cpu->in_smm = true;
    cpu->smm_nmi_blocked = cpu->nmi_blocked;
    cpu->nmi_blocked = true;
    /* Without RAM there, there is no handler either: the CPU runs what it finds. */
    (void)sys_phys_write(cpu, cpu->smbase + SAVE_AREA, s.bytes, SAVE_SIZE);
    set_registers(cpu);
    sys_tlb_flush(cpu);
    sys_mode_update(cpu);
}

/* Makes of what was loaded a state that exists. */
static void make_consistent(struct sys_cpu *cpu)
{
    cpu->cr0 = (uint32_t)cpu->cr0 | SYS_CR0_ET;
    if (!(cpu->cr0 & SYS_CR0_PE)) {
        cpu->cr0 &= ~(uint64_t)SYS_CR0_PG;
    }
    cpu->cr4 &= sys_cr4_allowed(cpu);
    cpu->cr3 &= cpu->phys_mask | 0xfff;
    cpu->efer &= EFER_KNOWN;
    bool paging = cpu->cr0 & SYS_CR0_PG;
    if (paging && (cpu->efer & SYS_EFER_LME)) {
        cpu->efer |= SYS_EFER_LMA;
        cpu->cr4 |= SYS_CR4_PAE;
    } else {
        cpu->cr4 &= ~(uint64_t)(SYS_CR4_PCIDE | SYS_CR4_LA57);
    }
    cpu->rflags = (uint32_t)cpu->rflags | SYS_RF_ONE;
    if ((cpu->efer & SYS_EFER_LMA) || !(cpu->cr0 & SYS_CR0_PE)) {
        cpu->rflags &= ~(uint64_t)SYS_RF_VM;
    }
    if (!(cpu->efer & SYS_EFER_LMA)) {
        cpu->seg[SYS_CS].attr &= (uint16_t)~SYS_SEG_L;
    }
    cpu->dr[6] = (uint32_t)cpu->dr[6];
    cpu->dr[7] = (uint32_t)cpu->dr[7] | DR7_RESET;
    if (paging && (cpu->cr4 & SYS_CR4_PAE) && !(cpu->efer & SYS_EFER_LMA)) {
        (void)sys_pdpte_load(cpu, cpu->cr3);
    }
}

bool sys_op_rsm(struct sys_cpu *cpu)
{
    struct save_area s;
    if (!cpu->in_smm || !sys_phys_read(cpu, cpu->smbase + SAVE_AREA, s.bytes, SAVE_SIZE)) {
        return sys_raise(cpu, SYS_UD);
    }
    for (unsigned i = 0; i < SYS_SEGS; i++) {
        cpu->seg[i] = get_seg(&s, 16 * i);
    }
    cpu->gdtr = get_seg(&s, AT_GDTR);
    cpu->ldtr = get_seg(&s, AT_LDTR);
    cpu->idtr = get_seg(&s, AT_IDTR);
    cpu->tr = get_seg(&s, AT_TR);
    for (unsigned i = 0; i < FIELDS; i++) {
        *field(cpu, i) = get(&s, fields[i].at, 8);
    }
    for (unsigned i = 0; i < X86_GPRS; i++) {
        cpu->gpr[i] = get(&s, gpr_at(i), 8);
    }
    cpu->halted = get(&s, AT_HALT, 1) & HALTED;
    cpu->smbase = (uint32_t)get(&s, AT_SMBASE, 4);
    make_consistent(cpu);
    cpu->in_smm = false;
    sys_nmi_unblock(cpu);
    cpu->nmi_blocked = cpu->smm_nmi_blocked;
    sys_tlb_flush(cpu);
    sys_mode_update(cpu);
    /* What waited for the end of SMM is to be looked at. */
    atomic_fetch_or_explicit(&cpu->cpu.exit_request, CPU_EXIT_INTERRUPT, memory_order_relaxed);
    return true;
}
