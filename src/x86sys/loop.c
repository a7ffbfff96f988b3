/* The execution loop of a vCPU in system mode: take interrupts, find or make the
 * TB for CS:RIP, run, see why it came back.
 *
 * The vCPU is inside (exec/exclusive.h) while it looks up, runs and chains, and
 * outside while it translates, and delivers exceptions and interrupts, which may
 * take locks. A TB found inside is good until
 * cpu_exec_end; one made outside is good only if no flush came between.
 *
 * Interrupts: who raises one sets cpu->interrupt, then CPU_EXIT_INTERRUPT. The loop
 * clears the latter and then looks at the former, whenever it comes by: after each
 * instruction in C, so after each that can set IF. */
#include <errno.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/tsan.h"
#include "exec/code_cache.h"
#include "exec/exclusive.h"
#include "exec/tb.h"
#include "x86sys/emulate.h"
#include "x86sys/log.h"
#include "x86sys/machine.h"
#include "x86sys/stubs.h"
#include "x86sys/system_insns.h"
#include "x86sys/translate.h"
#include "x86sys/vector.h"

/* Bits that are done with by coming outside and back. */
#define OWN_REQUESTS (CPU_EXIT_WORK | CPU_EXIT_EXCLUSIVE | CPU_EXIT_RCU)

#define LOG_EACH (LOG_EXEC | LOG_CPU | LOG_NOCHAIN) /* every TB is entered from the loop */

/* As LAHF and SETO would leave the flags in AX. */
static uint64_t flags_to_ax(uint64_t rflags)
{
    return (rflags & (X86_CF | X86_PF | X86_AF | X86_ZF | X86_SF)) << 8 | (rflags & X86_OF ? 1 : 0);
}

/* Inside: guest code is about to be entered at the TB. */
static uintptr_t prepare_entry(struct sys_cpu *cpu, const struct tb *tb)
{
    if (!(cpu->mode & SYS_MODE_LAST)) { /* such a TB does not look into it */
        sys_jump_cache_select(cpu);
    }
    cpu->flags = flags_to_ax(cpu->rflags);
    cpu->entry = tb->checked;
    return cpu->entry;
}

/* The same by the jump cache, if it knows RIP. */
static uintptr_t prepare_known(struct sys_cpu *cpu)
{
    sys_jump_cache_select(cpu);
    const struct sys_jump *e = &cpu->jump_table[sys_jump_index(cpu->rip)];
    uintptr_t host = atomic_load_explicit(&e->host, memory_order_relaxed);
    if (sys_code_segment(cpu) != 0 || e->pc != cpu->rip || host == sys_stubs.miss) {
        return 0;
    }
    cpu->flags = flags_to_ax(cpu->rflags);
    cpu->entry = host;
    return host;
}

/* A TB that was not published is neither chained nor cached.
 * A jump within a page holds as long as the page is mapped where it was when the
 * jumping TB was entered, so the target must lie in that page, wholly. */
static bool may_chain(const struct tb_exit *exit, const struct tb *to)
{
    const struct tb *from = exit->from;
    return from->ram != SYS_NO_RAM && from->flags == to->flags && from->cs == to->cs &&
           exit->pc == to->pc - sys_segment_base(to->cs) &&
           from->pc >> GUEST_PAGE_BITS == to->pc >> GUEST_PAGE_BITS &&
           from->ram >> GUEST_PAGE_BITS == to->ram >> GUEST_PAGE_BITS &&
           to->ram >> GUEST_PAGE_BITS == to->ram_last >> GUEST_PAGE_BITS;
}

/* Makes the way that led here lead to the TB by itself the next time. */
static void remember(struct sys_cpu *cpu, struct tb *tb)
{
    struct tb_exit *exit = cpu->last_exit;
    if (exit && may_chain(exit, tb)) {
        tb_chain(exit, tb);
    } else if (cpu->missed && tb->ram != SYS_NO_RAM) {
        sys_jump_cache_set(cpu, tb);
    }
    cpu->last_exit = NULL;
    cpu->missed = false;
}

static void forget(struct sys_cpu *cpu)
{
    cpu->last_exit = NULL;
    cpu->missed = false;
}

