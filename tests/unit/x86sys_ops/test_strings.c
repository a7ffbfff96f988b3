/* String instructions against a reference that does one element after the other:
 * random sizes, directions, overlaps, page crossings, faults. */
#include "kit.h"

#define SPAN  (OPS_PAGES * 4096)
#define LIMIT 20000

static uint8_t expected[SPAN];

static uint64_t seed = 1;
static uint32_t random_below(uint32_t n)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(seed >> 33) % n;
}

static void fill_memory(unsigned values)
{
    for (unsigned i = 0; i < SPAN; i++) {
        expected[i] = (uint8_t)random_below(values);
    }
    for (unsigned i = 0; i < SPAN; i += 4096) {
        memcpy(ops_data(OPS_DATA + i), &expected[i], 4096);
    }
}

static void assert_page(unsigned first, const char *what)
{
    const uint8_t *page = ops_data(OPS_DATA + first);
    if (memcmp(page, &expected[first], 4096) == 0) {
        return;
    }
    for (unsigned i = 0; i < 4096; i++) {
        if (page[i] != expected[first + i]) {
            fail_msg("%s: byte %u is %02x, not %02x", what, first + i, page[i],
                     expected[first + i]);
        }
    }
}

/* By pages, which lie apart. */
static void assert_memory(const char *what)
{
    for (unsigned i = 0; i < SPAN; i += 4096) {
        assert_page(i, what);
    }
}

struct state {
    uint64_t si, di, cx, ax;
    bool zf, cf;
};

static uint64_t element(uint64_t linear, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, &expected[linear - OPS_DATA], size);
    return value;
}

/* One iteration of the reference; op is the opcode without its low bit. */
static void reference_step(struct state *s, unsigned op, unsigned size, bool down)
{
    uint64_t step = down ? 0 - (uint64_t)size : size, a = s->ax, b;
    uint64_t mask = size == 8 ? UINT64_MAX : (1ULL << 8 * size) - 1;
    switch (op) {
    case 0xa4:
        memmove(&expected[s->di - OPS_DATA], &expected[s->si - OPS_DATA], size);
        break;
    case 0xaa:
        memcpy(&expected[s->di - OPS_DATA], &s->ax, size);
        break;
    case 0xac:
        a = element(s->si, size);
        s->ax = size >= 4 ? a : (s->ax & ~mask) | a;
        break;
    default:
        a = op == 0xa6 ? element(s->si, size) : s->ax & mask;
        b = element(s->di, size);
        s->zf = a == b;
        s->cf = a < b;
        break;
    }
    s->si += op == 0xa4 || op == 0xa6 || op == 0xac ? step : 0;
    s->di += op != 0xac ? step : 0;
}

static void reference(struct state *s, unsigned op, unsigned size, bool down, unsigned rep)
{
    bool compares = op == 0xa6 || op == 0xae;
    while (s->cx) {
        reference_step(s, op, size, down);
        s->cx--;
        if (compares && s->zf != (rep == 0xf3)) {
            break;
        }
    }
}

/* Assembles the instruction into text, returns its length. */
static size_t assemble(char *text, unsigned op, unsigned size, unsigned rep)
{
    size_t n = 0;
    text[n++] = (char)rep;
    if (size == 2) {
        text[n++] = 0x66;
    } else if (size == 8) {
        text[n++] = 0x48;
    }
    text[n++] = (char)(op | (size > 1));
    return n;
}

static void load_registers(const struct state *s, bool down)
{
    ops_cpu->rip = OPS_CODE;
    ops_cpu->gpr[X86_RSI] = s->si;
    ops_cpu->gpr[X86_RDI] = s->di;
    ops_cpu->gpr[X86_RCX] = s->cx;
    ops_cpu->gpr[X86_RAX] = s->ax;
    ops_cpu->rflags = 2 | (down ? X86_DF : 0) | (s->zf ? X86_ZF : 0) | (s->cf ? X86_CF : 0);
}

