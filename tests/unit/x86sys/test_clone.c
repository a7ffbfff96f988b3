/* A block made from another one's translation is what a translation would have been:
 * random instructions at two linear addresses, copied and translated, byte by byte. And
 * such blocks run, and go, as others do. */
#include <string.h>

#include "bare.h"
#include "stream.h"
#include "exec/code_cache.h"
#include "exec/cpu.h"
#include "exec/exclusive.h"
#include "exec/memory.h"
#include "x86sys/emulate.h"
#include "x86sys/translate.h"

#define PAGE   4096u
#define ROUNDS 4000u

/* The machine's RAM once more, at other addresses. */
#define USER_A   UINT64_C(0x00007f8000000000)
#define USER_B   UINT64_C(0x0000558000000000)
#define LOW      UINT64_C(0)
#define LOW_1G   UINT64_C(0x40000000)
#define KERNEL_A UINT64_C(0xffffffff80000000)
#define KERNEL_B UINT64_C(0xffffffffc0000000)

static void put64(uint64_t address, uint64_t value)
{
    memcpy(bare_ram + address, &value, sizeof(value));
}

/* In 64-bit mode, with the RAM at all those addresses. */
static void start(void)
{
    bare_load_bytes((const uint8_t *)"\xf4", 1);
    bare_start_64();
    uint64_t root = bare_cpu->cr3, second = root + 0x1000, third = root + 0x2000;
    for (unsigned n = 1; n < 512; n++) {
        put64(root + 8UL * n, second | 7);
    }
    put64(second + 8UL * 1, third | 7);
    put64(second + 8UL * 510, third | 7);
    put64(second + 8UL * 511, third | 7);
    sys_tlb_flush(bare_cpu);
}

static uint64_t copied(void)
{
    return bare_cpu->counts[SYS_COUNT_COPIED];
}

static uint64_t translated(void)
{
    return bare_cpu->counts[SYS_COUNT_MADE];
}

/* --- a block as it was made --- */

struct snapshot {
    struct tb *at;
    struct tb tb;
    uint8_t code[16 << 10];
    struct tb_exit exits[SYS_TB_MAX_EXITS];
    struct tb_restart points[SYS_TB_MAX_POINTS];
    unsigned insn_count;
    struct sys_insn insns[SYS_TB_MAX_C];
};

static size_t round_up(size_t n)
{
    return (n + 15) & ~(size_t)15;
}

/* Its metadata: restart points below instructions for C, exits, and the struct tb. */
static void take(struct snapshot *s, struct tb *tb)
{
    size_t insn = round_up(sizeof(struct sys_insn));
    const uint8_t *low =
        (const uint8_t *)tb->restarts + round_up(tb->restart_count * sizeof(*tb->restarts));
    s->at = tb;
    memcpy(&s->tb, tb, sizeof(s->tb));
    memcpy(s->code, code_rw(tb->code_start), tb->host_size);
    memcpy(s->exits, tb->exits, tb->exit_count * sizeof(*tb->exits));
    memcpy(s->points, tb->restarts, tb->restart_count * sizeof(*tb->restarts));
    s->insn_count = (unsigned)((size_t)((const uint8_t *)tb->exits - low) / insn);
    assert_in_range(s->insn_count, 0, SYS_TB_MAX_C);
    for (unsigned i = 0; i < s->insn_count; i++) {
        memcpy(&s->insns[i], (const uint8_t *)tb->exits - insn * (i + 1), sizeof(s->insns[i]));
    }
}

static void compare_tb(const struct tb *a, const struct tb *b)
{
    assert_int_equal(a->pc, b->pc);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->by_ram, b->by_ram);
    assert_int_equal(a->cs, b->cs);
    assert_int_equal(a->ram, b->ram);
    assert_int_equal(a->ram_last, b->ram_last);
    assert_int_equal(a->host, b->host);
    assert_int_equal(a->checked, b->checked);
    assert_memory_equal(a->onward, b->onward, sizeof(a->onward));
    assert_int_equal(a->host_size, b->host_size);
    assert_int_equal(a->insns, b->insns);
    assert_int_equal(a->exit_count, b->exit_count);
    assert_int_equal(a->restart_count, b->restart_count);
    assert_ptr_equal(a->exits, b->exits);
    assert_ptr_equal(a->restarts, b->restarts);
    assert_int_equal(a->code_start, b->code_start);
}

static void compare_exit(const struct tb_exit *a, const struct tb_exit *b)
{
    assert_int_equal(a->pc, b->pc);
    assert_int_equal(a->field, b->field);
    assert_int_equal(a->stub, b->stub);
    assert_int_equal(a->inside, b->inside);
    assert_ptr_equal(a->from, b->from);
    assert_int_equal(a->aside, b->aside);
    assert_int_equal(a->polls, b->polls);
}

