/* Masks: blocking, pending, order of delivery when several are let through,
 * what a handler blocks, what comes back after it. */
#include "guest_test.h"

#include <pthread.h>
#include <sys/wait.h>

static void show_mask(const char *when)
{
    sigset_t set;
    sigprocmask(SIG_BLOCK, NULL, &set);
    printf("%s:", when);
    for (int i = 1; i <= 64; i++) {
        if (sigismember(&set, i) == 1) {
            printf(" %d", i);
        }
    }
    printf("\n");
}

static void show_pending(const char *when)
{
    sigset_t set;
    sigpending(&set);
    printf("%s, pending:", when);
    for (int i = 1; i <= 64; i++) {
        if (sigismember(&set, i) == 1) {
            printf(" %d", i);
        }
    }
    printf("\n");
}

static void handler(int sig, siginfo_t *info, void *context)
{
    (void)info;
    (void)context;
    printf("handler %d\n", sig);
    show_mask("  in it");
}

static volatile int counted;

static void count(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    (void)context;
    counted++;
}

static void all_at_once(int how)
{
    sigset_t all, old;
    sigfillset(&all);
    MUST(sigprocmask(SIG_BLOCK, &all, &old) == 0);
    show_mask("all blocked");
    int sigs[] = {SIGUSR2, SIGUSR1, SIGSEGV, SIGTRAP, 35, 34, 64, SIGHUP, SIGTERM};
    for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
        handle(sigs[i], handler, 0);
        if (how == 0) {
            raise(sigs[i]);
        } else {
            kill(getpid(), sigs[i]);
        }
    }
    show_pending("before");
    int mine[] = {SIGUSR2, SIGUSR1, SIGHUP, 35, 34, SIGTERM};
    sigset_t set = all;
    for (size_t i = 0; i < sizeof(mine) / sizeof(mine[0]); i++) {
        sigdelset(&set, mine[i]);
    }
    sigprocmask(SIG_SETMASK, &set, NULL);
    show_pending("after ordinary ones");
    for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
        sigdelset(&set, sigs[i]);
        sigprocmask(SIG_SETMASK, &set, NULL);
    }
    show_pending("after");
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static void sa_mask(void)
{
    struct sigaction act;
    memset(&act, 0, sizeof(act));
    act.sa_sigaction = handler;
    act.sa_flags = SA_SIGINFO;
    sigaddset(&act.sa_mask, SIGUSR2);
    sigaddset(&act.sa_mask, SIGSEGV);
    sigaddset(&act.sa_mask, 64);
    sigaddset(&act.sa_mask, SIGKILL);
    MUST(sigaction(SIGUSR1, &act, NULL) == 0);
    raise(SIGUSR1);
    act.sa_flags |= SA_NODEFER;
    MUST(sigaction(SIGUSR1, &act, NULL) == 0);
    raise(SIGUSR1);
    struct sigaction got;
    MUST(sigaction(SIGUSR1, NULL, &got) == 0);
    printf("KILL in the mask as stored: %d\n", sigismember(&got.sa_mask, SIGKILL));
    show_mask("after");
}

/* A blocked section must not be entered by a handler, however signals fall. */
static void sections(void)
{
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    handle(SIGUSR1, count, SA_RESTART);
    pid_t me = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 3000; i++) {
            kill(me, SIGUSR1);
        }
        _exit(0);
    }
    int bad = 0;
    while (waitpid(pid, NULL, WNOHANG) == 0) {
        sigprocmask(SIG_BLOCK, &set, &old);
        int before = counted;
        for (volatile int i = 0; i < 200; i++) {
        }
        bad += counted != before;
        sigprocmask(SIG_SETMASK, &old, NULL);
    }
    printf("handlers in blocked sections: %d, any at all: %d\n", bad, counted > 0);
}

static void *thread(void *arg)
{
    show_mask("thread inherits");
    show_pending("thread");
    return arg;
}

static void inherit(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGFPE);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGINT);
    raise(SIGFPE);
    show_pending("thread to be");
    pthread_t t;
    MUST(pthread_create(&t, NULL, thread, NULL) == 0);
    pthread_join(t, NULL);
    pid_t pid = fork();
    if (pid == 0) {
        show_mask("child inherits");
        show_pending("child");
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    signal(SIGINT, SIG_IGN);
    signal(SIGFPE, SIG_IGN);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    show_pending("ignored");
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    all_at_once(0);
    all_at_once(1);
    sa_mask();
    sections();
    inherit();
    printf("bad how: %d", sigprocmask(42, &(sigset_t){0}, NULL));
    printf(" %s\n", strerror(errno));
    return 0;
}