static void count(struct sys_cpu *cpu, enum sys_leave how)
{
    static const uint8_t counts[] = {
        [SYS_LEAVE_CHAIN] = SYS_COUNT_CHAIN, [SYS_LEAVE_MISS] = SYS_COUNT_MISS,
        [SYS_LEAVE_POLL] = SYS_COUNT_POLL,   [SYS_LEAVE_EXECUTE] = SYS_COUNT_C,
        [SYS_LEAVE_RAISE] = SYS_COUNT_OTHER, [SYS_LEAVE_STEP] = SYS_COUNT_OTHER,
        [SYS_LEAVE_COUNT] = SYS_COUNT_OTHER,
    };
    cpu->counts[counts[how]]++;
}

static uintptr_t stop_with(struct sys_cpu *cpu, enum sys_stop why)
{
    cpu->stop = why;
    return 0;
}

/* All instructions that it was given are executed. */
static bool count_is_up(const struct sys_cpu *cpu)
{
    return cpu->mode & SYS_MODE_ICOUNT && cpu->cpu.icount.left <= 0;
}

/* Goes on at cpu->rip, if that is translated. */
static uintptr_t go_on(struct sys_cpu *cpu)
{
    if (log_on(LOG_EACH) || count_is_up(cpu)) {
        forget(cpu);
        return stop_with(cpu, SYS_STOP_NEXT);
    }
    uintptr_t known = cpu->last_exit ? 0 : prepare_known(cpu);
    if (known) {
        return known;
    }
    bool fault = false;
    struct tb *tb = sys_tb_find(cpu, &fault);
    if (!tb) {
        return stop_with(cpu, fault ? SYS_STOP_EXCEPTION : SYS_STOP_NEXT);
    }
    remember(cpu, tb);
    return prepare_entry(cpu, tb);
}

/* With error code 0, where the vector has one. */
static void raise_vector(struct sys_cpu *cpu, uint8_t vector)
{
    if (vector == SYS_DF || (vector >= SYS_TS && vector <= SYS_PF) || vector == SYS_AC) {
        sys_raise_error(cpu, vector, 0);
    } else {
        sys_raise(cpu, vector);
    }
}

/* A string instruction that has more to do. */
static bool is_half_done(const struct sys_cpu *cpu, const struct sys_insn *in)
{
    return in->rep && cpu->rip == in->ip;
}

/* An exception counts as an instruction, too (deliver). */
static enum sys_result execute_insn(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (in->fault != SYS_NO_EXCEPTION) {
        raise_vector(cpu, in->fault);
        return SYS_EXCEPTION;
    }
    enum sys_result r = sys_execute(cpu, in);
    if (cpu->mode & SYS_MODE_ICOUNT && r != SYS_EXCEPTION && !is_half_done(cpu, in)) {
        cpu->cpu.icount.left--;
    }
    return r;
}

static const struct sys_insn *insn_at(uint64_t offset)
{
    return (const struct sys_insn *)(void *)code_rw(code_cache_rx_start() + offset);
}

/* An instruction for C, from within guest code: what it may have to wait for it
 * waits for outside (inside.h). The TB may be gone afterwards. */
static uintptr_t execute_inside(struct sys_cpu *cpu, uint64_t offset)
{
    const struct sys_insn insn = *insn_at(offset);
    cpu->slow.settled = true;
    cpu->rip = insn.ip;
    enum sys_result r = execute_insn(cpu, &insn);
    if (r != SYS_DONE) {
        return stop_with(cpu, r == SYS_EXCEPTION ? SYS_STOP_EXCEPTION : SYS_STOP_NEXT);
    }
    if (atomic_load_explicit(&cpu->interrupt, memory_order_acquire) ||
        cpu->mode & SYS_MODE_ONE_INSN) {
        return stop_with(cpu, SYS_STOP_NEXT);
    }
    cpu->missed = true;
    return go_on(cpu);
}

