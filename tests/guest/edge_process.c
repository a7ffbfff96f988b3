/* Children and programs started at inconvenient moments: a vfork child that
 * gets signals while it executes a program, many of them with a large
 * environment, forks while other threads ask for limits, and an execve after
 * the first thread's end. */
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "guest_test.h"

static void nothing(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    (void)context;
}

static void reap(pid_t child)
{
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
}

static void vfork_under_fire(void)
{
    atomic_int *target =
        mmap(NULL, sizeof(*target), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    handle(SIGUSR1, nothing, SA_RESTART);
    pid_t sender = fork();
    if (sender == 0) {
        for (;;) {
            int pid = atomic_load(target);
            if (pid > 0) {
                kill(pid, SIGUSR1);
            }
            usleep(20);
        }
    }
    for (int i = 0; i < 15; i++) {
        pid_t child = vfork();
        if (child == 0) {
            atomic_store(target, getpid());
            execl("/bin/true", "true", (char *)NULL);
            _exit(1);
        }
        atomic_store(target, 0);
        reap(child);
    }
    kill(sender, SIGKILL);
    reap(sender);
    puts("vfork under fire: done");
}

static long resident_kb(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    MUST(f && fscanf(f, "%*d %ld", &pages) == 1);
    fclose(f);
    return pages * 4;
}

static void spawn_much(void)
{
    enum { STRINGS = 60000 };
    static char *env[STRINGS + 1];
    static char *argv[] = {"/nonexistent/program", NULL};
    static char *true_argv[] = {"/bin/true", NULL};
    long before = 0;
    for (int i = 0; i < STRINGS; i++) {
        env[i] = "A=1";
    }
    for (int i = 0; i < 24; i++) {
        pid_t child;
        before = i == 10 ? resident_kb() : before;
        if (posix_spawn(&child, i % 4 ? "/bin/true" : argv[0], NULL, NULL, true_argv, env) == 0) {
            reap(child);
        }
    }
    printf("spawning: memory %s\n", resident_kb() - before < 2048 ? "stays" : "grows");
}

static atomic_int stop;

static void *ask(void *unused)
{
    struct rlimit limit;
    while (!atomic_load(&stop)) {
        getrlimit(RLIMIT_STACK, &limit);
    }
    return unused;
}

static void fork_while_asking(void)
{
    pthread_t threads[2];
    int bad = 0;
    for (int i = 0; i < 2; i++) {
        MUST(pthread_create(&threads[i], NULL, ask, NULL) == 0);
    }
    for (int i = 0; i < 50 && bad == 0; i++) {
        pid_t child = fork();
        if (child == 0) {
            struct rlimit limit;
            alarm(10);
            getrlimit(RLIMIT_STACK, &limit);
            _exit(0);
        }
        int status;
        waitpid(child, &status, 0);
        bad += status != 0;
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    printf("fork while others ask for limits: %s\n", bad ? "hangs" : "done");
}

static void try_children(const char *when)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        _exit(3);
    }
    waitpid(child, &status, 0);
    printf("%s: fork %d,", when, status >> 8);
    child = vfork();
    if (child == 0) {
        for (int fd = 3; fd < 64; fd++) {
            close(fd);
        }
        execl("/bin/true", "true", (char *)NULL);
        _exit(9);
    }
    waitpid(child, &status, 0);
    printf(" execve %d\n", status);
}

/* In a child, as the limits can't be taken back. */
static void at_limits(void)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit size = {.rlim_cur = 100000, .rlim_max = 100000};
        MUST(setrlimit(RLIMIT_FSIZE, &size) == 0);
        try_children("small files only");
        const struct rlimit files = {.rlim_cur = 64, .rlim_max = 64};
        MUST(setrlimit(RLIMIT_NOFILE, &files) == 0);
        while (open("/dev/null", O_RDONLY) >= 0) {
        }
        try_children("no descriptors left");
        fflush(stdout);
        _exit(0);
    }
    reap(child);
}

static void *execute_late(void *unused)
{
    usleep(50000); /* the first thread is gone */
    execl("/bin/echo", "echo", "executed", (char *)NULL);
    printf("execl: %s\n", strerror(errno));
    exit(1);
    return unused;
}

int main(void)
{
    vfork_under_fire();
    spawn_much();
    fork_while_asking();
    at_limits();
    fflush(stdout);
    pthread_t t;
    MUST(pthread_create(&t, NULL, execute_late, NULL) == 0);
    pthread_exit(NULL);
}
