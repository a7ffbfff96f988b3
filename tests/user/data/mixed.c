/* A bit of everything a C program does; prints the same everywhere. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_long shared;
static long plain;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local int mine = 7;
static sigjmp_buf back;
static volatile sig_atomic_t seen;

static void *adder(void *arg)
{
    for (int i = 0; i < 20000; i++) {
        atomic_fetch_add(&shared, 1);
        pthread_mutex_lock(&lock);
        plain++;
        pthread_mutex_unlock(&lock);
    }
    mine += (int)(intptr_t)arg;
    return (void *)(intptr_t)mine;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
    (void)context;
    seen = sig;
    siglongjmp(back, info->si_code ? info->si_code : 99);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t ackermann(uint64_t m, uint64_t n)
{
    return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

static double integrate(double (*f)(double), double a, double b, int n)
{
    double sum = 0, h = (b - a) / n;
    for (int i = 0; i < n; i++)
        sum += f(a + (i + 0.5) * h) * h;
    return sum;
}

int main(void)
{
    static uint32_t numbers[50000];
    uint32_t x = 1;
    for (size_t i = 0; i < 50000; i++)
        numbers[i] = x = x * 1664525u + 1013904223u;
    qsort(numbers, 50000, sizeof *numbers, compare);
    printf("%u %u %u\n", numbers[0], numbers[25000], numbers[49999]);

    printf("%llu\n", (unsigned long long)ackermann(2, 500));
    printf("%.12f %.12f %.12Lf\n", integrate(sin, 0, 3, 20000), integrate(exp, -1, 1, 20000),
           sqrtl(2.0L));
    printf("%a %g %g %d\n", fma(0.1, 10, -1), nextafter(1, 2), fmod(-7.5, 2), (int)lrint(2.5));

    pthread_t threads[4];
    for (intptr_t i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, adder, (void *)i);
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        printf("%ld ", (long)(intptr_t)result);
    }
    printf("%ld %ld\n", atomic_load(&shared), plain);

    struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &act, NULL);
    sigaction(SIGFPE, &act, NULL);
    int code = sigsetjmp(back, 1);
    if (code == 0)
        *(volatile int *)8 = 1;
    printf("signal %d code %d\n", (int)seen, code);
    volatile int zero = 0;
    code = sigsetjmp(back, 1);
    if (code == 0)
        printf("%d\n", 1 / zero);
    printf("signal %d code %d\n", (int)seen, code);

    unsigned char *code_page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 5; i++) {
        const unsigned char body[] = {0xb8, (unsigned char)(40 + i), 0, 0, 0,
                                      0xc3}; /* mov eax, 40 + i; ret */
        memcpy(code_page, body, sizeof body);
        int (*made)(void);
        memcpy(&made, &code_page, sizeof made);
        printf("%d ", made());
    }
    printf("\n");

    int fds[2], status;
    if (pipe(fds))
        return 1;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], 1);
        execlp("echo", "echo", "from the child", (char *)NULL);
        _exit(1);
    }
    close(fds[1]);
    char text[100] = "";
    ssize_t n = read(fds[0], text, sizeof text - 1);
    waitpid(pid, &status, 0);
    printf("%zd %s%d %s\n", n, text, WEXITSTATUS(status), strerror(ENOENT));
    return 3;
}