uintptr_t sys_light_exit(struct sys_cpu *cpu, uint64_t arg, uint32_t how)
{
    tsan_acquire(&sys_translate_max_insns); /* see lower_block */
    sys_take_flags(cpu, cpu->scratch[0], (enum sys_flags_at)(how >> SYS_LEAVE_FLAGS_SHIFT & 0xff));
    cpu->cpu.icount.left += (int32_t)(how >> SYS_LEAVE_AHEAD_SHIFT);
    forget(cpu);
    count(cpu, (enum sys_leave)(how & 0xff));
    switch ((enum sys_leave)(how & 0xff)) {
    case SYS_LEAVE_CHAIN:
        cpu->last_exit = (struct tb_exit *)(void *)code_rw(code_cache_rx_start() + arg);
        cpu->rip = cpu->last_exit->pc;
        return go_on(cpu);
    case SYS_LEAVE_MISS:
        cpu->rip = arg;
        cpu->missed = true;
        return go_on(cpu);
    case SYS_LEAVE_EXECUTE:
        if (!(cpu->mode & SYS_MODE_ONE_INSN) && !log_on(LOG_EACH)) {
            return execute_inside(cpu, arg);
        }
        cpu->exit = (uint32_t)arg;
        return stop_with(cpu, SYS_STOP_EXECUTE);
    case SYS_LEAVE_RAISE:
        cpu->rip = arg;
        raise_vector(cpu, (uint8_t)(how >> SYS_LEAVE_VECTOR_SHIFT));
        return stop_with(cpu, SYS_STOP_EXCEPTION);
    case SYS_LEAVE_STEP:
        cpu->rip = arg;
        return stop_with(cpu, SYS_STOP_STEP);
    case SYS_LEAVE_COUNT:
        cpu->rip = arg;
        return stop_with(cpu, SYS_STOP_COUNT);
    default:
        cpu->rip = arg;
        return stop_with(cpu, SYS_STOP_REQUEST);
    }
}

/* What the loop keeps from one round to the next. */
struct round {
    struct tb *once;      /* made outside for one execution */
    uint64_t flushes;     /* tb_flush_count then */
    struct sys_insn insn; /* SYS_STOP_EXECUTE: the TB's copy may go with a flush */
    enum sys_exit result;
};

/* False: the vCPU has shut down. */
static bool deliver(struct sys_cpu *cpu, struct round *r)
{
    if (SYS_C_USES_VECTORS || log_on(LOG_INT)) {
        sys_vec_save(cpu);
    }
    cpu->counts[SYS_COUNT_EXCEPTION]++;
    if (cpu->mode & SYS_MODE_ICOUNT) {
        cpu->cpu.icount.left--;
    }
    cpu->slow.kept = false;
    if (!sys_deliver_exception(cpu)) {
        sys_log_reset(cpu, "Triple fault");
        r->result = SYS_EXIT_SHUTDOWN;
        return false;
    }
    return true;
}

/* An instruction in a mode of one-instruction blocks is done. */
static bool stepped(struct sys_cpu *cpu, struct round *r, uint32_t mode)
{
    if (mode & SYS_MODE_SHADOW && cpu->mode & SYS_MODE_SHADOW) {
        cpu->shadow = false;
        sys_mode_update(cpu);
    }
    if (mode & (SYS_MODE_TF | SYS_MODE_DEBUG) && !sys_debug_after(cpu, mode)) {
        return deliver(cpu, r);
    }
    return true;
}

/* In modes of one-instruction blocks. */
static bool execute(struct sys_cpu *cpu, struct round *r)
{
    uint32_t mode = cpu->mode;
    if (cpu->shadow) { /* it ends with this one, unless that casts one itself */
        cpu->shadow = false;
        sys_mode_update(cpu);
    }
    cpu->rip = r->insn.ip;
    if (execute_insn(cpu, &r->insn) == SYS_EXCEPTION) {
        return deliver(cpu, r);
    }
    if (!(mode & (SYS_MODE_TF | SYS_MODE_DEBUG))) {
        return true;
    }
    if (is_half_done(cpu, &r->insn)) { /* its breakpoint has been looked for already */
        cpu->rflags |= X86_RF;
        cpu->rf_loaded = true;
    }
    return stepped(cpu, r, mode & ~(uint32_t)SYS_MODE_SHADOW);
}

/* What the last run ended with. False: r->result is to be returned. */
static bool after_run(struct sys_cpu *cpu, struct round *r, uint32_t mode)
{
    switch ((enum sys_stop)cpu->stop) {
    case SYS_STOP_EXECUTE:
        return execute(cpu, r);
    case SYS_STOP_EXCEPTION:
        return deliver(cpu, r);
    case SYS_STOP_STEP:
        return stepped(cpu, r, mode);
    case SYS_STOP_COUNT:
        cpu->mode |= SYS_MODE_LAST;
        return true;
    default:
        return true;
    }
}

