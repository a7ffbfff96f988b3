/* Counted instructions: a vCPU stops behind exactly as many as it was given, and who asks
 * for the time in the middle of a block gets the time of the instruction that is at it. */
#include <string.h>

#include "bare.h"
#include "exec/icount.h"
#include "x86sys/stubs.h"

#define SHIFT     3
#define INSNS_MAX 2000

/* What a guest sees of itself. */
struct seen {
    uint64_t rip, rflags, gpr[X86_GPRS];
};

static int64_t first_timer;
static unsigned fired;

static int64_t first_ns(void)
{
    return first_timer;
}

static void fire(void)
{
    fired++;
    first_timer = INT64_MAX;
}

static const struct icount_timers timers = {.first_ns = first_ns, .run = fire};

static void begin(void)
{
    const struct icount_config config = {.shift = SHIFT, .seed = 1};
    first_timer = INT64_MAX;
    fired = 0;
    icount_start(&config, &timers);
}

static void load(const uint8_t *code, size_t size)
{
    begin();
    bare_load_bytes(code, size);
    bare_start_64();
}

static void load_payload(void)
{
    begin();
    bare_load("icount64");
    bare_start_64();
}

/* Returns how many were executed; stops early at a HLT. */
static int32_t run(int32_t insns)
{
    enum sys_exit how = SYS_EXIT_REQUEST;
    icount_begin(&bare_cpu->cpu, insns);
    while (how == SYS_EXIT_REQUEST && bare_cpu->cpu.icount.left > 0) {
        how = sys_cpu_exec(&bare_cpu->cpu);
    }
    assert_int_not_equal(how, SYS_EXIT_SHUTDOWN);
    return icount_end(&bare_cpu->cpu);
}

/* Without arithmetic flags: those that the guest overwrites before it looks are lost. */
static struct seen look(void)
{
    struct seen s = {.rip = bare_cpu->rip, .rflags = bare_cpu->rflags & ~(uint64_t)SYS_RF_ARITH};
    memcpy(s.gpr, bare_cpu->gpr, sizeof(s.gpr));
    return s;
}

/* One by one. Returns how many it has. */
static unsigned trace(struct seen *seen)
{
    unsigned n = 0;
    sys_host_fault_init(); /* cmocka has handlers of its own meanwhile */
    load_payload();
    while (!bare_cpu->halted) {
        assert_true(n < INSNS_MAX);
        assert_int_equal(run(1), 1);
        seen[n++] = look();
    }
    return n;
}

static void test_each_stop_is_where_single_steps_lead(void **state)
{
    static struct seen seen[INSNS_MAX];
    unsigned n = trace(seen);
    (void)state;
    assert_int_equal(bare_reg(X86_R14), 6);
    for (unsigned stop = 1; stop <= n; stop++) {
        load_payload();
        assert_int_equal(run((int32_t)stop), stop);
        struct seen now = look();
        if (memcmp(&now, &seen[stop - 1], sizeof(now)) != 0) {
            fail_msg("after %u: at 0x%llx instead of 0x%llx, flags 0x%llx instead of 0x%llx", stop,
                     (unsigned long long)now.rip, (unsigned long long)seen[stop - 1].rip,
                     (unsigned long long)now.rflags, (unsigned long long)seen[stop - 1].rflags);
        }
    }
}

static void test_the_second_half_ends_as_the_whole_does(void **state)
{
    static struct seen seen[INSNS_MAX];
    unsigned n = trace(seen);
    (void)state;
    for (unsigned stop = 1; stop < n; stop += 7) {
        load_payload();
        (void)run((int32_t)stop);
        assert_int_equal(run(INSNS_MAX), n - stop);
        struct seen now = look();
        assert_memory_equal(&now, &seen[n - 1], sizeof(now));
    }
}

static const uint8_t loop_code[] = {
    0xb9, 0xe8, 3,    0, 0, /* mov ecx, 1000 */
    0x48, 0xff, 0xc3,       /* 1: inc rbx */
    0xff, 0xc9,             /* dec ecx */
    0x75, 0xf9,             /* jnz 1b */
    0xf4,                   /* hlt */
};

static void test_a_loop_stops_in_the_round_that_the_count_says(void **state)
{
    (void)state;
    load(loop_code, sizeof(loop_code));
    assert_int_equal(run(1 + 3 * 500), 1 + 3 * 500);
    assert_int_equal(bare_reg(X86_RBX), 500);
    assert_int_equal(run(1), 1);
    assert_int_equal(bare_reg(X86_RBX), 501);
    assert_int_equal(run(INT32_MAX), 3 * 500 - 1 + 1);
    assert_int_equal(bare_reg(X86_RBX), 1000);
    assert_int_equal(icount_executed(), 1 + 3 * 1000 + 1);
    assert_int_equal(icount_now_ns(), (1 + 3 * 1000 + 1) << SHIFT);
}

/* --- devices --- */

static const uint8_t device_code[] = {
    0xb8, 0,    0,    0, 2, /* mov eax, BARE_IO */
    0x90,                   /* nop */
    0x90,                   /* nop */
    0x48, 0x8b, 0x18,       /* mov rbx, [rax]: the 4th */
    0x90,                   /* nop */
    0x48, 0x89, 0x18,       /* mov [rax], rbx: the 6th */
    0x48, 0xff, 0xc1,       /* inc rcx */
    0x48, 0xff, 0xc1,       /* inc rcx */
    0x48, 0xff, 0xc1,       /* inc rcx */
    0xf4,                   /* hlt */
};

