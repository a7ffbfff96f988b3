/* Registers after RESET and INIT (SDM volume 3, table 10-1). */
#include "x86sys/model.h"
#include "x86sys/segment.h"
#include "x86sys/system_insns.h"

#define RESET_VECTOR_BASE 0xffff0000u
#define DR6_RESET         0xffff0ff0u
#define DR7_RESET         0x400u
#define SMBASE_RESET      0x30000u

static const uint16_t data_attr = SYS_SEG_P | SYS_SEG_S | SYS_SEG_RW | SYS_SEG_ACCESSED;

static void reset_segments(struct sys_cpu *cpu)
{
    const uint32_t limit = UINT16_MAX;
    for (unsigned i = 0; i < SYS_SEGS; i++) {
        cpu->seg[i] = (struct sys_seg){.limit = limit, .attr = data_attr};
    }
    cpu->seg[SYS_CS].selector = 0xf000;
    cpu->seg[SYS_CS].base = RESET_VECTOR_BASE;
    cpu->seg[SYS_CS].attr = data_attr | SYS_SEG_CODE;
    cpu->gdtr = (struct sys_seg){.limit = limit};
    cpu->idtr = (struct sys_seg){.limit = limit};
    cpu->ldtr = (struct sys_seg){.limit = limit, .attr = SYS_SEG_P | (unsigned)SYS_DESC_LDT};
    cpu->tr = (struct sys_seg){.limit = limit, .attr = SYS_SEG_P | (unsigned)SYS_DESC_TSS32_BUSY};
}

void sys_reset_registers(struct sys_cpu *cpu, bool init)
{
    const uint64_t cache_bits = SYS_CR0_CD | SYS_CR0_NW;
    for (unsigned i = 0; i < X86_GPRS; i++) {
        cpu->gpr[i] = 0;
    }
    cpu->gpr[X86_RDX] = cpu->model ? cpu->model->signature : 0;
    cpu->rip = 0xfff0;
    cpu->rflags = SYS_RF_ONE;
    cpu->cr0 = SYS_CR0_ET | (init ? cpu->cr0 & cache_bits : cache_bits);
    cpu->cr2 = 0;
    cpu->cr3 = 0;
    cpu->cr4 = 0;
    cpu->efer = 0;
    for (unsigned i = 0; i < 4; i++) {
        cpu->dr[i] = 0;
    }
    cpu->dr[6] = DR6_RESET;
    cpu->dr[7] = DR7_RESET;
    if (!init) {
        cpu->xcr0 = 1;
        cpu->pkru = 0;
        cpu->smbase = SMBASE_RESET;
    }
    reset_segments(cpu);
    cpu->in_smm = false;
    cpu->nmi_blocked = false;
    cpu->shadow = false;
    cpu->halted = false;
    cpu->wait_sipi = false;
    cpu->debug_hits = 0;
    cpu->no_step = false;
    cpu->rf_loaded = false;
    cpu->monitor.armed = false;
    cpu->exception = (struct sys_exception){.vector = SYS_NO_EXCEPTION};
    sys_mode_update(cpu);
    sys_tlb_flush(cpu);
}
