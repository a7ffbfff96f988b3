/* IN and OUT. */
#include "x86sys/emulate.h"
#include "x86sys/operand.h"
#include "x86sys/ops.h"
#include "x86sys/system_insns.h"

/* The port is an immediate or DX. */
static uint16_t port_of(const struct sys_cpu *cpu, const struct sys_insn *in)
{
    return in->opcode & 8 ? (uint16_t)cpu->gpr[X86_RDX] : (uint8_t)in->imm;
}

static unsigned size_of(const struct sys_insn *in)
{
    return !(in->opcode & 1) ? 1 : in->op_size == 2 ? 2 : 4;
}

bool sys_op_in(struct sys_cpu *cpu, const struct sys_insn *in)
{
    uint16_t port = port_of(cpu, in);
    unsigned size = size_of(in);
    if (!sys_io_allowed(cpu, port, size)) {
        return false;
    }
    sys_debug_port(cpu, port, size);
    sys_gpr_put(cpu, X86_RAX, size, sys_device_load(cpu, cpu->io, port, size));
    return true;
}

bool sys_op_out(struct sys_cpu *cpu, const struct sys_insn *in)
{
    uint16_t port = port_of(cpu, in);
    unsigned size = size_of(in);
    if (!sys_io_allowed(cpu, port, size)) {
        return false;
    }
    sys_debug_port(cpu, port, size);
    sys_device_store(cpu, cpu->io, port, size, sys_gpr_get(cpu, X86_RAX, size));
    return true;
}
