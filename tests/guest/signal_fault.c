/* Faults: which signal, which code, what the context says, and going on after
 * the handler has changed registers or memory. */
#include "guest_test.h"

#include <fenv.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>

static char *page; /* no access */
static void *volatile expected;
static volatile int *volatile nowhere = (volatile int *)8;
static sigjmp_buf back;
extern const char fault_pc[], div_pc[], ud_pc[], gp_pc[], load_pc[], hlt_pc[];
extern const char after_load[], after_div[], after_ud[], after_gp[], after_hlt[];

static long reg(void *context, int n)
{
    ucontext_t *uc = context;
    return uc->uc_mcontext.gregs[n];
}

static void set_pc(void *context, const void *pc)
{
    ucontext_t *uc = context;
    uc->uc_mcontext.gregs[REG_RIP] = (long)pc;
}

static void report(int sig, siginfo_t *info, void *context)
{
    printf("signal %d code %d trap %ld err %ld addr as expected %d\n", sig, info->si_code,
           reg(context, REG_TRAPNO), reg(context, REG_ERR), info->si_addr == expected);
}

static void skip(int sig, siginfo_t *info, void *context)
{
    report(sig, info, context);
    const char *pc = (const char *)reg(context, REG_RIP);
    long rdx = reg(context, REG_RDX);
    printf("rax %lx rbx %lx rcx %lx rdx %lx\n", reg(context, REG_RAX), reg(context, REG_RBX),
           reg(context, REG_RCX), rdx == (long)page ? 0 : rdx);
    ucontext_t *uc = context;
    if (pc == load_pc) {
        uc->uc_mcontext.gregs[REG_RDX] = 0x1234;
        set_pc(context, after_load);
    } else if (pc == div_pc) {
        uc->uc_mcontext.gregs[REG_RAX] = 77;
        set_pc(context, after_div);
    } else if (pc == ud_pc) {
        set_pc(context, after_ud);
    } else if (pc == gp_pc) {
        set_pc(context, after_gp);
    } else if (pc == hlt_pc) {
        set_pc(context, after_hlt);
    } else {
        printf("unexpected pc\n");
        _exit(1);
    }
}

static void make_readable(int sig, siginfo_t *info, void *context)
{
    report(sig, info, context);
    MUST(mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0);
}

static void jump_back(int sig, siginfo_t *info, void *context)
{
    report(sig, info, context);
    siglongjmp(back, 1);
}

static void jump_back_pc(int sig, siginfo_t *info, void *context)
{
    report(sig, info, context);
    printf("pc as expected %d\n", (void *)reg(context, REG_RIP) == expected);
    siglongjmp(back, 1);
}

static void registers_at_fault(void)
{
    long a = 0x1111, b = 0x2222, c = 0x3333, d = (long)page;
    handle(SIGSEGV, skip, 0);
    expected = page;
    __asm__ volatile(".globl load_pc, after_load\nload_pc: mov (%%rdx), %%rdx\nafter_load:"
                     : "+a"(a), "+b"(b), "+c"(c), "+d"(d)
                     :
                     : "memory");
    printf("load gave %lx\n", d);
}

static void divide(long a, long c, long d)
{
    long b = 5;
    handle(SIGFPE, skip, 0);
    expected = (void *)div_pc;
    __asm__ volatile(".globl div_pc, after_div\ndiv_pc: idiv %%rcx\nafter_div:"
                     : "+a"(a), "+b"(b), "+c"(c), "+d"(d)
                     :
                     : "memory", "cc");
    printf("div gave %ld\n", a);
}

static void illegal(void)
{
    long a = 1, b = 2, c = 3, d = 4;
    handle(SIGILL, skip, 0);
    expected = (void *)ud_pc;
    __asm__ volatile(".globl ud_pc, after_ud\nud_pc: ud2\nafter_ud:"
                     : "+a"(a), "+b"(b), "+c"(c), "+d"(d));
    expected = NULL;
    handle(SIGSEGV, skip, 0);
    __asm__ volatile(".globl hlt_pc, after_hlt\nhlt_pc: hlt\nafter_hlt:"
                     : "+a"(a), "+b"(b), "+c"(c), "+d"(d));
    a = (long)0x8000000000000000;
    __asm__ volatile(".globl gp_pc, after_gp\ngp_pc: mov (%%rax), %%ebx\nafter_gp:"
                     : "+a"(a), "+b"(b), "+c"(c), "+d"(d));
}

static void breakpoint(void)
{
    handle(SIGTRAP, report, 0);
    expected = NULL;
    __asm__ volatile("int3");
    printf("after int3\n");
}

