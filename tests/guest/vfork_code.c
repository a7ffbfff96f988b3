/* A vfork child that runs much new code while its parent's other threads run:
 * with a small translation cache it flushes what they are running from. */
#include "guest_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define FUNCTIONS 20000
#define SIZE      32

static atomic_int stop;
static unsigned char *code;

static void *spinner(void *arg)
{
    unsigned long n = 0;
    do {
        n++;
    } while (!atomic_load(&stop));
    MUST(n > 0);
    return arg;
}

/* mov $i, %eax; ret */
static void make_code(void)
{
    code = mmap(NULL, FUNCTIONS * SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(code != MAP_FAILED);
    for (int i = 0; i < FUNCTIONS; i++) {
        unsigned char *at = code + i * SIZE;
        at[0] = 0xb8;
        memcpy(at + 1, &i, 4);
        at[5] = 0xc3;
    }
}

static long run_all(void)
{
    long sum = 0;
    for (int i = 0; i < FUNCTIONS; i++) {
        int (*fn)(void) = (int (*)(void))(uintptr_t)(code + i * SIZE);
        sum += fn();
    }
    return sum;
}

int main(void)
{
    static volatile long result;
    pthread_t t[2];
    make_code();
    for (int i = 0; i < 2; i++) {
        MUST(pthread_create(&t[i], NULL, spinner, NULL) == 0);
    }
    for (int i = 0; i < 3; i++) {
        pid_t pid = vfork();
        if (pid == 0) {
            result = run_all();
            _exit(i);
        }
        int status;
        MUST(waitpid(pid, &status, 0) == pid);
        printf("child %d: %d, %ld; here %ld\n", i, WEXITSTATUS(status), result, run_all());
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < 2; i++) {
        pthread_join(t[i], NULL);
    }
    return 0;
}