static int64_t at_read, at_write, delay;
static bool sets_timer_at_write;

static void note_time(bool write)
{
    int64_t now = icount_now_ns();
    *(write ? &at_write : &at_read) = now;
    if (delay >= 0 && write == sets_timer_at_write) {
        first_timer = now + delay;
        icount_timer_set();
    }
}

static void load_device(int64_t timer_delay, bool at_the_write)
{
    load(device_code, sizeof(device_code));
    bare_io.value = 42;
    bare_io.touched = note_time;
    delay = timer_delay;
    sets_timer_at_write = at_the_write;
}

static void test_a_device_sees_the_time_of_the_access(void **state)
{
    (void)state;
    load_device(-1, false);
    (void)run(INT32_MAX);
    assert_int_equal(at_read, 3 << SHIFT);
    assert_int_equal(at_write, 6 << SHIFT); /* it is complete by then */
    assert_int_equal(bare_reg(X86_RBX), 42);
}

/* The read is made once, and none is behind it that should come after the timer. */
static void test_a_timer_set_in_a_block_ends_the_run_in_it(void **state)
{
    (void)state;
    for (int insns = 0; insns < 5; insns++) {
        load_device(insns << SHIFT, false);
        assert_int_equal(run(INT32_MAX), 3 + (insns ? insns : 1));
        assert_int_equal(bare_io.reads, 1);
        assert_int_equal(bare_reg(X86_RBX), 42);
        assert_int_equal(fired, 0);
        delay = -1;
        (void)run(INT32_MAX);
        assert_int_equal(fired, 1);
        assert_int_equal(bare_io.reads, 1);
        assert_int_equal(bare_reg(X86_RCX), 3);
    }
}

static void test_a_timer_set_by_a_write_ends_the_run_behind_it(void **state)
{
    (void)state;
    for (int insns = 1; insns < 4; insns++) {
        load_device(insns << SHIFT, true);
        assert_int_equal(run(INT32_MAX), 6 + insns);
        assert_int_equal(bare_io.writes, 1);
        assert_int_equal(bare_reg(X86_RCX), insns);
    }
}

/* Its handler notes RCX: the interrupt comes before the first INC. */
static void raise_at_write(bool write)
{
    if (write) {
        atomic_store(&bare_vector, 0x40);
        sys_cpu_interrupt(&bare_cpu->cpu, SYS_INT_HARD, 0);
    }
}

static void test_an_interrupt_comes_right_behind_the_write_that_raises_it(void **state)
{
    static const uint8_t handler[] = {0x48, 0x89, 0xca, 0x48, 0xcf}; /* mov rdx, rcx; iretq */
    enum { HANDLER = 0x7000 };
    (void)state;
    load_device(-1, false);
    memcpy(bare_ram + HANDLER, handler, sizeof(handler));
    bare_set_handler(bare_cpu, 0x40, HANDLER);
    bare_io.touched = raise_at_write;
    bare_cpu->gpr[X86_RDX] = 99;
    bare_cpu->rflags |= X86_IF;
    sys_mode_update(bare_cpu);
    (void)run(INT32_MAX);
    assert_int_equal(bare_reg(X86_RDX), 0);
    assert_int_equal(bare_reg(X86_RCX), 3);
}

static void test_idle_time_is_skipped_to_the_timer(void **state)
{
    struct event wake = EVENT_INIT;
    (void)state;
    begin();
    assert_false(icount_idle(&wake));
    first_timer = 1000000007;
    assert_true(icount_idle(&wake));
    assert_int_equal(fired, 1);
    assert_int_equal(icount_now_ns(), 1000000007);
    assert_int_equal(icount_executed(), 0);
}

static void test_random_numbers_depend_on_the_seed_alone(void **state)
{
    const struct icount_config config = {.seed = 2};
    uint64_t one;
    (void)state;
    begin();
    one = icount_random();
    begin();
    assert_int_equal(icount_random(), one);
    icount_start(&config, NULL);
    assert_int_not_equal(icount_random(), one);
}

static int setup(void **state)
{
    begin(); /* the vCPU is made for it */
    return bare_setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_stop_is_where_single_steps_lead),
        cmocka_unit_test(test_the_second_half_ends_as_the_whole_does),
        cmocka_unit_test(test_a_loop_stops_in_the_round_that_the_count_says),
        cmocka_unit_test(test_a_device_sees_the_time_of_the_access),
        cmocka_unit_test(test_a_timer_set_in_a_block_ends_the_run_in_it),
        cmocka_unit_test(test_a_timer_set_by_a_write_ends_the_run_behind_it),
        cmocka_unit_test(test_an_interrupt_comes_right_behind_the_write_that_raises_it),
        cmocka_unit_test(test_idle_time_is_skipped_to_the_timer),
        cmocka_unit_test(test_random_numbers_depend_on_the_seed_alone),
    };
    return cmocka_run_group_tests(tests, setup, bare_teardown);
}
