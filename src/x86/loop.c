/* The execution loop of a vCPU: find or make the TB for the guest's pc, run,
 * see why it came back.
 *
 * The vCPU is inside (exec/exclusive.h) while it looks up, runs and chains,
 * and outside while it translates or returns to the environment. A TB found
 * inside is good until cpu_exec_end; one made outside is good only if no
 * flush came between, which the flush count tells. */
#include <errno.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/tsan.h"
#include "exec/code_cache.h"
#include "exec/exclusive.h"
#include "exec/tb.h"
#include "x86/emulate.h"
#include "x86/engine.h"
#include "x86/stubs.h"
#include "x86/translate.h"

/* Bits that the loop handles itself. */
#define OWN_REQUESTS (CPU_EXIT_WORK | CPU_EXIT_EXCLUSIVE | CPU_EXIT_RCU)

/* cpu->entry is set first and the requests are read then; a handler sets a
 * request first and the entry then. One of the two sees the other. */
static uintptr_t prepare_entry(struct x86_cpu *cpu, const struct tb *tb)
{
    cpu->rip = tb->pc;
    cpu->entry = tb->host;
    cpu->arrived = false;
    atomic_signal_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&cpu->cpu.exit_request, memory_order_relaxed)) {
        cpu->stop = X86_STOP_INTERRUPT;
        return 0;
    }
    return cpu->entry;
}

static uintptr_t light_special(struct x86_cpu *cpu, enum x86_special what)
{
    cpu->stop = (uint32_t)X86_STOP_SPECIAL + (uint32_t)what;
    return 0;
}

uintptr_t x86_light_exit(struct x86_cpu *cpu, uintptr_t arg, uint32_t kind)
{
    struct tb_exit *exit = NULL;
    tsan_acquire(&x86_translate_max_insns); /* see lower_block */
    if (kind == X86_STUB_SPECIAL) {
        return light_special(cpu, (enum x86_special)arg);
    }
    if (kind == X86_STUB_CHAIN) {
        exit = (struct tb_exit *)(void *)code_rw(code_cache_rx_start() + arg);
        cpu->rip = exit->pc;
    } else {
        cpu->rip = arg;
    }
    if (kind == X86_STUB_MISS && (cpu->rflags & X86_TF)) { /* the jump itself was the step */
        cpu->stop = X86_STOP_SIGNAL;
        cpu->signal_result = X86_EXIT_STEP;
        cpu->insns_limit = 0;
        return 0;
    }
    cpu->stop = X86_STOP_NEXT;
    cpu->last_exit = exit;
    cpu->missed = kind == X86_STUB_MISS;
    if (cpu->insns_limit || log_on(LOG_EXEC | LOG_CPU | LOG_NOCHAIN)) {
        cpu->last_exit = NULL;
        cpu->missed = false;
        return 0;
    }
    struct tb *tb = tb_lookup(cpu->rip, 0);
    if (!tb) {
        return 0;
    }
    if (exit) {
        tb_chain(exit, tb);
    } else {
        tb_jump_cache_set(&cpu->cpu, tb);
    }
    return prepare_entry(cpu, tb);
}

/* Makes the TB for cpu->rip, outside; *tb stays NULL when the cache was full
 * and has been flushed. False: there is no code; *result says so. */
static bool translate(struct x86_cpu *cpu, struct tb **tb, enum x86_exit *result)
{
    int why = 0;
    *tb = x86_translate(&cpu->cpu, cpu->rip, cpu->insns_limit, &why, &cpu->fault_addr);
    if (*tb) {
        return true;
    }
    if (why == -ENOSPC) {
        tb_request_flush(&cpu->cpu);
        cpu_process_work(&cpu->cpu);
        return true;
    }
    *result = X86_EXIT_NOCODE;
    return false;
}

static void log_entry(const struct x86_cpu *cpu, const struct tb *tb)
{
    if (log_on(LOG_EXEC)) {
        log_printf("Trace %u: 0x%llx [%u instructions]\n", cpu->cpu.index,
                   (unsigned long long)tb->pc, tb->insns);
    }
    if (log_on(LOG_CPU)) {
        x86_log_registers(cpu);
    }
}

static enum x86_exit special_result(uint32_t special)
{
    switch (special) {
    case X86_SPECIAL_SYSCALL:
        return X86_EXIT_SYSCALL;
    case X86_SPECIAL_INT3:
        return X86_EXIT_INT3;
    case X86_SPECIAL_INT80:
        return X86_EXIT_INT80;
    case X86_SPECIAL_PRIVILEGED:
        return X86_EXIT_PRIVILEGED;
    case X86_SPECIAL_INTERRUPT:
        return X86_EXIT_INTERRUPT;
    default:
        return X86_EXIT_ILLEGAL;
    }
}

/* Inside: runs guest code. */
static void run(struct x86_cpu *cpu, struct tb *tb)
{
    if (cpu->last_exit && !cpu->insns_limit) {
        tb_chain(cpu->last_exit, tb);
    } else if (cpu->missed && !cpu->insns_limit) {
        tb_jump_cache_set(&cpu->cpu, tb);
    }
    cpu->last_exit = NULL;
    cpu->missed = false;
    if (log_on(LOG_EXEC | LOG_CPU)) {
        log_entry(cpu, tb);
    }
    if (prepare_entry(cpu, tb)) {
        x86_stubs.enter(cpu);
    }
}

/* What the last run ended with; true if the loop goes on. */
static bool after_run(struct x86_cpu *cpu, enum x86_exit *result)
{
    switch (cpu->stop) {
    case X86_STOP_NEXT:
        cpu->insns_limit = 0;
        return true;
    case X86_STOP_INTERRUPT:
        return true;      /* the top of the loop looks at the requests */
    case X86_STOP_SIGNAL: /* the handler has set insns_limit */
        *result = cpu->signal_result;
        return false;
    case (uint32_t)X86_STOP_SPECIAL + (uint32_t)X86_SPECIAL_EMULATE:
        cpu->insns_limit = 0;
        return x86_emulate(cpu, result);
    case (uint32_t)X86_STOP_SPECIAL + (uint32_t)X86_SPECIAL_INTERRUPT:
        return true;
    default:
        cpu->insns_limit = 0;
        *result = special_result(cpu->stop - X86_STOP_SPECIAL);
        return false;
    }
}

enum x86_exit x86_cpu_exec(struct x86_cpu *cpu)
{
    enum x86_exit result = X86_EXIT_INTERRUPT;
    struct tb *made = NULL;
    uint64_t flushes = tb_flush_count();

    cpu->last_exit = NULL;
    cpu->missed = false;
    for (;;) {
        unsigned requests = atomic_load_explicit(&cpu->cpu.exit_request, memory_order_acquire);
        if (requests & OWN_REQUESTS) {
            cpu_process_work(&cpu->cpu);
        }
        if (requests & ~(unsigned)OWN_REQUESTS) {
            return X86_EXIT_INTERRUPT;
        }
        cpu_exec_start(&cpu->cpu);
        if (tb_flush_count() != flushes) { /* what was remembered while outside is gone */
            flushes = tb_flush_count();
            cpu->last_exit = NULL;
            made = NULL;
        }
        struct tb *tb = made;
        made = NULL;
        if (!tb && !cpu->insns_limit) {
            tb = tb_lookup(cpu->rip, 0);
        }
        if (!tb) {
            cpu_exec_end(&cpu->cpu);
            if (!translate(cpu, &made, &result)) {
                return result;
            }
            continue;
        }
        run(cpu, tb);
        cpu_exec_end(&cpu->cpu);
        if (!after_run(cpu, &result)) {
            return result;
        }
    }
}