static void assert_registers(const struct state *s, const char *what)
{
    if (ops_cpu->gpr[X86_RSI] != s->si || ops_cpu->gpr[X86_RDI] != s->di ||
        ops_cpu->gpr[X86_RCX] != s->cx || ops_cpu->gpr[X86_RAX] != s->ax) {
        fail_msg(
            "%s: rsi %llx rdi %llx rcx %llx rax %llx", what,
            (unsigned long long)ops_cpu->gpr[X86_RSI], (unsigned long long)ops_cpu->gpr[X86_RDI],
            (unsigned long long)ops_cpu->gpr[X86_RCX], (unsigned long long)ops_cpu->gpr[X86_RAX]);
    }
    assert_int_equal(!!(ops_cpu->rflags & X86_ZF), s->zf);
    assert_int_equal(!!(ops_cpu->rflags & X86_CF), s->cf);
}

static void one_random_case(unsigned op, unsigned rep)
{
    unsigned size = 1u << random_below(4);
    bool down = random_below(2), near = random_below(2);
    uint64_t count = random_below(3) ? random_below(64) : random_below(LIMIT / size);
    uint64_t middle = OPS_DATA + LIMIT + random_below(SPAN - 2 * LIMIT - 100);
    struct state s = {.si = middle,
                      .di = near ? middle + random_below(40) - 20
                                 : OPS_DATA + LIMIT + random_below(SPAN - 2 * LIMIT - 100),
                      .cx = count,
                      .ax = 0x0101010101010101ULL * random_below(2),
                      .zf = random_below(2),
                      .cf = random_below(2)};
    char what[80], text[4];
    snprintf(what, sizeof what, "op %02x size %u rep %02x count %llu %s distance %lld", op, size,
             rep, (unsigned long long)count, down ? "down" : "up", (long long)(s.di - s.si));
    load_registers(&s, down);
    ops_assert_done(ops_run(text, assemble(text, op, size, rep)));
    reference(&s, op, size, down, rep);
    assert_registers(&s, what);
    assert_memory(what);
}

static void run_cases(unsigned op, unsigned values)
{
    ops_long(3);
    for (unsigned i = 0; i < 300; i++) {
        if (i % 50 == 0) {
            fill_memory(values);
        }
        one_random_case(op, i % 3 ? 0xf3 : 0xf2);
    }
}

static void test_movs_is_what_its_elements_are(void **state)
{
    (void)state;
    run_cases(0xa4, 256);
}

static void test_stos_is_what_its_elements_are(void **state)
{
    (void)state;
    run_cases(0xaa, 256);
}

static void test_lods_is_what_its_elements_are(void **state)
{
    (void)state;
    run_cases(0xac, 256);
}

static void test_cmps_is_what_its_elements_are(void **state)
{
    (void)state;
    run_cases(0xa6, 2);
    fill_memory(1);
    for (unsigned i = 0; i < 100; i++) {
        one_random_case(0xa6, 0xf3);
    }
}

static void test_scas_is_what_its_elements_are(void **state)
{
    (void)state;
    run_cases(0xae, 2);
}

static void test_cmps_faults_at_rdi_first(void **state)
{
    (void)state;
    ops_long(3);
    struct state s = {.si = OPS_DATA + 0x8000, .di = OPS_DATA + 0x9000, .cx = 2};
    ops_page(8, 0);
    ops_page(9, 0);
    load_registers(&s, false);
    ops_assert_fault(OPS("\xf3\xa6"), SYS_PF);
    assert_int_equal(ops_cpu->exception.addr, s.di);
}

