/* Interrupts by instruction: INT n, INT3, INTO, INT1. They are delivered at once;
 * when that fails, the instruction has not happened. */
#include "x86sys/event.h"
#include "x86sys/far.h"
#include "x86sys/system_insns.h"
#include "x86sys/tss.h"

static bool deliver(struct sys_cpu *cpu, const struct sys_insn *in, uint8_t vector, bool soft,
                    bool (*through)(struct sys_cpu *cpu, const struct sys_event *ev))
{
    const struct sys_event ev = {.vector = vector,
                                 .soft = soft,
                                 .ip = sys_insn_next_ip(in),
                                 .flags = cpu->rflags & ~(uint64_t)X86_RF};
    /* It clears TF, and no trap follows. */
    bool stepping = (cpu->mode & (SYS_MODE_TF | SYS_MODE_DEBUG)) != 0;
    if (!through(cpu, &ev)) {
        return false;
    }
    cpu->no_step = stepping;
    return true;
}

/* INT n in virtual-8086 mode: by IOPL, or by the redirection bitmap with VME. */
static bool int_vm86(struct sys_cpu *cpu, const struct sys_insn *in, uint8_t vector)
{
    bool to_program = false;
    if (cpu->cr4 & SYS_CR4_VME) {
        if (!sys_tss_redirects(cpu, vector, &to_program)) {
            return false;
        }
    }
    if (to_program) {
        return deliver(cpu, in, vector, true, sys_deliver_vme);
    }
    if (!(cpu->mode & SYS_MODE_IOPL)) {
        return sys_raise_error(cpu, SYS_GP, 0);
    }
    return deliver(cpu, in, vector, true, sys_event_deliver);
}

enum sys_result sys_insn_int(struct sys_cpu *cpu, const struct sys_insn *in)
{
    uint8_t vector = (uint8_t)in->imm;
    bool good = cpu->mode & SYS_MODE_VM ? int_vm86(cpu, in, vector)
                                        : deliver(cpu, in, vector, true, sys_event_deliver);
    return sys_result_of(good);
}

enum sys_result sys_insn_int3(struct sys_cpu *cpu, const struct sys_insn *in)
{
    return sys_result_of(deliver(cpu, in, SYS_BP, true, sys_event_deliver));
}

enum sys_result sys_insn_into(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (!(cpu->rflags & X86_OF)) {
        cpu->rip = sys_insn_next_ip(in);
        return SYS_DONE;
    }
    return sys_result_of(deliver(cpu, in, SYS_OF, true, sys_event_deliver));
}

enum sys_result sys_insn_int1(struct sys_cpu *cpu, const struct sys_insn *in)
{
    /* What a load of SS before it held off comes with it, not behind it as with the others. */
    uint64_t held = cpu->debug_hits;
    if (!deliver(cpu, in, SYS_DB, false, sys_event_deliver)) {
        return SYS_EXCEPTION;
    }
    cpu->debug_hits &= ~held;
    sys_event_report_debug(cpu, held);
    return SYS_DONE;
}
