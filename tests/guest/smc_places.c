/* Code in all the places a program may write it to: the heap, the stack,
 * data, and a mapping that is never both writable and executable. */
#include <stdlib.h>

#include "smc.h"

#define RW  (PROT_READ | PROT_WRITE)
#define RX  (PROT_READ | PROT_EXEC)
#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)

static _Alignas(4096) uint8_t in_data[2 * PAGE];

static void make_executable(void *p, size_t n)
{
    uintptr_t start = (uintptr_t)p & ~(uintptr_t)(PAGE - 1);
    uintptr_t end = ((uintptr_t)p + n + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    void *at;
    memcpy(&at, &start, sizeof(at));
    MUST(mprotect(at, end - start, RWX) == 0);
}

static int sum_of_rewrites(uint8_t *code, int rounds)
{
    int sum = 0;
    for (int i = 0; i < rounds; i++) {
        put_return(code, i);
        sum += as_fn(code)();
    }
    return sum;
}

static void on_the_stack(void)
{
    uint8_t code[64];
    make_executable(code, sizeof(code));
    printf("stack: %d\n", sum_of_rewrites(code, 200));
}

/* Data next to code on one page changes all the time. */
static void mixed_with_data(uint8_t *page)
{
    volatile uint32_t *counter = (volatile uint32_t *)(void *)(page + 2048);
    *counter = 0;
    put_return(page, 5);
    int sum = 0;
    for (int i = 0; i < 2000; i++) {
        sum += as_fn(page)();
        (*counter)++;
    }
    printf("mixed with data: %d %u\n", sum, *counter);
}

/* What JIT compilers do: write, make executable, run, make writable again. */
static void toggled(void)
{
    uint8_t *code = map_code(PAGE, RW);
    int sum = 0;
    for (int i = 0; i < 300; i++) {
        MUST(mprotect(code, PAGE, RW) == 0);
        for (unsigned k = 0; k < 16; k++) {
            put_return(code + 16 * k, i + (int)k);
        }
        MUST(mprotect(code, PAGE, RX) == 0);
        for (unsigned k = 0; k < 16; k++) {
            sum += as_fn(code + 16 * k)();
        }
    }
    printf("toggled: %d\n", sum);
    MUST(munmap(code, PAGE) == 0);
}

/* Many functions that call each other through direct calls, generated anew. */
static void call_chain(uint8_t *code)
{
    enum { LINKS = 100 };
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < LINKS; i++) {
            uint8_t *at = code + 32 * i;
            if (i == LINKS - 1) {
                put_return(at, round);
                continue;
            }
            int32_t rel = 32 - 5;
            at[0] = 0xe8; /* call the next */
            memcpy(at + 1, &rel, 4);
            at[5] = 0x83; /* add eax, 1 */
            at[6] = 0xc0;
            at[7] = 1;
            at[8] = 0xc3;
        }
        int got = as_fn(code)();
        MUST(got == round + LINKS - 1);
    }
    printf("call chain: ok\n");
}

int main(void)
{
    uint8_t *heap = malloc(3 * PAGE);
    MUST(heap);
    make_executable(heap, 3 * PAGE);
    printf("heap: %d\n", sum_of_rewrites(heap + 100, 200));
    make_executable(in_data, sizeof(in_data));
    printf("data: %d\n", sum_of_rewrites(in_data + PAGE - 3, 200));
    on_the_stack();
    mixed_with_data(in_data);
    toggled();
    call_chain(in_data);
    return 0;
}
