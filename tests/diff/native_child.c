/* Runs guest code on the host CPU. The guest owns every register, and its
 * stack pointer may be anything, so signals arrive on an alternate stack and
 * a handler ends the run by continuing at native_exit. System calls that
 * guest code might stumble into are stopped by seccomp. */
#include "native_child.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "native_asm.h"

#define ARCH_SET_GS       0x1001
#define ARCH_GET_FS       0x1003
#define TRAP_DEBUG        1
#define TRAP_BREAKPOINT   3
#define TRAP_PAGE_FAULT   14
#define PF_INSTRUCTION    0x10
#define EXIT_STRAY_SIGNAL 4

static struct batch *batch;
static struct diff_result *current; /* of the run that is going on */
static volatile sig_atomic_t spoiled;
static _Alignas(64) uint8_t clean_image[XSAVE_MAX];

static bool in_guest_code(uint64_t pc)
{
    for (unsigned i = 0; i < REGIONS; i++) {
        if (pc - regions[i].code < CODE_SIZE) {
            return true;
        }
    }
    return false;
}

static void end_run(ucontext_t *uc, enum outcome outcome)
{
    greg_t *g = uc->uc_mcontext.gregs;
    current->outcome = outcome;
    current->rip = (uint64_t)g[REG_RIP];
    current->gpr[4] = (uint64_t)g[REG_RSP];
    current->rflags = (uint64_t)g[REG_EFL]; /* sigreturn keeps only some */
    /* Some hosts raise #GP on return to a stack pointer that is not canonical. */
    g[REG_RSP] = (greg_t)native_block.host_rsp;
    g[REG_RIP] = (greg_t)(uintptr_t)native_exit;
    g[REG_CSGSFS] = (g[REG_CSGSFS] & ~0xffffll) | 0x33; /* a far branch may have left 64-bit mode */
    g[REG_EFL] &= ~0x100ll;                             /* TF */
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    uint64_t rip = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
    long trap = (long)uc->uc_mcontext.gregs[REG_TRAPNO];
    bool fetch = sig == SIGSEGV && trap == TRAP_PAGE_FAULT &&
                 (uc->uc_mcontext.gregs[REG_ERR] & PF_INSTRUCTION);

    if (sig == SIGALRM) { /* from the worker: this run takes too long */
        if (!in_guest_code(rip)) {
            spoiled = 1; /* FS base may be wrong now */
            return;
        }
        bool mine = atomic_load(&batch->cancel) == atomic_load(&batch->run);
        end_run(uc, mine ? OUTCOME_TIMEOUT : OUTCOME_SKIP);
        return;
    }
    if (!in_guest_code(rip) && !fetch) {
        _exit(EXIT_STRAY_SIGNAL);
    }
    if (sig == SIGSYS || (sig == SIGTRAP && trap == TRAP_DEBUG)) {
        end_run(uc, OUTCOME_SKIP);
        return;
    }
    if (sig == SIGTRAP && trap == TRAP_BREAKPOINT) {
        end_run(uc, OUTCOME_INT3);
        return;
    }
    current->signo = sig;
    current->code = info->si_code;
    current->addr = sig == SIGSEGV || sig == SIGBUS ? (uint64_t)(uintptr_t)info->si_addr : 0;
    end_run(uc, fetch ? OUTCOME_NOCODE : OUTCOME_FAULT);
}

static void run_state(struct diff_case *c, const struct diff_state *st, struct diff_result *res)
{
    *res = (struct diff_result){.outcome = OUTCOME_NONE};
    memory_apply(st);
    memcpy(native_block.gpr, st->gpr, sizeof(st->gpr));
    native_block.rflags = st->rflags;
    native_block.target = c->start;
    native_block.xsave_in = (void *)(uintptr_t)st->xsave;
    native_block.xsave_out = res->xsave;
    native_block.fs_guest = c->fs_base;
    native_block.set_fs = c->use_fs;
    current = res;
    spoiled = 0;
    if (c->use_gs) {
        syscall(SYS_arch_prctl, ARCH_SET_GS, c->gs_base);
    }
    if (c->segments) {
        native_reset_segments();
    }
    atomic_fetch_add_explicit(&batch->run, 1, memory_order_relaxed);
    native_enter();
    native_block.set_fs = 0;
    if (c->segments) {
        native_reset_segments();
    }
    uint64_t rsp = res->gpr[4];
    memcpy(res->gpr, native_block.gpr, sizeof(res->gpr));
    if (res->outcome == OUTCOME_NONE) { /* it came to the end by itself */
        res->outcome = OUTCOME_INT3;
        res->rip = c->end + 1;
        res->rflags = native_block.rflags;
    } else {
        res->gpr[4] = rsp;
    }
    if (spoiled || (c->end + 1 != res->rip && res->rip - c->end - 1 < sizeof(c->tail))) {
        res->outcome = OUTCOME_SKIP; /* or it has run part of the jump behind the case */
    }
    memory_collect(c, res);
    if (res->outcome == OUTCOME_TIMEOUT) {
        c->dropped = true;
    }
}

static void run_batch(uint32_t first)
{
    for (uint32_t i = first; i < batch->case_count; i++) {
        struct diff_case *c = &batch->cases[i];
        atomic_store(&batch->at_case, i);
        memory_fill(c);
        for (uint32_t s = 0; s < c->state_count && !c->dropped; s++) {
            run_state(c, &batch->states[i][s], &batch->native[i][s]);
        }
    }
}

static void catch_signals(void)
{
    static _Alignas(64) uint8_t stack[65536];
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGALRM};
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
    sigaltstack(&ss, NULL);
    native_block.handler = on_signal;
    native_catch(signals, sizeof(signals) / sizeof(signals[0]));
}

static void forbid_system_calls(void)
{
#define ALLOW(nr)                                                                                  \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_arch_prctl),
        ALLOW(SYS_rt_sigreturn),
        ALLOW(SYS_read),
        ALLOW(SYS_write),
        ALLOW(SYS_exit_group),
#ifdef MORTISE_SANITIZE
        ALLOW(SYS_mmap),
        ALLOW(SYS_munmap),
        ALLOW(SYS_madvise),
        ALLOW(SYS_futex),
        ALLOW(SYS_getpid),
        ALLOW(SYS_gettid),
        ALLOW(SYS_rt_sigprocmask),
        ALLOW(SYS_sched_yield),
#endif
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    };
#undef ALLOW
    struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        _exit(2);
    }
}

_Noreturn void native_child(struct batch *shared, int code_fd, int requests, int answers)
{
    batch = shared;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned i = 0; i < REGIONS; i++) {
        void *at = (void *)(uintptr_t)regions[i].code;
        if (mmap(at, CODE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, code_fd,
                 (off_t)(i * CODE_SIZE)) == MAP_FAILED) {
            _exit(2);
        }
    }
    native_block.mask = xsave_mask();
    uint32_t mxcsr = 0x1f80;
    memcpy(clean_image + 24, &mxcsr, 4);
    native_block.xsave_clean = clean_image;
    syscall(SYS_arch_prctl, ARCH_GET_FS, &native_block.fs_host);
    catch_signals();
    forbid_system_calls();

    uint32_t first;
    while (read(requests, &first, sizeof(first)) == sizeof(first)) {
        run_batch(first);
        if (write(answers, &first, sizeof(first)) != sizeof(first)) {
            break;
        }
    }
    _exit(0);
}
