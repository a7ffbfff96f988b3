/* fork while other threads run, allocate and hold locks; children that make
 * threads themselves and run code that is new to them. */
#include "guest_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static atomic_int stop;
static int at_fork[3];

static void *busy(void *arg)
{
    unsigned long x = (unsigned long)arg;
    while (!atomic_load(&stop)) {
        char *p = malloc(100 + x % 5000);
        memset(p, 1, 100);
        free(p);
        x = x * 6364136223846793005u + 1;
        void *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        munmap(m, 8192);
    }
    return NULL;
}

static void *child_thread(void *arg)
{
    char text[64];
    snprintf(text, sizeof(text), "%.3f", (double)(long)arg / 8);
    return (void *)(long)strlen(text);
}

static void before(void)
{
    at_fork[0]++;
}

static void in_parent(void)
{
    at_fork[1]++;
}

static void in_child(void)
{
    at_fork[2]++;
}

static volatile int handled;

static void handler(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    (void)context;
    handled++;
}

static int child(int n)
{
    pthread_t t[2];
    long sum = 0;
    for (long i = 0; i < 2; i++) {
        if (pthread_create(&t[i], NULL, child_thread, (void *)i) != 0) {
            return 1;
        }
    }
    for (int i = 0; i < 2; i++) {
        void *r;
        pthread_join(t[i], &r);
        sum += (long)r;
    }
    raise(SIGUSR1);
    if (sum != 10 || handled != 1 || getpid() != gettid()) {
        return 2;
    }
    if (n % 3 == 0) { /* a grandchild */
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            _exit(getppid() == 0);
        }
        if (waitpid(pid, &status, 0) != pid || status != 0) {
            return 3;
        }
    }
    return 10 + n;
}

static void *forker(void *arg)
{
    pid_t pid = fork();
    if (pid == 0) { /* the only thread, and the first */
        _exit(getpid() == gettid() ? 77 : 1);
    }
    int status;
    MUST(waitpid(pid, &status, 0) == pid);
    printf("fork from a thread: %d\n", WEXITSTATUS(status));
    return arg;
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    handle(SIGUSR1, handler, 0);
    pthread_atfork(before, in_parent, in_child);
    pthread_t t[3];
    for (long i = 0; i < 3; i++) {
        MUST(pthread_create(&t[i], NULL, busy, (void *)i) == 0);
    }
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        MUST(pid >= 0);
        if (pid == 0) {
            _exit(child(i));
        }
        int status;
        MUST(waitpid(pid, &status, 0) == pid);
        printf("child %d: %d %d\n", i, WIFEXITED(status), WEXITSTATUS(status));
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < 3; i++) {
        pthread_join(t[i], NULL);
    }
    MUST(pthread_create(&t[0], NULL, forker, NULL) == 0);
    pthread_join(t[0], NULL);
    printf("handlers %d %d %d\n", at_fork[0], at_fork[1], at_fork[2]);
    /* shared memory is, private is not */
    int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int private = 1;
    pid_t pid = (pid_t)syscall(SYS_fork);
    if (pid == 0) {
        shared[0] = 5;
        private = 5;
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    printf("shared %d private %d\n", shared[0], private);
    return 0;
}
