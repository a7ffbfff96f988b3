/* System calls and signals: which ones are made again after a handler with
 * SA_RESTART and which fail with EINTR, and that no wake-up is lost. The
 * signals come from a child that waits until we sleep. */
#include "guest_test.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static volatile sig_atomic_t seen;

static atomic_int *handled; /* as seen, but shared with the helper */

static void handler(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    (void)context;
    seen++;
    atomic_fetch_add(handled, 1);
}

/* Waits until the process sleeps in the kernel, and not only for a moment. */
static void wait_asleep(pid_t pid)
{
    char path[64], text[256];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    for (int asleep = 0; asleep < 5;) {
        int fd = open(path, O_RDONLY);
        ssize_t n = read(fd, text, sizeof(text) - 1);
        close(fd);
        if (n <= 0) {
            _exit(1);
        }
        text[n] = 0;
        char *paren = strrchr(text, ')');
        asleep = paren && paren[2] == 'S' ? asleep + 1 : 0;
        usleep(5000);
    }
}

static int pipe_fd[2];

/* A child that interrupts us, then, when a handler has run, makes the call
 * succeed. */
static pid_t helper(int times)
{
    pid_t me = getpid();
    int before = atomic_load(handled);
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < times; i++) {
            wait_asleep(me);
            kill(me, SIGUSR1);
        }
        while (atomic_load(handled) == before) {
            usleep(1000);
        }
        usleep(100000);
        if (write(pipe_fd[1], "x", 1) != 1) {
            _exit(1);
        }
        _exit(0);
    }
    return pid;
}

static long call_read(void)
{
    char c;
    return read(pipe_fd[0], &c, 1);
}

static void drain(void)
{
    char c;
    fcntl(pipe_fd[0], F_SETFL, O_NONBLOCK);
    while (read(pipe_fd[0], &c, 1) > 0) {
    }
    fcntl(pipe_fd[0], F_SETFL, 0);
}

static long call_poll(void)
{
    struct pollfd p = {.fd = pipe_fd[0], .events = POLLIN};
    return poll(&p, 1, -1);
}

static long call_ppoll(void)
{
    struct pollfd p = {.fd = pipe_fd[0], .events = POLLIN};
    sigset_t set;
    sigemptyset(&set);
    return ppoll(&p, 1, NULL, &set);
}

static long call_select(void)
{
    fd_set r;
    FD_ZERO(&r);
    FD_SET(pipe_fd[0], &r);
    return select(pipe_fd[0] + 1, &r, NULL, NULL, NULL);
}

static long call_epoll(void)
{
    int fd = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN};
    epoll_ctl(fd, EPOLL_CTL_ADD, pipe_fd[0], &e);
    long r = epoll_wait(fd, &e, 1, -1);
    int saved = errno;
    close(fd);
    errno = saved;
    return r;
}

static long call_nanosleep(void)
{
    struct timespec t = {.tv_sec = 30};
    return nanosleep(&t, NULL);
}

static long call_clock_nanosleep(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += 30;
    int r = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
    errno = r;
    return r ? -1 : 0;
}

static int word;

static long call_futex_timed(void)
{
    struct timespec t = {.tv_sec = 30};
    return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0);
}

static long call_pause(void)
{
    return pause();
}

static long call_wait(void)
{
    int status;
    pid_t pid = waitpid(-1, &status, 0);
    return pid > 0 ? 1 : -1;
}

static long call_recv(void)
{
    int s[2];
    char c;
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    struct timeval tv = {.tv_sec = 30};
    setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    long r = recv(s[0], &c, 1, 0);
    int saved = errno;
    close(s[0]);
    close(s[1]);
    errno = saved;
    return r;
}

static long call_sigtimedwait(void)
{
    sigset_t set;
    struct timespec t = {.tv_sec = 30};
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return sigtimedwait(&set, NULL, &t);
}

static long call_sigsuspend(void)
{
    sigset_t set;
    sigemptyset(&set);
    return sigsuspend(&set);
}

static void try(const char *name, long (*call)(void), int flags, int times)
{
    handle(SIGUSR1, handler, flags);
    seen = 0;
    pid_t pid = helper(times);
    long r = call();
    int e = errno;
    int status;
    waitpid(pid, &status, 0);
    printf("%s %s: %ld %s, interrupted %d\n", name, flags ? "SA_RESTART" : "plain", r,
           r < 0 ? strerror(e) : "", seen > 0);
    drain();
}

/* Many short sleeps against many signals: an interruption that came just
 * before the kernel was entered must not be slept through. */
static void no_lost_wakeup(void)
{
    struct itimerval timer = {.it_interval = {0, 300}, .it_value = {0, 300}};
    handle(SIGALRM, handler, 0);
    seen = 0;
    MUST(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    for (int i = 0; i < 2000; i++) {
        int before = seen;
        pause();
        MUST(seen > before);
    }
    char c;
    for (int i = 0; i < 1000; i++) {
        MUST(read(pipe_fd[0], &c, 1) == -1 && errno == EINTR);
    }
    memset(&timer, 0, sizeof(timer));
    setitimer(ITIMER_REAL, &timer, NULL);
    printf("no wake-up lost\n");
}

int main(void)
{
    handled =
        mmap(NULL, sizeof(*handled), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(handled != MAP_FAILED);
    setvbuf(stdout, NULL, _IONBF, 0);
    MUST(pipe(pipe_fd) == 0);
    const struct {
        const char *name;
        long (*call)(void);
        int wakes; /* the pipe's byte makes it succeed */
    } calls[] = {
        {"read", call_read, 1},
        {"poll", call_poll, 1},
        {"ppoll", call_ppoll, 1},
        {"select", call_select, 1},
        {"epoll_wait", call_epoll, 1},
        {"nanosleep", call_nanosleep, 0},
        {"clock_nanosleep", call_clock_nanosleep, 0},
        {"futex", call_futex_timed, 0},
        {"pause", call_pause, 0},
        {"wait", call_wait, 0},
        {"recv", call_recv, 0},
        {"sigtimedwait", call_sigtimedwait, 0},
        {"sigsuspend", call_sigsuspend, 0},
    };
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        try(calls[i].name, calls[i].call, 0, 1);
        try(calls[i].name, calls[i].call, SA_RESTART, calls[i].wakes ? 3 : 1);
    }
    no_lost_wakeup();
    return 0;
}
