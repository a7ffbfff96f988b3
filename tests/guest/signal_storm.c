/* A timer's signals rain on computations in integer, vector and x87 registers
 * and in string instructions: no result may change. */
#include "guest_test.h"

#include <pthread.h>
#include <sys/time.h>

static volatile sig_atomic_t hits;

static void handler(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    (void)context;
    /* whatever is live in the interrupted code must survive this */
    __asm__ volatile("pxor %%xmm0, %%xmm0; pcmpeqd %%xmm7, %%xmm7; fninit; fldz; fld1; std; cld" ::
                         : "xmm0", "xmm7", "cc");
    hits++;
}

static uint64_t integers(void)
{
    uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6;
    for (int i = 0; i < 3000000; i++) {
        a = a * 6364136223846793005u + 1442695040888963407u;
        b ^= a >> 7;
        c += b << 3;
        d = (d << 13 | d >> 51) ^ c;
        e += d & 1 ? a : b;
        f -= e;
    }
    return a ^ b ^ c ^ d ^ e ^ f;
}

static uint64_t carries(void)
{
    uint64_t lo = 1, hi = 0, n = 2000000;
    __asm__ volatile("1: add %[k], %[lo]\n"
                     "adc %[lo], %[hi]\n"
                     "rcl $3, %[lo]\n"
                     "adc $7, %[hi]\n"
                     "dec %[n]\n"
                     "jnz 1b\n"
                     : [lo] "+r"(lo), [hi] "+r"(hi), [n] "+r"(n)
                     : [k] "r"(0x9e3779b97f4a7c15u)
                     : "cc");
    return lo ^ hi;
}

static uint64_t vectors(void)
{
    uint64_t out[2], n = 2000000;
    static const uint64_t k[2] = {0x0123456789abcdef, 0xfedcba9876543210};
    __asm__ volatile("movdqu %[k], %%xmm0\n"
                     "movdqa %%xmm0, %%xmm1\n"
                     "1: paddq %%xmm0, %%xmm1\n"
                     "pshufd $0x39, %%xmm1, %%xmm7\n"
                     "pxor %%xmm7, %%xmm0\n"
                     "dec %[n]\n"
                     "jnz 1b\n"
                     "paddq %%xmm1, %%xmm0\n"
                     "movdqu %%xmm0, %[out]\n"
                     : [out] "=m"(out), [n] "+r"(n)
                     : [k] "m"(k)
                     : "xmm0", "xmm1", "xmm7", "cc");
    return out[0] ^ out[1];
}

static uint64_t x87(void)
{
    long double x = 1.0L, y = 0.5L;
    for (int i = 0; i < 500000; i++) {
        x = x * 1.0000001L + y;
        y = y * 0.9999999L;
    }
    uint64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static uint64_t strings(void)
{
    static char from[50000], to[50000];
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof(from); i++) {
        from[i] = (char)(i * 7);
    }
    for (int i = 0; i < 300; i++) {
        char *d = to, *s = from;
        unsigned long n = sizeof(from);
        from[i] ^= (char)i;
        __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
        sum = sum * 31 + (uint64_t)memcmp(from, to, sizeof(from)) + (uint64_t)(d - to);
    }
    return sum;
}

static uint64_t recurse(unsigned n)
{
    return n < 2 ? n : recurse(n - 1) + recurse(n - 2);
}

static uint64_t calls(void)
{
    return recurse(27);
}

/* Below the stack pointer, leaf functions keep their locals. */
static uint64_t red_zone(void)
{
    uint64_t n = 1000000, bad = 0;
    __asm__ volatile("1: mov %[n], -8(%%rsp)\n"
                     "mov %[n], -128(%%rsp)\n"
                     "mov -8(%%rsp), %%rax\n"
                     "cmp -128(%%rsp), %%rax\n"
                     "je 2f\n"
                     "inc %[bad]\n"
                     "2: dec %[n]\n"
                     "jnz 1b\n"
                     : [n] "+r"(n), [bad] "+r"(bad)
                     :
                     : "rax", "memory", "cc");
    return bad;
}

static const struct {
    const char *name;
    uint64_t (*fn)(void);
} work[] = {{"integers", integers}, {"carries", carries}, {"vectors", vectors},  {"x87", x87},
            {"strings", strings},   {"calls", calls},     {"red zone", red_zone}};
#define WORKS (sizeof(work) / sizeof(work[0]))

static void *thread(void *arg)
{
    uint64_t *results = arg;
    for (size_t i = 0; i < WORKS; i++) {
        if (work[i].fn != strings) { /* it has static buffers */
            results[i] = work[i].fn();
        }
    }
    return NULL;
}

int main(void)
{
    uint64_t quiet[WORKS], stormy[WORKS], other[WORKS] = {0};
    for (size_t i = 0; i < WORKS; i++) {
        quiet[i] = work[i].fn();
    }
    struct itimerval timer = {.it_interval = {0, 100}, .it_value = {0, 100}};
    handle(SIGALRM, handler, SA_RESTART);
    handle(SIGVTALRM, handler, SA_RESTART | SA_NODEFER);
    MUST(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    MUST(setitimer(ITIMER_VIRTUAL, &timer, NULL) == 0);
    pthread_t t;
    MUST(pthread_create(&t, NULL, thread, other) == 0);
    for (size_t i = 0; i < WORKS; i++) {
        stormy[i] = work[i].fn();
    }
    pthread_join(t, NULL);
    memset(&timer, 0, sizeof(timer));
    setitimer(ITIMER_REAL, &timer, NULL);
    setitimer(ITIMER_VIRTUAL, &timer, NULL);
    for (size_t i = 0; i < WORKS; i++) {
        printf("%s %016lx: same %d, in a thread %d\n", work[i].name, quiet[i],
               stormy[i] == quiet[i], work[i].fn == strings || other[i] == quiet[i]);
    }
    printf("signals came: %d\n", hits > 10);
    return 0;
}
