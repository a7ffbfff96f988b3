/* INS and OUTS, with or without REP: one device access per element. */
#include "x86sys/emulate.h"
#include "x86sys/operand.h"
#include "x86sys/ops.h"
#include "x86sys/system_insns.h"

/* Elements per call: devices take microseconds, and interrupts wait. */
#define CALL_BUDGET 1024u

struct transfer {
    uint16_t port;
    uint8_t size, width;
    bool in;
    enum sys_seg_reg seg;
};

/* INS: the memory is known to take it before the device gives it away. */
static bool input(struct sys_cpu *cpu, const struct transfer *t)
{
    uint64_t linear, offset = sys_gpr_get(cpu, X86_RDI, t->width);
    if (!sys_linear(cpu, SYS_ES, offset, t->size, SYS_WRITE, &linear) ||
        !sys_mem_probe(cpu, linear, t->size, SYS_WRITE)) {
        return false;
    }
    sys_debug_port(cpu, t->port, t->size);
    uint64_t value = sys_device_load(cpu, cpu->io, t->port, t->size);
    return sys_mem_write(cpu, linear, &value, t->size, SYS_WRITE);
}

static bool output(struct sys_cpu *cpu, const struct transfer *t)
{
    uint64_t linear, value = 0, offset = sys_gpr_get(cpu, X86_RSI, t->width);
    if (!sys_linear(cpu, t->seg, offset, t->size, SYS_READ, &linear) ||
        !sys_mem_read(cpu, linear, &value, t->size, SYS_READ)) {
        return false;
    }
    sys_debug_port(cpu, t->port, t->size);
    sys_device_store(cpu, cpu->io, t->port, t->size, value);
    return true;
}

static bool step(struct sys_cpu *cpu, const struct transfer *t)
{
    if (!(t->in ? input(cpu, t) : output(cpu, t))) {
        return false;
    }
    uint64_t by = cpu->rflags & X86_DF ? 0 - (uint64_t)t->size : t->size;
    uint8_t reg = t->in ? X86_RDI : X86_RSI;
    sys_gpr_put(cpu, reg, t->width, cpu->gpr[reg] + by);
    return true;
}

bool sys_op_string_io(struct sys_cpu *cpu, const struct sys_insn *in, bool *again)
{
    struct transfer t = {.port = (uint16_t)cpu->gpr[X86_RDX],
                         .size = !(in->opcode & 1)  ? 1
                                 : in->op_size == 2 ? 2
                                                    : 4,
                         .width = in->addr_size,
                         .in = (in->opcode & 0xfe) == 0x6c,
                         .seg = (enum sys_seg_reg)in->seg};
    *again = false;
    if (!sys_io_allowed(cpu, t.port, t.size)) {
        return false;
    }
    if (!in->rep) {
        return step(cpu, &t);
    }
    unsigned budget = cpu->mode & (SYS_MODE_TF | SYS_MODE_DEBUG) ? 1 : CALL_BUDGET;
    uint64_t left = sys_gpr_get(cpu, X86_RCX, t.width);
    while (left && budget--) {
        if (!step(cpu, &t)) {
            return false;
        }
        sys_gpr_put(cpu, X86_RCX, t.width, --left);
    }
    *again = left != 0;
    return true;
}
