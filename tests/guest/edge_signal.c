/* Signals at inconvenient moments: sent ones that look like faults, with the
 * AC flag set, beside many that are blocked, to threads that are about to
 * end, and a stop signal whose handler comes and goes. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "guest_test.h"

static atomic_int seen[65];
static atomic_int with_ac;

static void count(int sig, siginfo_t *info, void *context)
{
    (void)info;
    (void)context;
    unsigned long flags;
    __asm__ volatile("pushfq\n\tpop %0" : "=r"(flags));
    atomic_fetch_add(&with_ac, flags >> 18 & 1);
    atomic_fetch_add(&seen[sig], 1);
}

/* No call to libc: it does not care for alignment. */
static long send_to(long pid, long sig)
{
    long r;
    __asm__ volatile("syscall"
                     : "=a"(r)
                     : "a"((long)SYS_kill), "D"(pid), "S"(sig)
                     : "rcx", "r11", "memory");
    return r;
}

static void alignment_checked(void)
{
    const long self = getpid();
    handle(SIGUSR1, count, 0);
    handle(SIGTRAP, count, 0);
    handle(SIGRTMIN + 1, count, 0);
    __asm__ volatile("pushfq\n\torl $0x40000, (%%rsp)\n\tpopfq" ::: "cc", "memory");
    for (int i = 0; i < 100; i++) {
        send_to(self, SIGUSR1);
        send_to(self, SIGTRAP);
        send_to(self, SIGRTMIN + 1);
    }
    __asm__ volatile("pushfq\n\tandl $~0x40000, (%%rsp)\n\tpopfq" ::: "cc", "memory");
    printf("with AC: %d %d %d, AC in the handler %d times\n", seen[SIGUSR1], seen[SIGTRAP],
           seen[SIGRTMIN + 1], with_ac);
}

static void many_blocked(void)
{
    const union sigval none = {0};
    sigset_t set;
    handle(SIGRTMAX, count, 0);
    handle(SIGUSR2, count, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGRTMAX);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    for (int i = 0; i < 40; i++) {
        MUST(sigqueue(getpid(), SIGRTMAX, none) == 0);
    }
    raise(SIGUSR2);
    printf("another signal: %d\n", seen[SIGUSR2]);
    MUST(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
    printf("the many: %s\n", seen[SIGRTMAX] > 0 ? "came" : "did not come");
}

/* Its exit is the bare system call: libc's blocks signals first. */
static void *short_thread(void *unused)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    for (volatile int i = 0; i < 2000; i++) {
    }
    syscall(SYS_exit, 0);
    return unused;
}

static void ending_threads(void)
{
    const union sigval none = {0};
    sigset_t set;
    int sent = 0;
    handle(SIGRTMIN, count, SA_RESTART);
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    for (int i = 0; i < 500; i++) {
        pthread_t t;
        MUST(pthread_create(&t, NULL, short_thread, NULL) == 0);
        for (int k = 0; k < 6; k++) {
            sent += sigqueue(getpid(), SIGRTMIN, none) == 0;
            usleep(20);
        }
        pthread_join(t, NULL);
    }
    MUST(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
    printf("threads that end: %s\n", seen[SIGRTMIN] == sent ? "every signal came" : "signals lost");
}

static void stops(void)
{
    pid_t child = fork();
    if (child == 0) {
        for (;;) {
            handle(SIGTSTP, count, 0);
            signal(SIGTSTP, SIG_DFL);
        }
    }
    setpgid(child, child);
    bool alive = true;
    for (int i = 0; alive && i < 1000; i++) {
        kill(child, SIGTSTP);
        usleep(30);
        kill(child, SIGCONT);
        alive = waitpid(child, NULL, WNOHANG) == 0;
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    printf("stopped and continued: %s\n", alive ? "alive" : "dead");
}

static void report(int sig, siginfo_t *info, void *context)
{
    (void)context;
    printf("signal %d, code %d, address %d\n", sig, info->si_code, info->si_addr == &seen);
}

/* The kernel lets a thread send itself what looks like a fault. */
static void false_faults(void)
{
    static const int sigs[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
        siginfo_t info;
        sigset_t set;
        memset(&info, 0, sizeof(info));
        info.si_code = 2;
        info.si_addr = seen;
        handle(sigs[i], report, 0);
        MUST(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), sigs[i], &info) == 0);
        sigemptyset(&set);
        sigaddset(&set, sigs[i]);
        sigprocmask(SIG_BLOCK, &set, NULL);
        MUST(syscall(SYS_rt_sigqueueinfo, getpid(), sigs[i], &info) == 0);
        printf("blocked\n");
        sigprocmask(SIG_UNBLOCK, &set, NULL);
    }
}

int main(void)
{
    false_faults();
    alignment_checked();
    many_blocked();
    ending_threads();
    stops();
    return 0;
}
