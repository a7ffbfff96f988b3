/* XGETBV and XSETBV: which state components the guest's XSAVE may see. */
#include "x86sys/model.h"
#include "x86sys/operand.h"
#include "x86sys/ops.h"
#include "x86sys/vector.h"

#define XCR0_AVX    4u
#define XCR0_AVX512 0xe0u
#define XCR0_PKRU   0x200u

/* The components that are not in their initial state. */
static uint64_t in_use(struct sys_cpu *cpu)
{
    uint64_t used = sys_vec_in_use(cpu);
    used = cpu->pkru ? used | XCR0_PKRU : used & ~(uint64_t)XCR0_PKRU;
    return used & cpu->xcr0;
}

bool sys_op_xgetbv(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    uint32_t index = (uint32_t)cpu->gpr[X86_RCX];
    if (!(cpu->cr4 & SYS_CR4_OSXSAVE)) {
        return sys_raise(cpu, SYS_UD);
    }
    if (index == 0) {
        sys_put_edx_eax(cpu, cpu->xcr0);
        return true;
    }
    if (index != 1 || !sys_model_has(cpu->model, SYS_FEAT_XGETBV1)) {
        return sys_gp0(cpu);
    }
    sys_put_edx_eax(cpu, in_use(cpu));
    return true;
}

static bool is_good(const struct sys_cpu *cpu, uint64_t value)
{
    if (!(value & 1) || (value & ~cpu->model->xcr0)) {
        return false;
    }
    if ((value & XCR0_AVX) && !(value & 2)) {
        return false;
    }
    uint64_t avx512 = value & XCR0_AVX512;
    return !avx512 || (avx512 == XCR0_AVX512 && (value & XCR0_AVX));
}

bool sys_op_xsetbv(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    if (!(cpu->cr4 & SYS_CR4_OSXSAVE)) {
        return sys_raise(cpu, SYS_UD);
    }
    uint64_t value = sys_edx_eax(cpu);
    if (sys_cpl(cpu) || (uint32_t)cpu->gpr[X86_RCX] || !is_good(cpu, value)) {
        return sys_gp0(cpu);
    }
    cpu->xcr0 = value;
    sys_mode_update(cpu);
    return true;
}
