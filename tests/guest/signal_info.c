/* What handlers are told: siginfo for each way a signal can come, queueing
 * and order of real-time signals, SA_RESETHAND, SA_NODEFER, nesting. */
#include "guest_test.h"

#include <sys/syscall.h>
#include <sys/wait.h>

static void report(int sig, siginfo_t *info, void *context)
{
    (void)context;
    printf("signal %d errno %d code %d", sig, info->si_errno, info->si_code);
    if (sig == SIGCHLD) {
        printf(" status %d", info->si_status);
    } else {
        printf(" from me %d uid ok %d value %d", info->si_pid == getpid(), info->si_uid == getuid(),
               info->si_code == SI_QUEUE ? info->si_value.sival_int : 0);
    }
    printf("\n");
}

static int depth;

static void nested(int sig, siginfo_t *info, void *context)
{
    (void)info;
    (void)context;
    depth++;
    printf("enter %d at depth %d\n", sig, depth);
    if (sig == SIGUSR1) {
        raise(SIGUSR2);
    } else if (sig == SIGUSR2) {
        raise(SIGRTMIN);
    }
    printf("leave %d at depth %d\n", sig, depth);
    depth--;
}

static void again(int sig, siginfo_t *info, void *context)
{
    (void)info;
    (void)context;
    printf("again %d\n", ++depth);
    if (depth < 4) {
        raise(sig);
    }
    printf("again ends %d\n", depth--);
}

static void ways(void)
{
    int sigs[] = {SIGHUP,  SIGINT,    SIGQUIT, SIGILL,   SIGTRAP, SIGABRT, SIGBUS,
                  SIGFPE,  SIGUSR1,   SIGSEGV, SIGUSR2,  SIGPIPE, SIGALRM, SIGTERM,
                  SIGCHLD, SIGCONT,   SIGTSTP, SIGTTIN,  SIGTTOU, SIGURG,  SIGXCPU,
                  SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH, SIGIO,   SIGPWR,  SIGSYS,
                  34,      35,        50,      63,       64};
    for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
        handle(sigs[i], report, 0);
        if (sigs[i] != SIGCHLD) {
            MUST(kill(getpid(), sigs[i]) == 0);
            MUST(raise(sigs[i]) == 0);
            MUST(syscall(SYS_tkill, gettid(), sigs[i]) == 0);
            union sigval v = {.sival_int = 1000 + sigs[i]};
            MUST(sigqueue(getpid(), sigs[i], v) == 0);
        }
    }
    pid_t pid = fork();
    if (pid == 0) {
        _exit(7);
    }
    int status;
    MUST(waitpid(pid, &status, 0) == pid);
    printf("child %d\n", WEXITSTATUS(status));
    handle(SIGCHLD, report, 0);
    pid = fork();
    if (pid == 0) {
        signal(SIGTERM, SIG_DFL);
        raise(SIGTERM);
    }
    MUST(waitpid(pid, &status, 0) == pid);
    printf("child killed by %d\n", WTERMSIG(status));
    signal(SIGCHLD, SIG_DFL);
}

static void queue(void)
{
    sigset_t all, old;
    sigfillset(&all);
    MUST(sigprocmask(SIG_BLOCK, &all, &old) == 0);
    for (int i = 0; i < 5; i++) {
        union sigval v = {.sival_int = i};
        MUST(sigqueue(getpid(), 40, v) == 0);
        MUST(sigqueue(getpid(), 37, v) == 0);
        MUST(sigqueue(getpid(), 64, v) == 0);
        MUST(sigqueue(getpid(), SIGUSR1, v) == 0);
        MUST(sigqueue(getpid(), SIGFPE, v) == 0);
    }
    sigset_t pending;
    sigpending(&pending);
    for (int i = 1; i <= 64; i++) {
        if (sigismember(&pending, i) == 1) {
            printf("pending %d\n", i);
        }
    }
    handle(40, report, 0);
    handle(37, report, 0);
    for (int i = 1; i <= 64; i++) { /* one by one: then the order is ours */
        if (sigismember(&pending, i) == 1) {
            sigset_t one;
            sigemptyset(&one);
            sigaddset(&one, i);
            sigprocmask(SIG_UNBLOCK, &one, NULL);
            sigprocmask(SIG_BLOCK, &one, NULL);
        }
    }
    MUST(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
}

static void reset(void)
{
    struct sigaction act;
    handle(SIGUSR1, report, (int)SA_RESETHAND);
    raise(SIGUSR1);
    MUST(sigaction(SIGUSR1, NULL, &act) == 0);
    printf("after SA_RESETHAND default %d flags %x\n", act.sa_handler == SIG_DFL,
           (unsigned)act.sa_flags & ~0x04000000u);
    handle(SIGSEGV, report, (int)SA_RESETHAND);
    raise(SIGSEGV);
    MUST(sigaction(SIGSEGV, NULL, &act) == 0);
    printf("after SA_RESETHAND default %d\n", act.sa_handler == SIG_DFL);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    ways();
    queue();
    reset();
    handle(SIGUSR1, nested, 0);
    handle(SIGUSR2, nested, 0);
    handle(SIGRTMIN, nested, 0);
    raise(SIGUSR1);
    handle(SIGUSR1, again, SA_NODEFER);
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    raise(SIGUSR1);
    struct sigaction act = {.sa_handler = SIG_IGN};
    printf("SIGKILL %d", sigaction(SIGKILL, &act, NULL));
    printf(" %d\n", errno);
    printf("SIGSTOP %d", sigaction(SIGSTOP, &act, NULL));
    printf(" %d\n", errno);
    return 0;
}
