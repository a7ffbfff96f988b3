/* The frame: that every register is in it and comes back from it, changed or
 * not, vector and x87 state included; and what becomes of a bad one. */
#include "guest_test.h"

#include <fpu_control.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>

#define MAGIC1 0x46505853u
#define MAGIC2 0x46505845u
/* x87 to AVX-512: CPUID hides the others from programs that run under Mortise. */
#define FEATURES 0xe7u

static volatile int change;

static uint32_t get32(const void *p, size_t off)
{
    uint32_t v;
    memcpy(&v, (const char *)p + off, 4);
    return v;
}

static uint64_t get64(const void *p, size_t off)
{
    uint64_t v;
    memcpy(&v, (const char *)p + off, 8);
    return v;
}

static void handler(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    ucontext_t *uc = context;
    greg_t *g = uc->uc_mcontext.gregs;
    static const struct {
        const char *name;
        int n;
    } regs[] = {{"rbx", REG_RBX}, {"rbp", REG_RBP}, {"rsi", REG_RSI}, {"rdi", REG_RDI},
                {"r8", REG_R8},   {"r9", REG_R9},   {"r10", REG_R10}, {"r12", REG_R12},
                {"r13", REG_R13}, {"r14", REG_R14}, {"r15", REG_R15}, {"rdx", REG_RDX}};
    for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++) {
        printf("%s %llx%s", regs[i].name, g[regs[i].n], i % 6 == 5 ? "\n" : " ");
        if (change) {
            g[regs[i].n] += 0x1000;
        }
    }
    printf("flags %llx cs %llx\n", g[REG_EFL] & 0xcd5, g[REG_CSGSFS] & 0xffff);
    const char *fp = (const char *)uc->uc_mcontext.fpregs;
    uint32_t size = get32(fp, 464 + 16);
    printf("magic %d %d sizes agree %d features %llx\n", get32(fp, 464) == MAGIC1,
           get32(fp, size) == MAGIC2, get32(fp, 468) == size + 4,
           (unsigned long long)(get64(fp, 472) & FEATURES));
    printf("mxcsr %x fcw %x xmm3 %llx uc flags %lx mask %lx\n", get32(fp, 24),
           get32(fp, 0) & 0xffff, (unsigned long long)get64(fp, 160 + 3 * 16), uc->uc_flags,
           uc->uc_sigmask.__val[0]);
    /* a handler starts with a clean state */
    unsigned mxcsr, fcw = 0;
    unsigned long flags;
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    __asm__ volatile("fnstcw %0" : "=m"(fcw));
    __asm__ volatile("pushfq; pop %0" : "=r"(flags));
    printf("in the handler: mxcsr %x fcw %x direction %lx\n", mxcsr, fcw & 0xffff, flags & 0x400);
    if (change) {
        uint64_t v = 0x4242424242424242;
        uint32_t m = 0x3f80;
        memcpy((char *)uc->uc_mcontext.fpregs + 160 + 3 * 16, &v, 8);
        memcpy((char *)uc->uc_mcontext.fpregs + 24, &m, 4);
        g[REG_EFL] ^= 0x8c1; /* OF, SF, ZF, CF */
    }
    /* what the handler does to its own registers is lost */
    __asm__ volatile("pxor %%xmm3, %%xmm3; fninit; fldpi" ::: "xmm3");
}

struct regs {
    uint64_t rbx, rbp, rsi, rdi, r8, r9, r10, r12, r13, r14, r15, rdx;
    uint64_t flags, xmm3;
    uint32_t mxcsr, fcw;
};

