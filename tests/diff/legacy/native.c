/* The host's side, and what segmentation says before it. A signal handler exchanges the whole user
 * context: for the guest's when a run begins, and back when it ends with an exception. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "legacy.h"
#include "x86sys/state.h"

#define HEADER 512

static uint8_t *code, *native, *data;
static struct sigaction engine_action[65];

static struct {
    const struct legacy_case *c;
    const struct diff_state *st;
    struct legacy_result *res;
    uint64_t address;
    ucontext_t back;
    uint8_t back_legacy[464];
    volatile sig_atomic_t running;
} run;

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(2);
}

static void put_xsave(uint8_t *frame, const uint8_t *image)
{
    uint64_t used, wanted;
    memcpy(frame, image, 28); /* not MXCSR_MASK */
    memcpy(frame + 32, image + 32, 464 - 32);
    memcpy(&used, frame + HEADER, 8);
    memcpy(&wanted, image + HEADER, 8);
    used = (used & ~xsave_mask()) | (wanted & xsave_mask());
    memcpy(frame + HEADER, &used, 8);
    memcpy(frame + 576, image + 576, xsave_size() - 576);
}

static const uint8_t greg_of[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                    REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                    REG_R12, REG_R13, REG_R14, REG_R15};

static void enter(ucontext_t *uc)
{
    greg_t *g = uc->uc_mcontext.gregs;
    run.back = *uc;
    memcpy(run.back_legacy, uc->uc_mcontext.fpregs, sizeof(run.back_legacy));
    for (unsigned i = 0; i < 8; i++) {
        g[greg_of[i]] = (greg_t)(uint32_t)run.st->gpr[i];
    }
    if (run.c->address_reg != X86_NONE) {
        g[greg_of[run.c->address_reg]] = (greg_t)run.address;
    }
    g[REG_RIP] = LEGACY_NATIVE;
    g[REG_EFL] = (greg_t)run.st->rflags;
    put_xsave((uint8_t *)uc->uc_mcontext.fpregs, run.st->xsave);
}

static void leave(ucontext_t *uc)
{
    struct legacy_result *res = run.res;
    greg_t *g = uc->uc_mcontext.gregs;
    res->vector = (unsigned)g[REG_TRAPNO];
    res->cr2 = (uint32_t)g[REG_CR2];
    res->at_insn = g[REG_RIP] == LEGACY_NATIVE;
    res->flags = (uint32_t)g[REG_EFL];
    for (unsigned i = 0; i < 8; i++) {
        res->gpr[i] = (uint32_t)(i == run.c->address_reg ? (greg_t)run.st->gpr[i] : g[greg_of[i]]);
    }
    uint8_t *frame = (uint8_t *)uc->uc_mcontext.fpregs;
    memcpy(res->xsave, frame, xsave_size());
    memcpy(g, run.back.uc_mcontext.gregs, sizeof(run.back.uc_mcontext.gregs));
    memcpy(frame, run.back_legacy, sizeof(run.back_legacy));
    run.running = 0;
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    if (sig == SIGUSR1) {
        run.running = 1;
        enter(uc);
    } else if (run.running) {
        leave(uc);
    } else if (engine_action[sig].sa_flags & SA_SIGINFO) {
        engine_action[sig].sa_sigaction(sig, info, context);
    } else {
        signal(sig, SIG_DFL);
    }
}

