/* Registers as boot protocols want them: the machine starts a kernel without
 * firmware. */
#include "x86sys/machine.h"
#include "x86sys/state.h"

static void set_flat(struct sys_seg *s, uint16_t selector, unsigned attr)
{
    *s = (struct sys_seg){.limit = UINT32_MAX,
                          .selector = selector,
                          .attr = (uint16_t)(attr | SYS_SEG_P | SYS_SEG_S | SYS_SEG_RW |
                                             SYS_SEG_ACCESSED | SYS_SEG_G)};
}

void sys_cpu_set_boot_state(struct cpu *c, const struct sys_boot_state *s)
{
    struct sys_cpu *cpu = sys_cpu_of(c);
    for (unsigned i = 0; i < SYS_SEGS; i++) {
        set_flat(&cpu->seg[i], s->ds, SYS_SEG_DB);
    }
    set_flat(&cpu->seg[SYS_CS], s->cs,
             SYS_SEG_CODE | (s->long_mode ? (unsigned)SYS_SEG_L : (unsigned)SYS_SEG_DB));
    cpu->gdtr = (struct sys_seg){.base = s->gdt_base, .limit = s->gdt_limit};
    cpu->idtr = (struct sys_seg){.limit = 0};
    cpu->cr0 = SYS_CR0_PE | SYS_CR0_ET;
    cpu->efer = 0;
    cpu->cr4 = 0;
    cpu->cr3 = s->cr3;
    if (s->long_mode) {
        cpu->cr0 |= SYS_CR0_PG;
        cpu->cr4 |= SYS_CR4_PAE;
        cpu->efer = SYS_EFER_LME | SYS_EFER_LMA;
    }
    for (unsigned i = 0; i < X86_GPRS; i++) {
        cpu->gpr[i] = 0;
    }
    cpu->gpr[X86_RAX] = s->rax;
    cpu->gpr[X86_RBX] = s->rbx;
    cpu->gpr[X86_RSI] = s->rsi;
    cpu->gpr[X86_RSP] = s->rsp;
    cpu->rip = s->rip;
    cpu->rflags = SYS_RF_ONE;
    cpu->halted = cpu->wait_sipi = false;
    sys_mode_update(cpu);
    sys_tlb_flush(cpu);
}
