/* MWAIT sleeps, and what ends it. Times are of the host: a sleep that should be short is
 * tried a few times, as the host may be busy. */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "bare.h"
#include "x86sys/model.h"

enum { LINE = 0x90000, HANDLER = 0x7000, VECTOR = 0x40, TRIES = 10 };

#define MS         1000000ULL
#define TIME_OUT   (100 * MS)
#define WAKE_AFTER (10 * MS)

/* mov eax, LINE; xor ecx, ecx; xor edx, edx; monitor; mov ecx, ebx; mwait; inc esi; cli; hlt */
static const uint8_t code[] = {0xb8, 0x00, 0x00, 0x09, 0x00, 0x31, 0xc9, 0x31, 0xd2, 0x0f, 0x01,
                               0xc8, 0x89, 0xd9, 0x0f, 0x01, 0xc9, 0xff, 0xc6, 0xfa, 0xf4};

static uint64_t now(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void pause_for(uint64_t ns)
{
    const struct timespec ts = {.tv_nsec = (long)ns};
    (void)nanosleep(&ts, NULL);
}

static void start(bool interrupts, uint64_t extensions)
{
    static const uint8_t handler[] = {0xff, 0xc7, 0x48, 0xcf}; /* inc edi; iretq */
    bare_load_bytes(code, sizeof code);
    memcpy(bare_ram + HANDLER, handler, sizeof handler);
    bare_start_64();
    bare_set_handler(bare_cpu, VECTOR, HANDLER);
    bare_cpu->gpr[X86_RBX] = extensions;
    bare_cpu->gpr[X86_RSI] = bare_cpu->gpr[X86_RDI] = 0;
    bare_cpu->rflags |= interrupts ? (uint64_t)X86_IF : 0;
    sys_mode_update(bare_cpu);
}

/* How long it takes with `other` going on in another thread. */
static uint64_t run_with(void *(*other)(void *opaque))
{
    pthread_t thread;
    if (other) {
        assert_int_equal(pthread_create(&thread, NULL, other, NULL), 0);
    }
    uint64_t began = now();
    bare_run();
    uint64_t took = now() - began;
    if (other) {
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    assert_int_equal(bare_reg(X86_RSI), 1);
    return took;
}

static void *store(void *opaque)
{
    (void)opaque;
    pause_for(WAKE_AFTER);
    atomic_store((_Atomic(uint32_t) *)(void *)(bare_ram + LINE + 60), 1);
    return NULL;
}

static void *store_beside(void *opaque)
{
    (void)opaque;
    pause_for(WAKE_AFTER);
    atomic_store((_Atomic(uint32_t) *)(void *)(bare_ram + LINE + 64), 1);
    return NULL;
}

static void *interrupt(void *opaque)
{
    (void)opaque;
    pause_for(WAKE_AFTER);
    atomic_store(&bare_vector, VECTOR);
    sys_cpu_interrupt(&bare_cpu->cpu, SYS_INT_HARD, 0);
    return NULL;
}

static void *nmi(void *opaque)
{
    (void)opaque;
    pause_for(WAKE_AFTER);
    sys_cpu_interrupt(&bare_cpu->cpu, SYS_INT_NMI, 0);
    return NULL;
}

/* Once at least before the time-out. */
static void assert_is_woken(void *(*other)(void *opaque), bool interrupts, uint64_t extensions)
{
    for (unsigned n = 0; n < TRIES; n++) {
        start(interrupts, extensions);
        bare_set_handler(bare_cpu, SYS_NMI, HANDLER);
        uint64_t took = run_with(other);
        if (took < TIME_OUT) {
            return;
        }
    }
    fail_msg("MWAIT was never woken before its time-out");
}

static void test_it_ends_by_itself_after_a_while(void **state)
{
    (void)state;
    start(false, 0);
    assert_true(run_with(NULL) >= TIME_OUT);
    start(false, 0);
    assert_true(run_with(store_beside) >= TIME_OUT);
}

static void test_a_store_by_another_thread_ends_it(void **state)
{
    (void)state;
    assert_is_woken(store, false, 0);
}

static void test_an_interrupt_ends_it_and_is_taken_behind_it(void **state)
{
    (void)state;
    assert_is_woken(interrupt, true, 0);
    assert_int_equal(bare_reg(X86_RDI), 1);
    assert_is_woken(nmi, false, 0);
    assert_int_equal(bare_reg(X86_RDI), 1);
}

static void test_a_masked_interrupt_ends_it_if_it_is_to(void **state)
{
    (void)state;
    uint64_t took = TIME_OUT;
    for (unsigned n = 0; n < TRIES && took >= TIME_OUT; n++) {
        start(false, 1);
        sys_cpu_interrupt(&bare_cpu->cpu, SYS_INT_HARD, 0);
        took = run_with(NULL);
    }
    assert_true(took < TIME_OUT);
    assert_int_equal(bare_reg(X86_RDI), 0);
    start(false, 0);
    sys_cpu_interrupt(&bare_cpu->cpu, SYS_INT_HARD, 0);
    assert_true(run_with(NULL) >= TIME_OUT);
}

static void test_without_monitor_it_does_not_sleep(void **state)
{
    (void)state;
    static const uint8_t twice[] = {0x31, 0xc9, 0xbb, 0xe8, 0x03, 0x00, 0x00, /* ebx = 1000 */
                                    0x0f, 0x01, 0xc9, 0xff, 0xcb, 0x75, 0xf9, /* mwait; dec; jnz */
                                    0xff, 0xc6, 0xf4};
    start(false, 0);
    memcpy(bare_ram + BARE_LOAD, twice, sizeof twice);
    assert_true(run_with(NULL) < 1000 * TIME_OUT / 10);
}

/* The look at the line is C's in the middle of guest code. */
static void test_vector_registers_survive_it(void **state)
{
    (void)state;
    static const uint8_t vectors[] = {0xb8, 0x00, 0x00, 0x09, 0x00, /* mov eax, LINE */
                                      0xc5, 0xfe, 0x6f, 0x40, 0x40, /* vmovdqu ymm0, [rax + 64] */
                                      0x31, 0xc9, 0x31, 0xd2,       /* xor ecx, ecx; xor edx, edx */
                                      0x0f, 0x01, 0xc8, 0x0f, 0x01, 0xc9, /* monitor; mwait */
                                      0xc5, 0xfe, 0x7f, 0x80, 0x80, 0x00,
                                      0x00, 0x00,        /* vmovdqu [rax + 128], ymm0 */
                                      0xff, 0xc6, 0xf4}; /* inc esi; hlt */
    if (!sys_model_has(bare_cpu->model, SYS_FEAT_AVX)) {
        skip();
    }
    start(false, 0);
    memcpy(bare_ram + BARE_LOAD, vectors, sizeof vectors);
    memset(bare_ram + LINE + 64, 0xa5, 32);
    bare_cpu->cr4 |= SYS_CR4_OSXSAVE;
    bare_cpu->xcr0 = 7;
    sys_mode_update(bare_cpu);
    (void)run_with(NULL);
    assert_memory_equal(bare_ram + LINE + 128, bare_ram + LINE + 64, 32);
}

static void test_cpuid_tells_of_the_line(void **state)
{
    (void)state;
    struct x86_cpuid r = sys_cpuid(bare_cpu, 5, 0);
    assert_true(sys_cpuid(bare_cpu, 1, 0).ecx & 1 << 3);
    assert_int_equal(r.eax, 64);
    assert_int_equal(r.ebx, 64);
    assert_int_equal(r.ecx, 3);
}

static void test_without_the_feature_it_is_undefined(void **state)
{
    (void)state;
    struct sys_cpu_model plain = *bare_cpu->model;
    const struct sys_cpu_model *model = bare_cpu->model;
    struct error err;
    assert_int_equal(sys_model_parse(&plain, "max", &err), 0);
    static const uint8_t handler[] = {0xff, 0xc7, 0xf4}; /* inc edi; hlt */
    start(false, 0);
    memcpy(bare_ram + HANDLER, handler, sizeof handler);
    bare_set_handler(bare_cpu, SYS_UD, HANDLER);
    bare_cpu->model = &plain;
    bare_run();
    bare_cpu->model = model;
    assert_int_equal(bare_reg(X86_RDI), 1);
    assert_int_equal(bare_reg(X86_RSI), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_ends_by_itself_after_a_while),
        cmocka_unit_test(test_a_store_by_another_thread_ends_it),
        cmocka_unit_test(test_an_interrupt_ends_it_and_is_taken_behind_it),
        cmocka_unit_test(test_a_masked_interrupt_ends_it_if_it_is_to),
        cmocka_unit_test(test_without_monitor_it_does_not_sleep),
        cmocka_unit_test(test_vector_registers_survive_it),
        cmocka_unit_test(test_cpuid_tells_of_the_line),
        cmocka_unit_test(test_without_the_feature_it_is_undefined),
    };
    return cmocka_run_group_tests(tests, bare_setup, bare_teardown);
}
