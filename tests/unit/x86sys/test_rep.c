/* REP MOVS and REP STOS as translated code, on memory that the TLB knows and does not
 * know, against one element after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bare.h"

#define WINDOW 0x400000 /* linear and physical */
#define SPAN   (16 * 4096)

static uint8_t expected[SPAN];
static uint64_t seed = 7;

static uint64_t random_next(void)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return seed;
}

static uint32_t random_below(uint32_t n)
{
    return (uint32_t)(random_next() >> 33) % n;
}

struct rep {
    bool movs, down, code64;
    unsigned size;
    uint64_t si, di, cx, ax;
    uint32_t flags;
};

static void reference(struct rep *c)
{
    uint64_t step = c->down ? 0 - (uint64_t)c->size : c->size;
    for (; c->cx; c->cx--) {
        if (c->movs) {
            memmove(&expected[c->di - WINDOW], &expected[c->si - WINDOW], c->size);
            c->si += step;
        } else {
            memcpy(&expected[c->di - WINDOW], &c->ax, c->size);
        }
        c->di += step;
    }
}

static void load_code(const struct rep *c)
{
    uint8_t code[8] = {c->down ? 0xfd : 0xfc}; /* STD or CLD */
    size_t n = 1;
    code[n++] = random_below(2) ? 0xf3 : 0xf2;
    if (c->size == 2) {
        code[n++] = 0x66;
    } else if (c->size == 8) {
        code[n++] = 0x48;
    }
    code[n++] = (uint8_t)((c->movs ? 0xa4 : 0xaa) | (c->size > 1));
    code[n++] = 0xfc;
    code[n++] = 0xf4;
    bare_load_bytes(code, n);
    if (c->code64) {
        bare_start_64();
    } else {
        bare_start_32();
    }
}

static void run(const struct rep *c)
{
    bare_cpu->rip = BARE_LOAD;
    bare_cpu->halted = false;
    bare_cpu->gpr[X86_RSI] = c->si;
    bare_cpu->gpr[X86_RDI] = c->di;
    bare_cpu->gpr[X86_RCX] = c->cx;
    bare_cpu->gpr[X86_RAX] = c->ax;
    bare_cpu->rflags = SYS_RF_ONE | c->flags;
    bare_run();
}

static void fill(void)
{
    for (unsigned i = 0; i < SPAN; i += sizeof(uint32_t)) {
        uint32_t bytes = (uint32_t)(random_next() >> 32);
        memcpy(&expected[i], &bytes, sizeof(bytes));
    }
    memcpy(&bare_ram[WINDOW], expected, SPAN);
}

static void assert_equal(const struct rep *c, const struct rep *start)
{
    bool same = bare_reg(X86_RSI) == c->si && bare_reg(X86_RDI) == c->di &&
                bare_reg(X86_RCX) == c->cx && bare_reg(X86_RAX) == c->ax &&
                (bare_cpu->rflags & SYS_RF_ARITH) == c->flags &&
                memcmp(expected, &bare_ram[WINDOW], SPAN) == 0;
    if (!same) {
        fail_msg("%s, size %u, %s, si %llx, di %llx, cx %llu, flags %x: si %llx, di %llx, cx %llu, "
                 "flags %x",
                 start->movs ? "MOVS" : "STOS", start->size, start->down ? "down" : "up",
                 (unsigned long long)start->si, (unsigned long long)start->di,
                 (unsigned long long)start->cx, start->flags, (unsigned long long)bare_reg(X86_RSI),
                 (unsigned long long)bare_reg(X86_RDI), (unsigned long long)bare_reg(X86_RCX),
                 (unsigned)(bare_cpu->rflags & SYS_RF_ARITH));
    }
}

static struct rep random_case(bool movs, bool code64)
{
    struct rep c = {.movs = movs,
                    .code64 = code64,
                    .down = random_below(4) == 0,
                    .size = 1u << random_below(code64 ? 4 : 3),
                    .si = WINDOW + 0x5000 + random_below(0x4000),
                    .ax = code64 ? 0x0123456789abcdef : 0x89abcdef,
                    .flags = random_below(2) ? SYS_RF_ARITH : X86_ZF | X86_PF};
    c.di = random_below(2) ? c.si + random_below(64) - 32 : WINDOW + 0x5000 + random_below(0x4000);
    c.cx = random_below(8) ? random_below(200) / c.size : random_below(0x2000) / c.size;
    if (random_below(4) == 0) { /* whole pages, as kernels have them */
        c.si &= ~0xfffULL;
        c.di &= ~0xfffULL;
        c.cx = 4096 / c.size;
        c.down = false;
    }
    return c;
}

static void run_cases(bool movs, bool code64)
{
    for (unsigned i = 0; i < 400; i++) {
        struct rep start = random_case(movs, code64);
        load_code(&start);
        for (unsigned warm = 0; warm < 2; warm++) {
            struct rep c = start;
            fill();
            run(&start);
            reference(&c);
            assert_equal(&c, &start);
        }
    }
}

static void test_movs_in_64_bit_mode(void **state)
{
    (void)state;
    run_cases(true, true);
}

static void test_stos_in_64_bit_mode(void **state)
{
    (void)state;
    run_cases(false, true);
}

static void test_movs_in_32_bit_mode(void **state)
{
    (void)state;
    run_cases(true, false);
}

static void test_stos_in_32_bit_mode(void **state)
{
    (void)state;
    run_cases(false, false);
}

static void test_a_copy_over_its_own_code_is_executed(void **state)
{
    (void)state;
    /* rep stosb over what follows: NOPs become HLT. */
    static const uint8_t code[] = {0xfc, 0xf3, 0xaa, 0x90, 0x90, 0x90, 0x0f, 0x0b};
    bare_load_bytes(code, sizeof(code));
    bare_start_64();
    struct rep c = {.di = BARE_LOAD + 4, .cx = 2, .ax = 0xf4};
    run(&c);
    assert_int_equal(bare_cpu->rip, BARE_LOAD + 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_movs_in_64_bit_mode),
        cmocka_unit_test(test_stos_in_64_bit_mode),
        cmocka_unit_test(test_movs_in_32_bit_mode),
        cmocka_unit_test(test_stos_in_32_bit_mode),
        cmocka_unit_test(test_a_copy_over_its_own_code_is_executed),
    };
    return cmocka_run_group_tests(tests, bare_setup, bare_teardown);
}
