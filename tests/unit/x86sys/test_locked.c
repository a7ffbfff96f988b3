/* Locked accesses that the host cannot make atomic by itself: across two pages that
 * are no neighbours in RAM, and to devices. Two vCPUs on two threads. */
#include "bare.h"

#include <pthread.h>
#include <string.h>

enum {
    SPLIT = 0x500ffc, /* its second half is on another page of RAM than it seems */
    ELSEWHERE = 0x600000,
    PLAIN = 0x700000,
    ROUNDS = 5000,
};

struct racer {
    struct sys_cpu *cpu;
    pthread_t thread;
};

static void start(struct sys_cpu *cpu, uint64_t rsp)
{
    bare_start_64_on(cpu);
    cpu->gpr[X86_RSP] = rsp;
    cpu->gpr[X86_RBX] = SPLIT;
    cpu->gpr[X86_RDI] = PLAIN;
    cpu->gpr[X86_RSI] = PLAIN + 64;
    cpu->gpr[X86_RCX] = ROUNDS;
}

static void *race(void *opaque)
{
    struct sys_cpu *cpu = opaque;
    sys_cpu_attach(&cpu->cpu);
    start(cpu, BARE_STACK - 0x1000);
    bare_run_on(cpu);
    sys_cpu_free(&cpu->cpu);
    return NULL;
}

static void load_split(const uint8_t *code, size_t size)
{
    bare_load_bytes(code, size);
    bare_map(SPLIT & ~0xfffULL, SPLIT & ~0xfffULL, 7);
    bare_map((SPLIT | 0xfff) + 1, ELSEWHERE, 7);
}

/* The same code on both, from the moment when both are there. */
static void run_two(const uint8_t *code, size_t size)
{
    static const uint8_t meet[] = {
        0xf0, 0xff, 0x06, /* lock inc dword [rsi] */
        0x83, 0x3e, 0x02, /* 1: cmp dword [rsi], 2 */
        0x75, 0xfb,       /* jne 1b */
    };
    uint8_t both[64];
    assert_true(sizeof(meet) + size <= sizeof(both));
    memcpy(both, meet, sizeof(meet));
    memcpy(both + sizeof(meet), code, size);
    load_split(both, sizeof(meet) + size);
    struct racer other = {.cpu = bare_new_cpu()};
    assert_int_equal(pthread_create(&other.thread, NULL, race, other.cpu), 0);
    start(bare_cpu, BARE_STACK);
    bare_run();
    assert_int_equal(pthread_join(other.thread, NULL), 0);
}

static uint64_t split_value(void)
{
    return bare_read(SPLIT, 4) | bare_read(ELSEWHERE, 4) << 32;
}

static void test_locked_additions_across_pages_lose_nothing(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0x48, 0xb8, 0xff, 0xff, 0xff, 0x7f, 1, 0, 0, 0, /* mov rax, 0x17fffffff */
        0xf0, 0x48, 0x01, 0x03,                         /* lock add [rbx], rax */
        0xff, 0xc9,                                     /* dec ecx */
        0x75, 0xf8,                                     /* jnz */
        0xf4,
    };
    run_two(code, sizeof(code));
    assert_int_equal(split_value(), 2ULL * ROUNDS * 0x17fffffff);
}

static void test_an_exchange_across_pages_is_locked_without_a_prefix(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0xb8, 0x00, 0x00, 0x01, 0x00, /* 1: mov eax, 0x10000 */
        0x48, 0x87, 0x03,             /* 2: xchg [rbx], rax */
        0x48, 0x85, 0xc0,             /* test rax, rax */
        0x75, 0xf8,                   /* jnz 2: */
        0xff, 0x07,                   /* inc dword [rdi] */
        0x31, 0xc0,                   /* xor eax, eax */
        0x48, 0x87, 0x03,             /* xchg [rbx], rax */
        0xff, 0xc9,                   /* dec ecx */
        0x75, 0xe8,                   /* jnz 1: */
        0xf4,
    };
    run_two(code, sizeof(code));
    assert_int_equal(bare_read(PLAIN, 4), 2 * ROUNDS);
    assert_int_equal(split_value(), 0);
}