/* Fills the registers, has a signal by UD2, and says what they are then. */
static void signal_with_registers(struct regs *out)
{
    static struct regs r;
    static uint32_t mxcsr; /* static: the stack pointer moves */
    static uint16_t fcw;
    mxcsr = 0x5f80;
    fcw = 0x27f;
    memset(&r, 0, sizeof(r));
    __asm__ volatile(
        "push %%rbp; push %%rbx\n"
        "ldmxcsr %[mxcsr]; fldcw %[fcw]\n"
        "mov $0x3333333333333333, %%rax; movq %%rax, %%xmm3\n"
        "mov $0xb, %%rbx; mov $0xbb, %%rbp; mov $8, %%r8; mov $9, %%r9; mov $10, %%r10\n"
        "mov $12, %%r12; mov $13, %%r13; mov $14, %%r14; mov $15, %%r15\n"
        "mov $39, %%eax; syscall\n"
        "push $0xad5; popfq\n" /* OF SF ZF AF PF CF */
        "mov $0x1111, %%edi; mov $0x2222, %%esi; mov $0x4444, %%edx\n"
        "ud2\n"
        "mov %%rbx, %[rbx]; mov %%rbp, %[rbp]; mov %%rsi, %[rsi]; mov %%rdi, %[rdi]\n"
        "mov %%r8, %[r8]; mov %%r9, %[r9]; mov %%r10, %[r10]; mov %%r12, %[r12]\n"
        "mov %%r13, %[r13]; mov %%r14, %[r14]; mov %%r15, %[r15]; mov %%rdx, %[rdx]\n"
        "movq %%xmm3, %[xmm3]; stmxcsr %[omxcsr]; fnstcw %[ofcw]\n"
        "pushfq; pop %%rax; mov %%rax, %[flags]\n"
        "pop %%rbx; pop %%rbp\n"
        : [rbx] "=m"(r.rbx), [rbp] "=m"(r.rbp), [rsi] "=m"(r.rsi), [rdi] "=m"(r.rdi),
          [r8] "=m"(r.r8), [r9] "=m"(r.r9), [r10] "=m"(r.r10), [r12] "=m"(r.r12), [r13] "=m"(r.r13),
          [r14] "=m"(r.r14), [r15] "=m"(r.r15), [rdx] "=m"(r.rdx), [xmm3] "=m"(r.xmm3),
          [omxcsr] "=m"(r.mxcsr), [ofcw] "=m"(r.fcw), [flags] "=m"(r.flags)
        : [mxcsr] "m"(mxcsr), [fcw] "m"(fcw)
        : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
          "xmm3", "memory", "cc");
    mxcsr = 0x1f80;
    fcw = 0x37f;
    __asm__ volatile("ldmxcsr %0; fldcw %1" ::"m"(mxcsr), "m"(fcw));
    *out = r;
}

static void skip_ud2(int sig, siginfo_t *info, void *context)
{
    handler(sig, info, context);
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
}

static void round_trip(int with_change)
{
    struct regs r;
    change = with_change;
    handle(SIGILL, skip_ud2, 0);
    signal_with_registers(&r);
    printf("back: rbx %lx rbp %lx rsi %lx rdi %lx r8 %lx r9 %lx r10 %lx r12 %lx r13 %lx r14 %lx "
           "r15 %lx rdx %lx\n",
           r.rbx, r.rbp, r.rsi, r.rdi, r.r8, r.r9, r.r10, r.r12, r.r13, r.r14, r.r15, r.rdx);
    printf("back: flags %lx xmm3 %lx mxcsr %x fcw %x\n", r.flags & 0xcd5, r.xmm3, r.mxcsr,
           r.fcw & 0xffff);
}

static volatile int how;

static void spoil(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    ucontext_t *uc = context;
    char *fp = (char *)uc->uc_mcontext.fpregs;
    uint32_t bad32 = 0xffffffff;
    uint64_t bad64 = 1ULL << 40;
    switch (how) {
    case 0: /* reserved bits of MXCSR */
        memcpy(fp + 24, &bad32, 4);
        break;
    case 1: /* a component that does not exist */
        memcpy(fp + 512, &bad64, 8);
        break;
    case 2: /* reserved bytes of the header */
        memcpy(fp + 528, &bad64, 8);
        break;
    case 3: /* an address that cannot be read */
        uc->uc_mcontext.fpregs = (void *)64;
        break;
    case 4: /* misaligned */
        uc->uc_mcontext.fpregs = (void *)(fp + 1);
        break;
    case 5: /* no second marker: the legacy part only */
        memcpy(fp + get32(fp, 464 + 16), &bad32, 4);
        break;
    case 6: /* none at all: initial state */
        uc->uc_mcontext.fpregs = NULL;
        break;
    case 7: /* flags that user mode cannot set */
        uc->uc_mcontext.gregs[REG_EFL] |= 0x3000;
        break;
    default: /* KILL cannot be blocked */
        memset(&uc->uc_sigmask, 0xff, 8);
        break;
    }
}

static void spoiled(int n)
{
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t set;
        unsigned long flags;
        how = n;
        handle(SIGUSR1, spoil, 0);
        raise(SIGUSR1);
        __asm__ volatile("pushfq; pop %0" : "=r"(flags));
        sigprocmask(SIG_BLOCK, NULL, &set);
        printf("survived; iopl %lx mask has KILL %d TERM %d\n", flags & 0x3000,
               sigismember(&set, SIGKILL), sigismember(&set, SIGTERM));
        _exit(0);
    }
    int status;
    MUST(waitpid(pid, &status, 0) == pid);
    printf("spoiled %d: signal %d\n", n, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void bad_sigreturn(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        __asm__ volatile("mov $4096, %%rsp; mov $15, %%eax; syscall" ::: "rax", "memory");
        _exit(0);
    }
    int status;
    MUST(waitpid(pid, &status, 0) == pid);
    printf("sigreturn without a frame: signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    round_trip(0);
    round_trip(1);
    for (int i = 0; i < 9; i++) {
        spoiled(i);
    }
    bad_sigreturn();
    return 0;
}
