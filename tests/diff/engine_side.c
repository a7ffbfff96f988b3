/* Runs cases in the engine, playing the environment: guest code comes from
 * a window of memory that only this file writes, host signals in translated
 * code end the run. */
#include "engine_side.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "exec/code_cache.h"
#include "exec/guest_ops.h"
#include "exec/tb.h"
#include "locks/mmap_lock.h"
#include "gen.h"
#include "native_asm.h"
#include "x86/engine.h"

#define CACHE_NEAR      0x551010000000u
#define CACHE_SIZE      (4u << 20)
#define TRAP_DEBUG      1
#define TRAP_BREAKPOINT 3

const unsigned gen_neighbours_percent = 0;

static uint8_t *code_alias; /* writable; the guest address is read-only */
static struct x86_cpu *cpu;
static struct diff_result *current;
static const struct diff_case *running_case;
static volatile sig_atomic_t running;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "diff_test: %s: %s\n", what, strerror(errno));
    exit(2);
}

static uint8_t *code_at(uint64_t pc)
{
    for (unsigned i = 0; i < REGIONS; i++) {
        if (pc - regions[i].code < CODE_SIZE) {
            return code_alias + (size_t)i * CODE_SIZE + (pc - regions[i].code);
        }
    }
    return NULL;
}

/* Behind a case there is an INT3 for the engine; as data it is what the host's
 * side has there. */
static size_t fetch(uint64_t pc, void *buf, size_t len)
{
    uint8_t *dst = buf;
    size_t n = 0;
    const uint8_t *src;
    while (n < len && (src = code_at(pc + n))) {
        bool inside = running_case && pc + n >= running_case->start && pc + n < running_case->end;
        dst[n++] = inside ? *src : 0xcc;
    }
    return n;
}

static void protect(uint64_t start, size_t len)
{
    (void)start; /* code changes only between runs, through engine_put_code */
    (void)len;
}

static const struct code_source_ops source = {.fetch = fetch, .protect = protect};

static void on_signal(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    if (!running || x86_context_take(cpu, uc, X86_EXIT_FAULT) != X86_IN_GUEST) {
        char text[200];
        snprintf(text, sizeof(text),
                 "diff_test: signal %d outside of guest code: host rip %llx rsp %llx, trap %lld, "
                 "address %p, code cache at %llx\n",
                 sig, uc->uc_mcontext.gregs[REG_RIP], uc->uc_mcontext.gregs[REG_RSP],
                 uc->uc_mcontext.gregs[REG_TRAPNO], info->si_addr,
                 (unsigned long long)code_cache_rx_start());
        ssize_t n = write(2, text, strlen(text));
        (void)n;
        signal(sig, SIG_DFL);
        raise(sig);
        _exit(3);
    }
    current->signo = sig;
    current->code = info->si_code;
    current->addr = sig == SIGSEGV || sig == SIGBUS ? (uint64_t)(uintptr_t)info->si_addr : 0;
    if (sig == SIGTRAP) {
        long trap = (long)uc->uc_mcontext.gregs[REG_TRAPNO];
        current->outcome = trap == TRAP_BREAKPOINT ? OUTCOME_INT3 : OUTCOME_SKIP;
        if (trap == TRAP_BREAKPOINT) {
            current->signo = current->code = 0;
        }
    }
}

static void catch_signals(void)
{
    static _Alignas(64) uint8_t stack[1 << 17];
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
    sigaltstack(&ss, NULL);
    native_block.handler = on_signal;
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    native_catch(signals, sizeof(signals) / sizeof(signals[0]));
}

static void map_code(void)
{
    int fd = memfd_create("diff-engine-code", MFD_CLOEXEC);
    size_t size = (size_t)REGIONS * CODE_SIZE;
    if (fd < 0 || ftruncate(fd, (off_t)size)) {
        die("creating guest code memory");
    }
    code_alias = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (code_alias == MAP_FAILED) {
        die("mapping guest code memory");
    }
    memset(code_alias, 0xcc, size);
    for (unsigned i = 0; i < REGIONS; i++) {
        void *at = (void *)(uintptr_t)regions[i].code;
        if (mmap(at, CODE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, fd,
                 (off_t)((size_t)i * CODE_SIZE)) != at) {
            die("mapping guest code");
        }
    }
    close(fd);
}

void engine_init(size_t cache_size, bool one_insn_per_tb)
{
    struct error err;
    map_code();
    code_source = &source;
    struct x86_engine_config cfg = {.cache_size = cache_size ? cache_size : CACHE_SIZE,
                                    .cache_hint = CACHE_NEAR,
                                    .one_insn_per_tb = one_insn_per_tb};
    if (x86_engine_init(&cfg, &err) < 0) {
        fprintf(stderr, "diff_test: %s\n", err.text);
        exit(2);
    }
    cpu = x86_cpu_new(NULL);
    if (!cpu) {
        die("making a CPU");
    }
    x86_cpu_attach(cpu);
    catch_signals();
}

/* Where code changes, translations go: also those of the INT3s that were there. */
static void invalidate(const struct diff_case *c)
{
    mmap_lock();
    tb_invalidate_range(c->start, c->end + 1);
    mmap_unlock();
}

void engine_put_code(const struct diff_case *c)
{
    invalidate(c);
    memcpy(code_at(c->start), c->code, c->code_len);
    memcpy(code_at(c->end), c->tail, sizeof(c->tail));
    running_case = c;
}

void engine_drop_code(const struct diff_case *c)
{
    memset(code_at(c->start), 0xcc, c->code_len + sizeof(c->tail));
    running_case = NULL;
    invalidate(c);
}

static void take_exit(enum x86_exit why, struct diff_result *res)
{
    switch (why) {
    case X86_EXIT_INT3:
        res->outcome = OUTCOME_INT3;
        break;
    case X86_EXIT_FAULT:
        if (res->outcome == OUTCOME_NONE) {
            res->outcome = OUTCOME_FAULT;
        }
        break;
    case X86_EXIT_NOCODE:
        res->outcome = OUTCOME_NOCODE;
        res->signo = SIGSEGV;
        break;
    case X86_EXIT_ILLEGAL:
        res->outcome = OUTCOME_FAULT;
        res->signo = SIGILL;
        res->code = ILL_ILLOPN;
        break;
    case X86_EXIT_PRIVILEGED:
        res->outcome = OUTCOME_FAULT;
        res->signo = SIGSEGV;
        res->code = SI_KERNEL;
        break;
    case X86_EXIT_STEP:
        res->outcome = OUTCOME_SKIP;
        break;
    default:
        res->outcome = OUTCOME_SYSCALL;
        break;
    }
}

void engine_run(const struct diff_case *c, const struct diff_state *st, struct diff_result *res)
{
    *res = (struct diff_result){.outcome = OUTCOME_NONE};
    current = res;
    memory_apply(st);
    memcpy(cpu->gpr, st->gpr, sizeof(cpu->gpr));
    memcpy(cpu->xsave, st->xsave, xsave_size());
    cpu->rflags = st->rflags;
    cpu->rip = c->start;
    cpu->fs_base = c->fs_base;
    cpu->gs_base = c->gs_base;
    if (c->segments) {
        native_reset_segments();
    }
    running = 1;
    enum x86_exit why = x86_cpu_exec(cpu);
    running = 0;
    if (c->segments) {
        native_reset_segments();
    }
    take_exit(why, res);
    memcpy(res->gpr, cpu->gpr, sizeof(res->gpr));
    res->rip = cpu->rip;
    res->rflags = cpu->rflags;
    memcpy(res->xsave, cpu->xsave, xsave_size());
    memory_collect(c, res);
}