/* Requests, interrupts, HLT, breakpoints. False: r->result is to be returned. */
static bool before_run(struct sys_cpu *cpu, struct round *r)
{
    unsigned requests = atomic_load_explicit(&cpu->cpu.exit_request, memory_order_acquire);
    if (requests) {
        sys_vec_save(cpu);
        if (requests & OWN_REQUESTS) {
            cpu_process_work(&cpu->cpu);
        }
        atomic_fetch_and_explicit(&cpu->cpu.exit_request, ~(unsigned)CPU_EXIT_INTERRUPT,
                                  memory_order_acq_rel);
        if (requests & ~(unsigned)(OWN_REQUESTS | CPU_EXIT_INTERRUPT)) {
            r->result = SYS_EXIT_REQUEST;
            return false;
        }
    }
    if (atomic_load_explicit(&cpu->interrupt, memory_order_acquire)) {
        bool alive = true;
        sys_vec_save(cpu);
        if (sys_take_interrupts(cpu, &alive)) {
            cpu->counts[SYS_COUNT_INTERRUPT]++;
            forget(cpu);
            cpu->slow.kept = false;
        }
        if (!alive) {
            sys_log_reset(cpu, "Shutdown");
            r->result = SYS_EXIT_SHUTDOWN;
            return false;
        }
    }
    if (cpu->halted) {
        r->result = SYS_EXIT_HALTED;
        return false;
    }
    if (count_is_up(cpu)) {
        r->result = SYS_EXIT_REQUEST;
        return false;
    }
    return true;
}

/* Makes the TB for CS:RIP, outside. Without one the cache was full, and has been
 * flushed, or there was an exception, which has been delivered. */
static bool translate(struct sys_cpu *cpu, struct round *r)
{
    int why = 0;
    sys_vec_save(cpu);
    struct tb *tb = sys_translate(cpu, &why);
    if (tb) {
        r->once = tb->ram == SYS_NO_RAM ? tb : NULL;
        return true;
    }
    if (why == -ENOSPC) {
        tb_request_flush(&cpu->cpu);
        cpu_process_work(&cpu->cpu);
        return true;
    }
    return why == -EAGAIN || deliver(cpu, r);
}

/* Inside. */
static void run(struct sys_cpu *cpu, struct round *r, struct tb *tb) REQUIRES_SHARED(rcu_cap)
{
    if (log_on(LOG_EACH)) {
        forget(cpu);
        sys_log_entry(cpu, tb);
    }
    remember(cpu, tb);
    prepare_entry(cpu, tb);
    sys_tlb_run_begin(cpu);
    sys_stubs.enter(cpu);
    sys_tlb_run_end(cpu);
    if (cpu->stop == SYS_STOP_EXECUTE) {
        if (SYS_C_USES_VECTORS) {
            sys_vec_save(cpu);
        }
        r->insn = *insn_at(cpu->exit);
    }
}

enum sys_exit sys_cpu_exec(struct cpu *c)
{
    struct sys_cpu *cpu = sys_cpu_of(c);
    struct round r = {.flushes = tb_flush_count(), .result = SYS_EXIT_REQUEST};
    bool going = true;

    forget(cpu);
    cpu->mode &= ~(uint32_t)SYS_MODE_LAST;
    while (going && before_run(cpu, &r)) {
        uint32_t mode = cpu->mode;
        if (mode & SYS_MODE_DEBUG &&
            !sys_debug_check(cpu, cpu->seg[SYS_CS].base + cpu->rip, 1, SYS_FETCH)) {
            going = deliver(cpu, &r);
            continue;
        }
        cpu_exec_start(c);
        if (tb_flush_count() != r.flushes) { /* what was remembered while outside is gone */
            r.flushes = tb_flush_count();
            cpu->last_exit = NULL;
            r.once = NULL;
        }
        bool fault = false;
        struct tb *tb = r.once && sys_tb_is_here(cpu, r.once) ? r.once : sys_tb_find(cpu, &fault);
        r.once = NULL;
        if (tb) {
            run(cpu, &r, tb);
            cpu_exec_end(c);
            going = after_run(cpu, &r, mode);
        } else {
            cpu_exec_end(c);
            going = fault ? deliver(cpu, &r) : translate(cpu, &r);
        }
    }
    sys_vec_save(cpu);
    return r.result;
}