static void compare_insn(const struct sys_insn *a, const struct sys_insn *b)
{
    assert_int_equal(a->linear, b->linear);
    assert_int_equal(a->ip, b->ip);
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->bytes, b->bytes, a->len);
    assert_int_equal(a->mnemonic, b->mnemonic);
    assert_int_equal(a->target, b->target);
    assert_int_equal(a->disp, b->disp);
    assert_int_equal(a->imm, b->imm);
    assert_int_equal(a->base, b->base);
    assert_int_equal(a->gprs_read, b->gprs_read);
    assert_int_equal(a->fault, b->fault);
}

static void compare(const struct snapshot *a, const struct snapshot *b)
{
    assert_ptr_equal(a->at, b->at);
    compare_tb(&a->tb, &b->tb);
    assert_memory_equal(a->code, b->code, a->tb.host_size);
    for (unsigned i = 0; i < a->tb.exit_count; i++) {
        compare_exit(&a->exits[i], &b->exits[i]);
    }
    assert_memory_equal(a->points, b->points, a->tb.restart_count * sizeof(a->points[0]));
    assert_int_equal(a->insn_count, b->insn_count);
    for (unsigned i = 0; i < a->insn_count; i++) {
        compare_insn(&a->insns[i], &b->insns[i]);
    }
}

/* --- both ways --- */

static struct tb *translate(uint64_t linear)
{
    int why = 0;
    bare_cpu->rip = linear;
    struct tb *tb = sys_translate(bare_cpu, &why);
    bare_cpu->exception.vector = SYS_NO_EXCEPTION;
    return tb;
}

/* The block at `b`, made when there is one at `a`, whose jumps lead somewhere. */
static struct tb *make(uint64_t a, uint64_t b, bool by_copy)
{
    sys_translate_copies = by_copy;
    tb_flush_exclusive();
    struct tb *first = translate(a);
    assert_non_null(first);
    cpu_exec_start(&bare_cpu->cpu);
    for (unsigned i = 0; i < first->exit_count; i++) {
        tb_chain(&first->exits[i], first);
    }
    cpu_exec_end(&bare_cpu->cpu);
    struct tb *second = translate(b);
    sys_translate_copies = true;
    assert_non_null(second);
    return second;
}

/* Returns how many of the blocks were copies. */
static unsigned compare_many(uint64_t a, uint64_t b, unsigned rounds)
{
    static struct snapshot fresh, copy;
    unsigned copies = 0;
    start();
    bare_cpu->mode |= SYS_MODE_AVX | SYS_MODE_AVX512;
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t at = BARE_LOAD + (stream_random(100) < 80 ? stream_random(PAGE - STREAM_SIZE)
                                                           : stream_random(PAGE));
        uint64_t before = copied();
        stream_put(bare_ram + at, bare_cpu->mode);
        take(&fresh, make(a + at, b + at, false));
        assert_int_equal(copied(), before);
        take(&copy, make(a + at, b + at, true));
        copies += copied() > before;
        compare(&fresh, &copy);
    }
    return copies;
}

static void test_a_copy_is_what_a_translation_would_be(void **state)
{
    (void)state;
    assert_in_range(compare_many(USER_A, USER_B, ROUNDS), ROUNDS * 9 / 10, ROUNDS);
    assert_in_range(compare_many(LOW, LOW_1G, ROUNDS / 4), ROUNDS / 8, ROUNDS / 4);
    assert_in_range(compare_many(KERNEL_A, KERNEL_B, ROUNDS / 4), ROUNDS / 8, ROUNDS / 4);
}

static void test_code_that_would_be_longer_is_not_copied(void **state)
{
    (void)state;
    assert_int_equal(compare_many(LOW, USER_A, ROUNDS / 8), 0);
    assert_int_equal(compare_many(USER_A, KERNEL_B, ROUNDS / 8), 0);
}

/* --- running --- */

/* Takes addresses in all ways: RAX to RDX, RSI, R8. */
static const uint8_t program[] = {
    0x48, 0x8d, 0x05, 0x00, 0x00, 0x00, 0x00, /*  0: lea rax, [rip] */
    0xe8, 0x00, 0x00, 0x00, 0x00,             /*  7: call 12 */
    0x5b,                                     /* 12: pop rbx */
    0x48, 0x8b, 0x0d, 0x14, 0x00, 0x00, 0x00, /* 13: mov rcx, [rip + 20] */
    0xe8, 0xe7, 0x0f, 0x00, 0x00,             /* 20: call 4096 */
    0x0f, 0x01, 0x05, 0x10, 0x00, 0x00, 0x00, /* 25: sgdt [rip + 16]: by C */
    0xf4,                                     /* 32: hlt */
};
static const uint8_t function[] = {
    0x4c, 0x8d, 0x05, 0xf9, 0xff, 0xff, 0xff, /* lea r8, [rip - 7] */
    0x48, 0x8b, 0x34, 0x24,                   /* mov rsi, [rsp] */
    0xc3,                                     /* ret */
};

