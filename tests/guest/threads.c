/* POSIX threads: mutexes, conditions, barriers, read-write locks, thread-local
 * storage, cancellation, signals to threads. */
#include "guest_test.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#define THREADS 6
#define ROUNDS  5000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static long counter, turn, shared_value, rw_errors;
static atomic_long atomic_counter;
static _Thread_local long local = 7;

static void *count(void *arg)
{
    long me = (long)arg;
    local += me;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
        atomic_fetch_add(&atomic_counter, 1);
        __asm__ volatile("lock incq %0" : "+m"(shared_value));
        local++;
    }
    return (void *)local;
}

static void *take_turns(void *arg)
{
    long me = (long)arg;
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % THREADS != me) {
            pthread_cond_wait(&cond, &mutex);
        }
        turn++;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void *meet(void *arg)
{
    static atomic_long arrived;
    long errors = 0;
    (void)arg;
    for (int i = 1; i <= 200; i++) {
        atomic_fetch_add(&arrived, 1);
        pthread_barrier_wait(&barrier);
        errors += atomic_load(&arrived) != (long)i * THREADS;
        pthread_barrier_wait(&barrier);
    }
    return (void *)errors;
}

static void *read_write(void *arg)
{
    static long a, b;
    long me = (long)arg;
    for (int i = 0; i < 2000; i++) {
        if (i % 8 == me) {
            pthread_rwlock_wrlock(&rwlock);
            a++;
            b++;
        } else {
            pthread_rwlock_rdlock(&rwlock);
            rw_errors += a != b;
        }
        pthread_rwlock_unlock(&rwlock);
    }
    return NULL;
}

static long run(void *(*fn)(void *))
{
    pthread_t t[THREADS];
    long sum = 0;
    for (long i = 0; i < THREADS; i++) {
        MUST(pthread_create(&t[i], NULL, fn, (void *)i) == 0);
    }
    for (long i = 0; i < THREADS; i++) {
        void *r;
        MUST(pthread_join(t[i], &r) == 0);
        sum += (long)r;
    }
    return sum;
}

static int cleaned;

static void cleanup(void *arg)
{
    cleaned += *(int *)arg;
}

static void *be_cancelled(void *arg)
{
    int n = (int)(long)arg;
    pthread_cleanup_push(cleanup, &n);
    if (n == 1) {
        for (;;) {
            pause();
        }
    } else if (n == 10) {
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
        for (volatile long i = 0;; i++) {
        }
    } else {
        char c;
        int fds[2];
        MUST(pipe(fds) == 0);
        (void)!read(fds[0], &c, 1);
    }
    pthread_cleanup_pop(0);
    return NULL;
}

static void cancel(void)
{
    const long kinds[] = {1, 10, 100};
    for (size_t i = 0; i < 3; i++) {
        pthread_t t;
        void *r;
        MUST(pthread_create(&t, NULL, be_cancelled, (void *)kinds[i]) == 0);
        usleep(10000);
        MUST(pthread_cancel(t) == 0);
        MUST(pthread_join(t, &r) == 0);
        printf("cancelled %d, cleaned %d\n", r == PTHREAD_CANCELED, cleaned);
    }
}

static atomic_int got[3];
static _Thread_local int my_index = -1;

static void to_thread(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    (void)context;
    if (my_index >= 0) {
        atomic_fetch_add(&got[my_index], 1);
    }
}

static atomic_int ready, finish;

static void *receive(void *arg)
{
    my_index = (int)(long)arg;
    atomic_fetch_add(&ready, 1);
    while (!atomic_load(&finish)) {
        if (my_index == 0) {
            usleep(1000);
        }
    }
    return NULL;
}

static void signals_to_threads(void)
{
    pthread_t t[3];
    handle(SIGUSR1, to_thread, SA_RESTART);
    for (long i = 0; i < 3; i++) {
        MUST(pthread_create(&t[i], NULL, receive, (void *)i) == 0);
    }
    while (atomic_load(&ready) < 3) {
        sched_yield();
    }
    for (int n = 1; n <= 50; n++) {
        for (int i = 0; i < 3; i++) {
            MUST(pthread_kill(t[i], SIGUSR1) == 0);
            while (atomic_load(&got[i]) < n) {
                sched_yield();
            }
        }
    }
    atomic_store(&finish, 1);
    for (int i = 0; i < 3; i++) {
        pthread_join(t[i], NULL);
        printf("thread got %d\n", atomic_load(&got[i]));
    }
    printf("no such thread: %ld", syscall(SYS_tgkill, getpid(), 0x3ffffff, 0));
    printf(" %s\n", strerror(errno));
}

static sem_t sem;

static void *post(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        sem_post(&sem);
    }
    return arg;
}

static void timed(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += 20000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    pthread_mutex_lock(&mutex);
    printf("timed wait: %s\n", strerror(pthread_cond_timedwait(&cond, &mutex, &t)));
    pthread_mutex_unlock(&mutex);
    MUST(sem_init(&sem, 0, 0) == 0);
    pthread_t p;
    pthread_create(&p, NULL, post, NULL);
    for (int i = 0; i < 1000; i++) {
        sem_wait(&sem);
    }
    pthread_join(p, NULL);
    printf("semaphore empty: %d\n", sem_trywait(&sem));
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    printf("locals %ld\n", run(count));
    printf("counters %ld %ld %ld\n", counter, atomic_load(&atomic_counter), shared_value);
    run(take_turns);
    printf("turns %ld\n", turn);
    MUST(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
    printf("barrier errors %ld\n", run(meet));
    run(read_write);
    printf("read-write errors %ld\n", rw_errors);
    printf("my local %ld\n", local);
    cancel();
    signals_to_threads();
    timed();
    return 0;
}