static uint8_t *map(uint32_t at, size_t size, int prot)
{
    void *p = mmap((void *)(uintptr_t)at, size, prot,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (p != (void *)(uintptr_t)at) {
        die("diff_legacy_test: mapping guest memory");
    }
    return p;
}

/* What the guest's code is as data: written here, read-only there. */
static uint8_t *map_code(void)
{
    int fd = memfd_create("diff-legacy-code", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, PAGE)) {
        die("diff_legacy_test: memory for code");
    }
    void *there = mmap((void *)(uintptr_t)LEGACY_CODE, PAGE, PROT_READ,
                       MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
    void *here = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (there != (void *)(uintptr_t)LEGACY_CODE || here == MAP_FAILED) {
        die("diff_legacy_test: mapping code");
    }
    close(fd);
    return here;
}

void legacy_native_init(void)
{
    static _Alignas(64) uint8_t stack[1 << 17];
    static const int signals[] = {SIGUSR1, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    code = map_code();
    native = map(LEGACY_NATIVE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    data = map(LEGACY_DATA, LEGACY_SIZE, PROT_READ | PROT_WRITE);
    memset(code, 0xcc, PAGE);
    if (sigaltstack(&ss, NULL)) {
        die("diff_legacy_test: sigaltstack");
    }
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaction(signals[i], &action, &engine_action[signals[i]]);
    }
}

static uint32_t cut(uint64_t v, unsigned size)
{
    return size == 2 ? (uint16_t)v : (uint32_t)v;
}

static uint32_t offset_of(const struct sys_insn *in, const struct diff_state *st)
{
    uint64_t offset = (uint64_t)in->disp;
    offset += in->base == X86_NONE ? 0 : st->gpr[in->base];
    offset += in->index == X86_NONE ? 0 : st->gpr[in->index] << in->scale;
    return cut(offset, in->addr_size);
}

static void untouched(const struct diff_state *st, struct legacy_result *res)
{
    for (unsigned i = 0; i < 8; i++) {
        res->gpr[i] = (uint32_t)st->gpr[i];
    }
    res->flags = (uint32_t)st->rflags;
    memcpy(res->xsave, st->xsave, xsave_size());
    memcpy(res->data, legacy_memory, LEGACY_SIZE);
}

static void lea(const struct legacy_case *c, const struct diff_state *st, struct legacy_result *res)
{
    uint32_t *reg = &res->gpr[c->insn.modrm >> 3 & 7];
    uint32_t offset = offset_of(&c->insn, st);
    untouched(st, res);
    res->vector = SYS_BP;
    *reg = c->insn.op_size == 2 ? (*reg & 0xffff0000u) | (uint16_t)offset : offset;
}

/* False if segmentation forbids the access; *res says how then. */
static bool is_in_segment(const struct legacy_case *c, const struct diff_state *st,
                          struct legacy_result *res)
{
    const struct sys_insn *in = &c->insn;
    uint64_t last = (uint64_t)offset_of(in, st) + in->mem_size - 1;
    bool writes_code = in->seg == SYS_CS && in->mem_access & SYS_WRITE;
    if (last <= (c->is_16 ? LEGACY_SIZE - 1 : UINT32_MAX) && !writes_code) {
        return true;
    }
    untouched(st, res);
    res->vector = in->seg == SYS_SS ? SYS_SSF : SYS_GP;
    res->at_insn = true;
    return false;
}

void legacy_native_run(const struct legacy_case *c, const struct diff_state *st,
                       struct legacy_result *res)
{
    const struct sys_insn *in = &c->insn;
    *res = (struct legacy_result){0};
    if (in->cls == SYS_INSN_LEA) {
        lea(c, st, res);
        return;
    }
    if (in->has_mem && !is_in_segment(c, st, res)) {
        return;
    }
    memset(code, 0xcc, PAGE);
    memcpy(code + LEGACY_START, in->bytes, in->len);
    memset(native, 0xcc, 32);
    memcpy(native, c->native, c->native_len);
    memcpy(data, legacy_memory, LEGACY_SIZE);
    run.c = c;
    run.st = st;
    run.res = res;
    if (in->has_mem) {
        uint32_t base = !c->is_16 ? 0 : in->seg == SYS_CS ? LEGACY_CODE : LEGACY_DATA;
        run.address = base + offset_of(in, st);
    }
    raise(SIGUSR1);
    memcpy(res->data, data, LEGACY_SIZE);
}
