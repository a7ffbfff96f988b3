/* cpu->mode: all that a translation depends on besides its bytes, and that C code
 * tests often, distilled from the state. It is right whenever guest code runs and
 * whenever an instruction executed in C begins. */
#include "x86sys/emulate.h"

static bool seg_is_flat(const struct sys_seg *s, unsigned needed)
{
    return s->base == 0 && s->limit == UINT32_MAX && (s->attr & needed) == needed;
}

static bool all_flat(const struct sys_cpu *cpu)
{
    const unsigned usable = SYS_SEG_P | SYS_SEG_S | SYS_SEG_RW;
    if (!seg_is_flat(&cpu->seg[SYS_CS], usable)) {
        return false;
    }
    static const uint8_t data[] = {SYS_ES, SYS_SS, SYS_DS};
    for (unsigned i = 0; i < sizeof(data); i++) {
        const struct sys_seg *s = &cpu->seg[data[i]];
        if (!seg_is_flat(s, usable) || s->attr & (SYS_SEG_CODE | SYS_SEG_DOWN_CONF)) {
            return false;
        }
    }
    return true;
}

static uint32_t level_bits(const struct sys_cpu *cpu)
{
    if (!(cpu->cr0 & SYS_CR0_PE)) {
        return 0;
    }
    if (cpu->rflags & SYS_RF_VM) {
        return SYS_MODE_PE | SYS_MODE_VM | 3;
    }
    /* SS.DPL is the CPL at all times, between the setting of CR0.PE and the far
     * jump behind it as well. */
    return SYS_MODE_PE | (cpu->seg[SYS_SS].attr & SYS_SEG_DPL) >> SYS_SEG_DPL_SHIFT;
}

static uint32_t size_bits(const struct sys_cpu *cpu)
{
    unsigned code = cpu->seg[SYS_CS].attr;
    if (cpu->efer & SYS_EFER_LMA && code & SYS_SEG_L) {
        return SYS_MODE_CODE64 | SYS_MODE_FLAT;
    }
    uint32_t mode = 0;
    if (code & SYS_SEG_DB) {
        mode |= SYS_MODE_CODE32;
    }
    if (cpu->seg[SYS_SS].attr & SYS_SEG_DB) {
        mode |= SYS_MODE_STACK32;
    }
    return all_flat(cpu) ? mode | SYS_MODE_FLAT : mode;
}

static uint32_t fpu_bits(const struct sys_cpu *cpu, bool vex)
{
    uint32_t mode = 0;
    if (cpu->cr0 & (SYS_CR0_EM | SYS_CR0_TS)) {
        mode |= SYS_MODE_FPU_NM;
    }
    if (cpu->cr0 & SYS_CR0_EM) {
        mode |= SYS_MODE_FPU_EM;
    }
    if (cpu->cr0 & SYS_CR0_TS) {
        mode |= SYS_MODE_TS;
    }
    if (cpu->cr0 & SYS_CR0_MP) {
        mode |= SYS_MODE_MP;
    }
    if (cpu->cr4 & SYS_CR4_OSFXSR) {
        mode |= SYS_MODE_OSFXSR;
    }
    const uint64_t avx = 0x6;
    const uint64_t avx512 = 0xe6;
    if (vex && cpu->cr4 & SYS_CR4_OSXSAVE) {
        mode |= (cpu->xcr0 & avx) == avx ? (uint32_t)SYS_MODE_AVX : 0;
        mode |= (cpu->xcr0 & avx512) == avx512 ? (uint32_t)SYS_MODE_AVX512 : 0;
    }
    return mode;
}

static uint32_t mmu_bits(const struct sys_cpu *cpu, unsigned cpl)
{
    unsigned mmu = SYS_MMU_KERNEL_USER;
    if (cpl == 3) {
        mmu = SYS_MMU_USER;
    } else if (cpu->cr4 & SYS_CR4_SMAP && !(cpu->rflags & X86_AC)) {
        mmu = SYS_MMU_KERNEL;
    }
    return mmu << SYS_MODE_MMU_SHIFT;
}

void sys_mode_update(struct sys_cpu *cpu)
{
    uint32_t mode = cpu->mode & (SYS_MODE_ICOUNT | SYS_MODE_LAST);
    mode |= level_bits(cpu) | size_bits(cpu);
    unsigned cpl = mode & SYS_MODE_CPL;
    mode |= fpu_bits(cpu, (mode & (SYS_MODE_PE | SYS_MODE_VM)) == SYS_MODE_PE);
    mode |= mmu_bits(cpu, cpl);
    if (cpl == 3 && cpu->cr0 & SYS_CR0_AM && cpu->rflags & X86_AC) {
        mode |= SYS_MODE_AC;
    }
    if (cpu->rflags & X86_TF) {
        mode |= SYS_MODE_TF;
    }
    if (cpu->shadow) {
        mode |= SYS_MODE_SHADOW;
    }
    if (cpl <= (cpu->rflags & SYS_RF_IOPL) >> SYS_RF_IOPL_SHIFT) {
        mode |= SYS_MODE_IOPL;
    }
    const uint64_t breakpoints_on = 0xff;
    if (cpu->dr[7] & breakpoints_on) {
        mode |= SYS_MODE_DEBUG;
    }
    cpu->mode = mode;

    /* An interrupt that could not be taken before may be possible now. Relaxed: if
     * another thread is about to set a bit, its own kick does this. */
    unsigned pending = atomic_load_explicit(&cpu->interrupt, memory_order_relaxed);
    if (pending & ~(unsigned)SYS_INT_HARD || (pending && cpu->rflags & X86_IF)) {
        atomic_fetch_or_explicit(&cpu->cpu.exit_request, CPU_EXIT_INTERRUPT, memory_order_relaxed);
    }
}
