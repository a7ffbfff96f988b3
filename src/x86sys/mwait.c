/* MONITOR and MWAIT. Nobody tells of stores by other CPUs and by devices, so MONITOR
 * keeps what the line holds, and MWAIT looks whether it still does, between sleeps that
 * grow. What is missed, a line that has changed and changed back, costs time: MWAIT ends
 * by itself after a while, which software expects, as it may end for any reason. */
#include <time.h>

#include "exec/vcpu.h"
#include "rcu/rcu.h"
#include "x86sys/copy_asm.h"
#include "x86sys/far.h"
#include "x86sys/inside.h"
#include "x86sys/model.h"
#include "x86sys/system_insns.h"

#define FIRST_NS 20000u
#define LAST_NS  1000000u
#define ALL_NS   100000000u

enum { MWAIT_BREAK_ON_MASKED = 1 };

static enum sys_result done(struct sys_cpu *cpu, const struct sys_insn *in)
{
    cpu->rip = sys_insn_next_ip(in);
    sys_mode_update(cpu);
    return SYS_DONE;
}

/* False: it raises #UD. */
static bool is_there(struct sys_cpu *cpu)
{
    return (sys_model_has(cpu->model, SYS_FEAT_MONITOR) && sys_cpl(cpu) == 0) ||
           sys_raise(cpu, SYS_UD);
}

/* What the monitored line holds now; false: it is not in RAM. */
static bool read_line(struct sys_cpu *cpu, uint64_t line[SYS_MONITOR_LINE / 8])
{
    rcu_read_lock();
    const void *host = sys_mem_host(cpu, cpu->monitor.linear, SYS_MONITOR_LINE, SYS_READ);
    if (host) {
        sys_copy(line, host, SYS_MONITOR_LINE);
    }
    rcu_read_unlock();
    return host;
}

enum sys_result sys_insn_monitor(struct sys_cpu *cpu, const struct sys_insn *in)
{
    uint64_t linear;
    uint64_t offset = cpu->gpr[X86_RAX];
    if (!is_there(cpu)) {
        return SYS_EXCEPTION;
    }
    if ((uint32_t)cpu->gpr[X86_RCX] != 0) {
        return sys_result_of(sys_raise_error(cpu, SYS_GP, 0));
    }
    if (in->addr_size != 8) {
        offset &= in->addr_size == 4 ? UINT32_MAX : UINT16_MAX;
    }
    enum sys_seg_reg seg = in->has_mem ? (enum sys_seg_reg)in->seg : SYS_DS;
    if (!sys_linear(cpu, seg, offset, 1, SYS_READ, &linear) ||
        !sys_mem_probe(cpu, linear, 1, SYS_READ)) {
        return SYS_EXCEPTION;
    }
    cpu->monitor.linear = linear & ~(uint64_t)(SYS_MONITOR_LINE - 1);
    cpu->monitor.armed = read_line(cpu, cpu->monitor.line);
    return done(cpu, in);
}

/* By hand: the C library's memcmp uses vector registers, which are the guest's here. */
static bool has_changed(struct sys_cpu *cpu)
{
    uint64_t line[SYS_MONITOR_LINE / 8] = {0};
    uint64_t difference = 0;
    if (!read_line(cpu, line)) {
        return true;
    }
    for (unsigned i = 0; i < SYS_MONITOR_LINE / 8; i++) {
        difference |= line[i] ^ cpu->monitor.line[i];
    }
    return difference != 0;
}

/* Something to do, for the guest or for the thread. */
static bool is_woken(struct sys_cpu *cpu, bool by_masked)
{
    unsigned pending = atomic_load_explicit(&cpu->interrupt, memory_order_acquire);
    return atomic_load_explicit(&cpu->cpu.exit_request, memory_order_acquire) ||
           sys_interrupt_pending(cpu) || (by_masked && pending & SYS_INT_HARD);
}

static uint64_t now_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void sleep_until_changed(struct sys_cpu *cpu, bool by_masked)
{
    uint64_t end = now_ns() + ALL_NS;
    uint64_t step = FIRST_NS;
    while (!is_woken(cpu, by_masked) && !has_changed(cpu) && now_ns() < end) {
        sys_sleep(cpu, step);
        step = step < LAST_NS / 2 ? 2 * step : LAST_NS;
    }
}

enum sys_result sys_insn_mwait(struct sys_cpu *cpu, const struct sys_insn *in)
{
    uint32_t extensions = (uint32_t)cpu->gpr[X86_RCX];
    if (!is_there(cpu)) {
        return SYS_EXCEPTION;
    }
    if (extensions & ~(uint32_t)MWAIT_BREAK_ON_MASKED) {
        return sys_result_of(sys_raise_error(cpu, SYS_GP, 0));
    }
    if (vcpu_is_round_robin()) { /* another one's turn */
        atomic_fetch_or_explicit(&cpu->cpu.exit_request, CPU_EXIT_SIGNAL, memory_order_relaxed);
    } else if (cpu->monitor.armed && !(cpu->mode & SYS_MODE_ICOUNT)) {
        sleep_until_changed(cpu, extensions & MWAIT_BREAK_ON_MASKED);
    }
    cpu->monitor.armed = false;
    return done(cpu, in);
}
