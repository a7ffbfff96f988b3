/* Taking signals without handlers: sigwaitinfo, sigtimedwait, signalfd; and
 * the temporary masks of sigsuspend, ppoll, pselect and epoll_pwait. */
#include "guest_test.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

static void show_mask(const char *when, const sigset_t *set)
{
    printf("%s:", when);
    for (int i = 1; i <= 64; i++) {
        if (sigismember(set, i) == 1) {
            printf(" %d", i);
        }
    }
    printf("\n");
}

static void handler(int sig, siginfo_t *info, void *context)
{
    (void)info;
    sigset_t set;
    sigprocmask(SIG_BLOCK, NULL, &set);
    printf("  handler %d", sig);
    show_mask(", mask", &set);
    ucontext_t *uc = context;
    unsigned long saved;
    memcpy(&saved, &uc->uc_sigmask, sizeof(saved));
    printf("  saved %lx\n", saved);
}

static void block(int how, int a, int b, int c)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, a);
    sigaddset(&set, b);
    sigaddset(&set, c);
    sigprocmask(how, &set, NULL);
}

static void wait_info(void)
{
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGSEGV);
    sigaddset(&set, 40);
    sigaddset(&set, 64);
    sigprocmask(SIG_BLOCK, &set, NULL);
    union sigval v = {.sival_int = 11};
    sigqueue(getpid(), 40, v);
    v.sival_int = 12;
    sigqueue(getpid(), 40, v);
    sigqueue(getpid(), SIGSEGV, v);
    raise(SIGUSR1);
    v.sival_int = 13;
    sigqueue(getpid(), 64, v);
    raise(64);
    int seen[128] = {0};
    for (int i = 0; i < 6; i++) {
        int sig = sigwaitinfo(&set, &info);
        MUST(sig > 0);
        seen[sig] += info.si_code == SI_QUEUE ? info.si_value.sival_int : 1000 + info.si_code;
    }
    for (int i = 0; i < 128; i++) {
        if (seen[i]) {
            printf("took %d: %d\n", i, seen[i]);
        }
    }
    struct timespec t = {.tv_nsec = 1000000};
    int sig = sigtimedwait(&set, &info, &t);
    printf("nothing left: %d %s\n", sig, strerror(errno));
    pid_t me = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        usleep(30000);
        kill(me, SIGSEGV);
        usleep(30000);
        kill(me, 64);
        _exit(0);
    }
    for (int i = 0; i < 2; i++) {
        sig = sigwaitinfo(&set, &info);
        printf("from child: %d code %d right sender %d\n", sig, info.si_code, info.si_pid == pid);
    }
    waitpid(pid, NULL, 0);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void signal_fd(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    MUST(fd >= 0);
    struct signalfd_siginfo info;
    printf("empty: %zd", read(fd, &info, sizeof(info)));
    printf(" %s\n", strerror(errno));
    raise(SIGUSR1);
    MUST(read(fd, &info, sizeof(info)) == sizeof(info));
    printf("signalfd: %u code %d\n", info.ssi_signo, info.ssi_code);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(3);
    }
    struct pollfd p = {.fd = fd, .events = POLLIN};
    MUST(poll(&p, 1, -1) == 1);
    MUST(read(fd, &info, sizeof(info)) == sizeof(info));
    printf("signalfd: %u code %d status %d\n", info.ssi_signo, info.ssi_code, info.ssi_status);
    waitpid(pid, NULL, 0);
    close(fd);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void temporary(void)
{
    sigset_t set, now;
    block(SIG_BLOCK, SIGUSR1, SIGUSR2, SIGFPE);
    handle(SIGUSR1, handler, SA_RESTART);
    handle(SIGUSR2, handler, 0);
    handle(SIGFPE, handler, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGHUP);
    struct timespec none = {0}, some = {.tv_sec = 5};
    int fds[2];
    MUST(pipe(fds) == 0);
    struct pollfd p = {.fd = fds[0], .events = POLLIN};
    int ep = epoll_create1(0);
    struct epoll_event ev;
    const int sigs[] = {SIGUSR1, SIGFPE};
    for (size_t i = 0; i < 2; i++) {
        raise(sigs[i]);
        raise(SIGUSR2); /* stays blocked */
        int r = sigsuspend(&set);
        printf("sigsuspend %d %s\n", r, strerror(errno));
        raise(sigs[i]);
        r = ppoll(&p, 1, &some, &set);
        printf("ppoll %d %s\n", r, strerror(errno));
        raise(sigs[i]);
        r = pselect(0, NULL, NULL, NULL, &some, &set);
        printf("pselect %d %s\n", r, strerror(errno));
        raise(sigs[i]);
        r = epoll_pwait(ep, &ev, 1, 5000, &set);
        printf("epoll_pwait %d %s\n", r, strerror(errno));
        sigprocmask(SIG_BLOCK, NULL, &now);
        show_mask("mask afterwards", &now);
    }
    /* ready at once: no signal is taken */
    MUST(write(fds[1], "x", 1) == 1);
    printf("ppoll ready: %d\n", ppoll(&p, 1, &some, &set));
    sigset_t old = set;
    sigfillset(&set);
    printf("pselect nothing: %d\n", pselect(0, NULL, NULL, NULL, &none, &set));
    (void)old;
    block(SIG_UNBLOCK, SIGUSR1, SIGUSR2, SIGFPE);
    sigprocmask(SIG_BLOCK, NULL, &now);
    show_mask("at the end", &now);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    wait_info();
    signal_fd();
    temporary();
    return 0;
}
