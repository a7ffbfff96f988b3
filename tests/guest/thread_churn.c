/* Threads that come and go by the hundred, joined or detached, while others
 * run code that has not been translated yet. */
#include "guest_test.h"

#include <pthread.h>
#include <stdatomic.h>

static atomic_long done;

static void *add(void *arg)
{
    atomic_fetch_add(&done, (long)arg);
    return arg;
}

static void *creator(void *arg)
{
    for (long i = 0; i < 60; i++) {
        pthread_t t;
        void *r;
        MUST(pthread_create(&t, NULL, add, (void *)1L) == 0);
        MUST(pthread_join(t, &r) == 0 && r == (void *)1L);
    }
    return arg;
}

static void *sorter(void *arg);

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void *sorter(void *arg)
{
    int v[512];
    unsigned x = (unsigned)(long)arg;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 512; i++) {
            x = x * 1103515245u + 12345u;
            v[i] = (int)(x >> 8);
        }
        qsort(v, 512, sizeof(v[0]), compare);
        for (int i = 1; i < 512; i++) {
            MUST(v[i - 1] <= v[i]);
        }
    }
    return NULL;
}

int main(void)
{
    pthread_t t[8];
    for (long i = 0; i < 4; i++) {
        MUST(pthread_create(&t[i], NULL, creator, NULL) == 0);
        MUST(pthread_create(&t[4 + i], NULL, sorter, (void *)i) == 0);
    }
    for (int i = 0; i < 8; i++) {
        MUST(pthread_join(t[i], NULL) == 0);
    }
    printf("joined %ld\n", atomic_load(&done));
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < 200; i++) {
        pthread_t d;
        while (pthread_create(&d, &attr, add, (void *)1000L) != 0) {
            usleep(1000);
        }
    }
    while (atomic_load(&done) < 240 + 200 * 1000L) {
        usleep(1000);
    }
    printf("detached %ld\n", atomic_load(&done));
    return 0;
}