static void test_a_fault_leaves_what_is_left_to_do(void **state)
{
    (void)state;
    ops_long(3);
    for (unsigned size = 1; size <= 8; size *= 2) {
        char text[4];
        fill_memory(256);
        ops_page(9, 1); /* read-only */
        struct state s = {.si = OPS_DATA, .di = OPS_DATA + 0x8100, .cx = 10000 / size};
        load_registers(&s, false);
        ops_assert_fault(ops_run(text, assemble(text, 0xa4, size, 0xf3)), SYS_PF);
        uint64_t done = 0xf00 / size;
        assert_int_equal(ops_cpu->gpr[X86_RCX], 10000 / size - done);
        assert_int_equal(ops_cpu->gpr[X86_RSI], OPS_DATA + 0xf00);
        assert_int_equal(ops_cpu->gpr[X86_RDI], OPS_DATA + 0x9000);
        ops_page(9, 2);
        s.cx = done;
        reference(&s, 0xa4, size, false, 0xf3);
        assert_memory("up to the fault");
    }
}

static void test_addresses_that_cannot_be_are_refused(void **state)
{
    (void)state;
    ops_long(3);
    ops_cpu->gpr[X86_RDI] = 0x0000800000000000ULL;
    ops_cpu->gpr[X86_RCX] = 8;
    ops_assert_fault(OPS("\xf3\xaa"), SYS_GP);
    assert_int_equal(ops_cpu->gpr[X86_RCX], 8);
}

static void test_no_repetitions_are_none(void **state)
{
    (void)state;
    ops_long(3);
    ops_cpu->gpr[X86_RCX] = 0;
    ops_cpu->gpr[X86_RDI] = ops_cpu->gpr[X86_RSI] = 1ULL << 63;
    ops_assert_done(OPS("\xf3\xa4"));
    ops_assert_done(OPS("\xf3\xa6"));
    assert_int_equal(ops_cpu->rip, OPS_CODE + 4);
}

static void test_real_mode_wraps_at_64_kib(void **state)
{
    (void)state;
    ops_real();
    ops_cpu->gpr[X86_RCX] = 0xabcd0010;
    ops_cpu->gpr[X86_RDI] = 0x1234fff8;
    ops_cpu->gpr[X86_RAX] = 0x77;
    ops_cpu->seg[SYS_ES].base = 0x20000;
    ops_assert_done(OPS("\xf3\xaa"));
    assert_int_equal(ops_cpu->gpr[X86_RCX], 0xabcd0000);
    assert_int_equal(ops_cpu->gpr[X86_RDI], 0x12340008);
    assert_int_equal(*ops_ram(0x2fff8), 0x77);
    assert_int_equal(*ops_ram(0x2ffff), 0x77);
    assert_int_equal(*ops_ram(0x20007), 0x77);
    assert_int_equal(*ops_ram(0x20008), 0);
    assert_int_equal(*ops_ram(0x30000), 0);
}

static void test_an_element_may_not_straddle_the_limit(void **state)
{
    (void)state;
    ops_real();
    ops_cpu->gpr[X86_RCX] = 1;
    ops_cpu->gpr[X86_RDI] = 0xffff;
    ops_assert_fault(OPS("\xf3\xab"), SYS_GP);
    ops_cpu->rflags |= X86_DF;
    ops_cpu->gpr[X86_RCX] = 4;
    ops_assert_fault(OPS("\xf3\xab"), SYS_GP);
    assert_int_equal(ops_cpu->gpr[X86_RCX], 4);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, ops_setup, ops_teardown)
    const struct CMUnitTest tests[] = {
        T(test_movs_is_what_its_elements_are),
        T(test_stos_is_what_its_elements_are),
        T(test_lods_is_what_its_elements_are),
        T(test_cmps_is_what_its_elements_are),
        T(test_cmps_faults_at_rdi_first),
        T(test_scas_is_what_its_elements_are),
        T(test_a_fault_leaves_what_is_left_to_do),
        T(test_addresses_that_cannot_be_are_refused),
        T(test_no_repetitions_are_none),
        T(test_real_mode_wraps_at_64_kib),
        T(test_an_element_may_not_straddle_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