static void pages(void)
{
    handle(SIGSEGV, make_readable, 0);
    expected = page + 8;
    page[8] = 'x'; /* tried again after the handler */
    printf("stored %c\n", page[8]);
    MUST(mprotect(page, 4096, PROT_READ) == 0);
    expected = page + 9;
    page[9] = 'y';
    printf("stored %c\n", page[9]);
    MUST(munmap(page, 4096) == 0);
    handle(SIGSEGV, jump_back, SA_NODEFER);
    expected = page + 1;
    if (!sigsetjmp(back, 1)) {
        page[1] = 1;
    }
    /* a write that crosses from a good page into a bad one */
    char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(mprotect(two + 4096, 4096, PROT_NONE) == 0);
    expected = two + 4096;
    if (!sigsetjmp(back, 1)) {
        *(volatile uint64_t *)(void *)(two + 4092) = ~0ULL;
    }
    printf("partly written: %d\n", two[4095]);
    /* strings */
    expected = two + 4096;
    if (!sigsetjmp(back, 1)) {
        memset(two + 4000, 0xaa, 200);
    }
    if (!sigsetjmp(back, 1)) {
        char *to = two + 4000;
        long n = 200;
        __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(0x55) : "memory");
    }
    printf("rep stosb got to the end of the page: %x %x\n", two[4000], two[4095]);
}

static void jumps(void)
{
    handle(SIGSEGV, jump_back_pc, SA_NODEFER);
    void (*volatile fn)(void);
    char *data = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    data[0] = (char)0xc3;
    expected = data;
    fn = (void (*)(void))(uintptr_t)data;
    if (!sigsetjmp(back, 1)) {
        fn();
    }
    MUST(mprotect(data, 4096, PROT_READ | PROT_EXEC) == 0);
    fn();
    printf("ran it\n");
    munmap(data, 4096);
    if (!sigsetjmp(back, 1)) {
        fn();
    }
    expected = NULL;
    fn = NULL;
    if (!sigsetjmp(back, 1)) {
        fn();
    }
    expected = (void *)0x10;
    fn = (void (*)(void))0x10;
    if (!sigsetjmp(back, 1)) {
        fn();
    }
}

static void bus(void)
{
    FILE *f = tmpfile();
    MUST(f && ftruncate(fileno(f), 100) == 0);
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);
    handle(SIGBUS, jump_back, SA_NODEFER);
    p[99] = 1;
    expected = p + 5000;
    if (!sigsetjmp(back, 1)) {
        p[5000] = 1;
    }
}

static void floating_point(void)
{
    handle(SIGFPE, jump_back, SA_NODEFER);
    feenableexcept(FE_DIVBYZERO);
    volatile double zero = 0, one = 1;
    volatile long double lzero = 0, lone = 1;
    expected = NULL;
    if (!sigsetjmp(back, 1)) {
        printf("%f\n", one / zero);
    }
    feclearexcept(FE_ALL_EXCEPT);
    feenableexcept(FE_DIVBYZERO);
    if (!sigsetjmp(back, 1)) {
        lone = lone / lzero;
        __asm__ volatile("fwait");
    }
    fedisableexcept(FE_ALL_EXCEPT);
}

/* Death by a fault. */
static void die(const char *how, void (*fn)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        fn();
        _exit(0);
    }
    int status;
    MUST(waitpid(pid, &status, 0) == pid);
    printf("%s: exited %d signal %d\n", how, WIFEXITED(status),
           WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void die_null(void)
{
    signal(SIGSEGV, SIG_DFL);
    *nowhere = 1;
}

static void die_ignored(void)
{
    signal(SIGSEGV, SIG_IGN);
    *nowhere = 1;
}

static void die_blocked(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGSEGV);
    sigprocmask(SIG_BLOCK, &set, NULL);
    handle(SIGSEGV, report, 0);
    *nowhere = 1;
}

static void die_in_handler(int sig, siginfo_t *info, void *context)
{
    (void)info;
    (void)context;
    printf("in handler of %d\n", sig);
    *nowhere = 1;
}

static void die_twice(void)
{
    handle(SIGSEGV, die_in_handler, 0);
    *nowhere = 1;
}

static void die_ud(void)
{
    signal(SIGILL, SIG_DFL);
    __asm__ volatile("ud2");
}

static void die_fpe(void)
{
    signal(SIGFPE, SIG_DFL);
    __asm__ volatile("xor %%ecx, %%ecx; idiv %%ecx" ::: "eax", "ecx", "edx");
}

static void die_int3(void)
{
    signal(SIGTRAP, SIG_DFL);
    __asm__ volatile("int3");
}

static void die_abort(void)
{
    abort();
}

static void die_stack(void)
{
    signal(SIGSEGV, SIG_DFL);
    __asm__ volatile("xor %%esp, %%esp; push %%rax" ::: "memory");
}

static void die_sent(void)
{
    signal(SIGSEGV, SIG_DFL);
    kill(getpid(), SIGSEGV);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    registers_at_fault();
    void (*volatile divide_once)(long, long, long) = divide; /* one copy: it has labels */
    divide_once(100, 0, 0);
    divide_once(1, -1, 0);
    divide_once(0, -1, (long)0x8000000000000000);
    illegal();
    breakpoint();
    pages();
    jumps();
    bus();
    floating_point();
    die("null", die_null);
    die("ignored", die_ignored);
    die("blocked", die_blocked);
    die("twice", die_twice);
    die("ud2", die_ud);
    die("fpe", die_fpe);
    die("int3", die_int3);
    die("abort", die_abort);
    die("stack", die_stack);
    die("sent", die_sent);
    return 0;
}
