/* RDRAND and RDSEED while instructions are counted: from a generator with a known seed,
 * where the host's would differ from run to run. Otherwise they run as themselves. */
#include "exec/icount.h"
#include "x86sys/emulate.h"
#include "x86sys/operand.h"
#include "x86sys/ops.h"

bool sys_op_random(struct sys_cpu *cpu, const struct sys_insn *in)
{
    uint8_t reg = (uint8_t)((in->modrm & 7) | (in->rex & 1) << 3);
    sys_gpr_put(cpu, reg, in->op_size, icount_random());
    cpu->rflags = (cpu->rflags & ~(uint64_t)SYS_RF_ARITH) | X86_CF;
    return true;
}