static void test_a_compare_and_exchange_across_pages_is_whole(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0x48, 0x8b, 0x03,             /* 1: mov rax, [rbx] */
        0x48, 0x8d, 0x50, 0x01,       /* 2: lea rdx, [rax + 1] */
        0xf0, 0x48, 0x0f, 0xb1, 0x13, /* lock cmpxchg [rbx], rdx */
        0x75, 0xf5,                   /* jnz 2: */
        0xff, 0xc9,                   /* dec ecx */
        0x75, 0xee,                   /* jnz 1: */
        0xf4,
    };
    run_two(code, sizeof(code));
    assert_int_equal(split_value(), 2 * ROUNDS);
}

static void test_a_locked_access_to_a_device_reads_and_writes_once(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0xf0, 0x83, 0x06, 0x05,    /* lock add dword [rsi], 5 */
        0xb8, 0x07, 0,    0,    0, /* mov eax, 7 */
        0x87, 0x06,                /* xchg [rsi], eax */
        0xf4,
    };
    bare_load_bytes(code, sizeof(code));
    bare_io.value = 10;
    bare_start_64();
    bare_cpu->gpr[X86_RSI] = BARE_IO;
    bare_run();
    assert_int_equal(bare_reg(X86_RAX), 15);
    assert_int_equal(bare_io.value, 7);
    assert_int_equal(bare_io.reads, 2);
    assert_int_equal(bare_io.writes, 2);
}

/* Whoever waits for the BQL while one has read gets it before that one writes, unless
 * nobody else may. */
static void test_locked_additions_to_a_device_lose_nothing(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0xb9, 0xf4, 0x01, 0,    0,    /* mov ecx, 500 */
        0xbb, 0x00, 0x00, 0x00, 0x02, /* mov ebx, BARE_IO */
        0xf0, 0xff, 0x03,             /* 1: lock inc dword [rbx] */
        0xff, 0xc9,                   /* dec ecx */
        0x75, 0xf9,                   /* jnz 1b */
        0xf4,
    };
    run_two(code, sizeof(code));
    assert_int_equal(bare_io.value, 1000);
    assert_int_equal(bare_io.reads, 1000);
    assert_int_equal(bare_io.writes, 1000);
}

static void test_a_locked_access_that_faults_leaves_no_lock_behind(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0xf0, 0x48, 0x01, 0x03,                   /* lock add [rbx], rax */
        0xf4, 0x90, 0x90, 0x90, 0x0f, 0x20, 0xd2, /* mov rdx, cr2 */
        0xf0, 0x48, 0xff, 0x06,                   /* lock inc qword [rsi] */
        0xf4,
    };
    load_split(code, sizeof(code));
    bare_map((SPLIT | 0xfff) + 1, ELSEWHERE, 5);
    start(bare_cpu, BARE_STACK);
    bare_cpu->gpr[X86_RSI] = PLAIN - 4;
    bare_set_handler(bare_cpu, SYS_PF, BARE_LOAD + 8);
    bare_run();
    assert_int_equal(bare_reg(X86_RDX), (SPLIT | 0xfff) + 1);
    assert_int_equal(bare_read(PLAIN - 4, 8), 1);
    assert_int_equal(split_value(), 0);
}

static void test_cmpxchg16b_wants_alignment(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0xf0, 0x48, 0x0f, 0xc7, 0x0f, /* lock cmpxchg16b [rdi] */
        0xf4, 0x90, 0x90, 0x58,       /* pop rax: the error code */
        0x58,                         /* pop rax: rip */
        0xf4,
    };
    bare_load_bytes(code, sizeof(code));
    bare_start_64();
    bare_cpu->gpr[X86_RDI] = PLAIN + 8;
    bare_set_handler(bare_cpu, SYS_GP, BARE_LOAD + 8);
    bare_run();
    assert_int_equal(bare_reg(X86_RAX), BARE_LOAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_locked_additions_across_pages_lose_nothing),
        cmocka_unit_test(test_an_exchange_across_pages_is_locked_without_a_prefix),
        cmocka_unit_test(test_a_compare_and_exchange_across_pages_is_whole),
        cmocka_unit_test(test_a_locked_access_to_a_device_reads_and_writes_once),
        cmocka_unit_test(test_locked_additions_to_a_device_lose_nothing),
        cmocka_unit_test(test_a_locked_access_that_faults_leaves_no_lock_behind),
        cmocka_unit_test(test_cmpxchg16b_wants_alignment),
    };
    return cmocka_run_group_tests(tests, bare_setup, bare_teardown);
}
