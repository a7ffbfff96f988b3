/* Alternate signal stacks: use, nesting, overflow, SS_AUTODISARM, errors. */
#include "guest_test.h"

#include <sys/wait.h>
#include <ucontext.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

#define SIZE 65536
static char stack[SIZE] __attribute__((aligned(64)));

static int on_it(void)
{
    char here;
    return (uintptr_t)&here >= (uintptr_t)stack && (uintptr_t)&here < (uintptr_t)stack + SIZE;
}

static void show(const char *when)
{
    stack_t ss;
    MUST(sigaltstack(NULL, &ss) == 0);
    printf("%s: flags %x size %zu mine %d\n", when, (unsigned)ss.ss_flags, ss.ss_size,
           ss.ss_sp == stack);
}

static void handler(int sig, siginfo_t *info, void *context)
{
    (void)info;
    ucontext_t *uc = context;
    printf("handler %d on it %d; context: flags %x size %zu\n", sig, on_it(),
           (unsigned)uc->uc_stack.ss_flags, uc->uc_stack.ss_size);
    show("  in it");
    stack_t off = {.ss_flags = SS_DISABLE};
    int r = sigaltstack(&off, NULL);
    printf("  disable: %d %s\n", r, r ? strerror(errno) : "");
    if (sig == SIGUSR1) {
        raise(SIGUSR2);
    }
}

static void alignment(int sig, siginfo_t *info, void *context)
{
    (void)info;
    (void)sig;
    ucontext_t *uc = context;
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    printf("frame %% 16 = %d, fpstate %% 64 = %d\n", (int)(frame % 16),
           (int)((uintptr_t)uc->uc_mcontext.fpregs % 64));
}

static void recover(int sig, siginfo_t *info, void *context)
{
    (void)info;
    (void)context;
    printf("signal %d on it %d\n", sig, on_it());
    _exit(5);
}

static int __attribute__((noinline)) deep(int n)
{
    volatile char pad[512];
    pad[0] = (char)n;
    return n == 0 ? pad[0] : deep(n - 1) + pad[0];
}

static void child(const char *what, void (*fn)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        fn();
        _exit(0);
    }
    int status;
    MUST(waitpid(pid, &status, 0) == pid);
    printf("%s: exit %d signal %d\n", what, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
           WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void overflow_stack(void)
{
    handle(SIGSEGV, recover, SA_ONSTACK);
    for (volatile int n = 1000;; n *= 2) {
        deep(n);
    }
}

static void no_stack(void)
{
    handle(SIGSEGV, recover, 0);
    for (volatile int n = 1000;; n *= 2) {
        deep(n);
    }
}

static void bad_rsp(void)
{
    handle(SIGUSR1, recover, 0);
    handle(SIGSEGV, recover, SA_ONSTACK);
    /* kill(getpid(), SIGUSR1) with a stack pointer that is no good */
    long pid = getpid();
    __asm__ volatile("mov $4096, %%rsp; syscall; hlt"
                     :
                     : "a"(62L), "D"(pid), "S"((long)SIGUSR1)
                     : "memory");
}

static void on_small(int sig, siginfo_t *info, void *context)
{
    (void)info;
    (void)context;
    static int n;
    if (++n < 100) {
        raise(sig); /* each takes a frame, until there is no room */
    }
}

static void overflow_alternate(void)
{
    stack_t small = {.ss_sp = stack, .ss_size = 8192};
    MUST(sigaltstack(&small, NULL) == 0);
    handle(SIGUSR1, on_small, SA_ONSTACK | SA_NODEFER);
    raise(SIGUSR1);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    show("at first");
    handle(SIGUSR1, handler, SA_ONSTACK);
    handle(SIGUSR2, handler, SA_ONSTACK);
    raise(SIGUSR2);
    stack_t ss = {.ss_sp = stack, .ss_size = SIZE};
    MUST(sigaltstack(&ss, NULL) == 0);
    show("set");
    raise(SIGUSR1);
    show("after");
    MUST(sigaltstack(&ss, NULL) == 0);
    raise(SIGUSR1);
    ss.ss_flags = (int)SS_AUTODISARM;
    MUST(sigaltstack(&ss, NULL) == 0);
    show("autodisarm");
    raise(SIGUSR1);
    show("after");
    ss.ss_size = 100;
    printf("small: %d", sigaltstack(&ss, NULL));
    printf(" %s\n", strerror(errno));
    ss.ss_size = SIZE;
    ss.ss_flags = 77;
    printf("flags: %d", sigaltstack(&ss, NULL));
    printf(" %s\n", strerror(errno));
    ss.ss_flags = 0;
    MUST(sigaltstack(&ss, NULL) == 0);
    handle(SIGUSR1, alignment, 0);
    raise(SIGUSR1);
    handle(SIGUSR1, alignment, SA_ONSTACK);
    raise(SIGUSR1);
    child("stack overflow", overflow_stack);
    child("stack overflow, no other stack", no_stack);
    child("bad stack pointer", bad_rsp);
    child("alternate stack overflow", overflow_alternate);
    return 0;
}