static void load_program(void)
{
    memcpy(bare_ram + BARE_LOAD, program, sizeof(program));
    put64(BARE_LOAD + 40, UINT64_C(0x1122334455667788));
    memcpy(bare_ram + BARE_LOAD + PAGE, function, sizeof(function));
}

static void run_at(uint64_t linear)
{
    memset(bare_ram + BARE_LOAD + 48, 0, 10);
    memory_ram_written(BARE_LOAD + 48, 10);
    bare_cpu->rip = linear;
    bare_cpu->halted = false;
    bare_cpu->gpr[X86_RSP] = BARE_STACK;
    bare_cpu->rflags = SYS_RF_ONE;
    bare_run();
    assert_int_equal(bare_reg(X86_RAX), linear + 7);
    assert_int_equal(bare_reg(X86_RBX), linear + 12);
    assert_int_equal(bare_reg(X86_RCX), UINT64_C(0x1122334455667788));
    assert_int_equal(bare_reg(X86_RSI), linear + 25);
    assert_int_equal(bare_reg(X86_R8), linear + PAGE);
    assert_int_equal(bare_read(BARE_LOAD + 48, 2), bare_cpu->gdtr.limit);
    assert_int_equal(bare_read(BARE_LOAD + 50, 8), bare_cpu->gdtr.base);
}

static void test_copies_run_where_they_are(void **state)
{
    (void)state;
    start();
    load_program();
    tb_flush_exclusive();
    run_at(USER_A + BARE_LOAD);
    for (unsigned n = 1; n < 250; n++) {
        uint64_t made = translated(), before = copied();
        run_at(((uint64_t)n << 39) + BARE_LOAD);
        assert_int_equal(translated(), made);
        assert_in_range(copied() - before, 4, 6);
    }
    run_at(USER_A + BARE_LOAD);
}

static void test_a_store_ends_the_copy_and_what_it_was_made_from(void **state)
{
    (void)state;
    start();
    load_program();
    tb_flush_exclusive();
    struct tb *first = translate(USER_A + BARE_LOAD), *second = translate(USER_B + BARE_LOAD);
    uint64_t before = copied(), made = translated();
    bare_ram[BARE_LOAD + 3] = 1; /* lea rax, [rip + 1] */
    memory_ram_written(BARE_LOAD + 3, 1);
    assert_true(atomic_load(&first->invalid));
    assert_true(atomic_load(&second->invalid));
    struct tb *third = translate(USER_B + BARE_LOAD);
    assert_int_equal(copied(), before);
    assert_int_equal(translated(), made + 1);
    assert_ptr_not_equal(third, second);
    /* The new one is a model itself. */
    assert_non_null(translate(USER_A + BARE_LOAD));
    assert_int_equal(copied(), before + 1);
    assert_int_equal(translated(), made + 1);
}

/* A page of additions, in blocks that are long. */
static void fill_page(void)
{
    static const uint8_t adds[] = {0x00, 0x03, 0x04, 0x01}; /* add [rbx], al; add al, 1 */
    static const uint8_t end[] = {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xf4};
    for (unsigned i = 0; i < PAGE - sizeof(end); i += sizeof(adds)) {
        memcpy(bare_ram + BARE_LOAD + i, adds, sizeof(adds));
    }
    memcpy(bare_ram + BARE_LOAD + PAGE - sizeof(end), end, sizeof(end));
}

static void test_copies_fill_the_cache_and_go_with_a_flush(void **state)
{
    (void)state;
    start();
    tb_flush_exclusive();
    uint64_t before = tb_flush_count(), made = copied();
    fill_page();
    for (uint64_t n = 1; n < 250 && tb_flush_count() == before; n++) {
        bare_cpu->rip = (n << 39) + BARE_LOAD;
        bare_cpu->halted = false;
        bare_cpu->gpr[X86_RBX] = BARE_STACK;
        bare_cpu->gpr[X86_RAX] = 0;
        bare_cpu->rflags = SYS_RF_ONE;
        bare_run();
        assert_int_equal(bare_reg(X86_RAX) & 0xff, ((PAGE - 8) / 4) & 0xff);
    }
    assert_int_equal(tb_flush_count(), before + 1);
    assert_true(copied() > made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_copy_is_what_a_translation_would_be),
        cmocka_unit_test(test_code_that_would_be_longer_is_not_copied),
        cmocka_unit_test(test_copies_run_where_they_are),
        cmocka_unit_test(test_a_store_ends_the_copy_and_what_it_was_made_from),
        cmocka_unit_test(test_copies_fill_the_cache_and_go_with_a_flush),
    };
    return cmocka_run_group_tests(tests, bare_setup, bare_teardown);
}
