/* Robust mutexes whose owner ends, a thread or a process; PI mutexes. */
#include "guest_test.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

static void make(pthread_mutex_t *m, int shared, int protocol)
{
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&a, shared);
    pthread_mutexattr_setprotocol(&a, protocol);
    MUST(pthread_mutex_init(m, &a) == 0);
}

static void *hold(void *arg)
{
    pthread_mutex_lock(arg);
    return NULL; /* dies with it */
}

static int held[2]; /* a pipe: says that the mutex is taken */

static void say(void)
{
    MUST(write(held[1], "x", 1) == 1);
}

static void hear(void)
{
    char c;
    MUST(read(held[0], &c, 1) == 1);
}

static void *hold_a_while(void *arg)
{
    pthread_mutex_lock(arg);
    say();
    usleep(50000);
    return NULL;
}

static void by_thread(int protocol)
{
    pthread_mutex_t m[3];
    pthread_t t;
    for (int i = 0; i < 3; i++) {
        make(&m[i], PTHREAD_PROCESS_PRIVATE, protocol);
        MUST(pthread_create(&t, NULL, hold, &m[i]) == 0);
        pthread_join(t, NULL);
        printf("trylock: %s\n", strerror(pthread_mutex_trylock(&m[i])));
        MUST(pthread_mutex_consistent(&m[i]) == 0);
        MUST(pthread_mutex_unlock(&m[i]) == 0);
    }
    make(&m[0], PTHREAD_PROCESS_PRIVATE, protocol);
    MUST(pthread_create(&t, NULL, hold_a_while, &m[0]) == 0);
    hear();
    printf("waiting: %s\n", strerror(pthread_mutex_lock(&m[0])));
    pthread_mutex_unlock(&m[0]); /* not made consistent */
    printf("then: %s\n", strerror(pthread_mutex_lock(&m[0])));
    pthread_join(t, NULL);
}

static void by_process(int protocol, int how)
{
    pthread_mutex_t *m =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    make(m, PTHREAD_PROCESS_SHARED, protocol);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_mutex_lock(m);
        say();
        usleep(30000);
        if (how) {
            raise(SIGKILL);
        }
        _exit(0);
    }
    hear();
    printf("process: %s\n", strerror(pthread_mutex_lock(m)));
    MUST(pthread_mutex_consistent(m) == 0);
    pthread_mutex_unlock(m);
    printf("again: %s\n", strerror(pthread_mutex_lock(m)));
    waitpid(pid, NULL, 0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    MUST(pipe(held) == 0);
    by_thread(PTHREAD_PRIO_NONE);
    by_thread(PTHREAD_PRIO_INHERIT);
    by_process(PTHREAD_PRIO_NONE, 0);
    by_process(PTHREAD_PRIO_NONE, 1);
    by_process(PTHREAD_PRIO_INHERIT, 0);
    by_process(PTHREAD_PRIO_INHERIT, 1);
    return 0;
}
