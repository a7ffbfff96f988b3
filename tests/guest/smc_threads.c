/* Code that one thread changes while another runs it: atomically, as the
 * architecture allows. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "smc.h"

#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)

static atomic_int ready;
static atomic_bool stop;
static uint8_t *code;

static void *run_code(void *arg)
{
    int_fn *fn;
    memcpy(&fn, arg, sizeof(fn));
    atomic_fetch_add(&ready, 1);
    static _Thread_local int result;
    result = fn();
    return &result;
}

static void put16(uint8_t *at, uint8_t a, uint8_t b)
{
    uint16_t v = (uint16_t)(a | b << 8);
    uint16_t *p = (uint16_t *)(void *)at;
    __atomic_store_n(p, v, __ATOMIC_SEQ_CST);
}

/* The other thread is in `jmp self` until it is patched away. */
static void leave_spin(void)
{
    for (int i = 0; i < 10; i++) {
        pthread_t t;
        put16(code, 0xeb, 0xfe);
        put_return(code + 2, i);
        atomic_store(&ready, 0);
        int_fn *fn = as_fn(code);
        MUST(pthread_create(&t, NULL, run_code, &fn) == 0);
        while (!atomic_load(&ready)) {
        }
        for (volatile int k = 0; k < 100000; k++) {
        }
        put16(code, 0x66, 0x90); /* a NOP */
        MUST(pthread_join(t, NULL) == 0);
    }
    printf("spin loop left\n");
}

/* A loop that calls through a rel32, which another thread switches between
 * two functions: both must be seen, and nothing else. */
static atomic_long seen_one, seen_two, seen_other;

static void *call_again(void *arg)
{
    (void)arg;
    atomic_fetch_add(&ready, 1);
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        int r = as_fn(code + 3)();
        atomic_fetch_add(r == 1 ? &seen_one : r == 2 ? &seen_two : &seen_other, 1);
    }
    return NULL;
}

static void patch_call(void)
{
    /* at 3: call rel32 (the field aligned at 4); ret */
    uint8_t *f1 = code + 64, *f2 = code + PAGE + 64;
    put_return(f1, 1);
    put_return(f2, 2);
    code[3] = 0xe8;
    int32_t *field = (int32_t *)(void *)(code + 4);
    code[8] = 0xc3;
    __atomic_store_n(field, (int32_t)(f1 - (code + 8)), __ATOMIC_SEQ_CST);
    atomic_store(&ready, 0);
    pthread_t t;
    MUST(pthread_create(&t, NULL, call_again, NULL) == 0);
    while (!atomic_load(&ready)) {
    }
    for (int i = 0; i < 300; i++) { /* until the other thread has noticed */
        atomic_long *seen = i % 2 ? &seen_one : &seen_two;
        long before = atomic_load(seen);
        int32_t rel = (int32_t)((i % 2 ? f1 : f2) - (code + 8));
        __atomic_store_n(field, rel, __ATOMIC_SEQ_CST);
        while (atomic_load(seen) < before + 20 && !atomic_load(&seen_other)) {
        }
    }
    atomic_store(&stop, true);
    MUST(pthread_join(t, NULL) == 0);
    printf("patched call: nothing else seen %d\n", atomic_load(&seen_other) == 0);
}

/* Several threads make code on one page, each its own, and run it. */
static void *make_own(void *arg)
{
    uint8_t *mine = arg;
    long sum = 0;
    for (int i = 0; i < 500; i++) {
        put_return(mine, i);
        sum += as_fn(mine)();
    }
    MUST(sum == 500L * 499 / 2);
    return NULL;
}

static void share_page(void)
{
    pthread_t t[4];
    for (unsigned i = 0; i < 4; i++) {
        MUST(pthread_create(&t[i], NULL, make_own, code + 256 + 64 * i) == 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        MUST(pthread_join(t[i], NULL) == 0);
    }
    printf("page shared by writers: ok\n");
}

int main(void)
{
    code = map_code(2 * PAGE, RWX);
    leave_spin();
    patch_call();
    share_page();
    return 0;
}
